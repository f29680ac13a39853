import { open } from 'node:fs/promises';
import { ConfigError, type ConfigFaultCode, faultAt } from './faults.ts';
import { type ConfigFile, configLimits } from './read-yaml.ts';

/**
 * Reads a configuration file for {@link loadConfig}; at most one byte more than is allowed is ever read.
 *
 * @throws ConfigError VDT_CONFIG_UNREADABLE, or VDT_CONFIG_TOO_LARGE, or VDT_CONFIG_SYNTAX when it is not UTF-8
 */
export async function readConfigFile(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ConfigFile> {
  options.signal?.throwIfAborted();
  const bytes = await readBounded(path, configLimits.fileBytes + 1).catch((cause: unknown) => {
    throw refused('VDT_CONFIG_UNREADABLE', path, `the file cannot be read: ${reasonOf(cause)}`);
  });
  options.signal?.throwIfAborted();
  if (bytes.length > configLimits.fileBytes) {
    throw refused('VDT_CONFIG_TOO_LARGE', path, `the file is larger than ${configLimits.fileBytes / 2 ** 20} MiB`);
  }
  return { path, text: decode(bytes, path) };
}

async function readBounded(path: string, limitBytes: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  const chunks: Buffer[] = [];
  let leftBytes = limitBytes;
  while (leftBytes > 0) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(leftBytes, 65_536)));
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    leftBytes -= bytesRead;
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refused('VDT_CONFIG_SYNTAX', path, 'the file is not text in UTF-8');
  }
}

function reasonOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'this user may not read it',
    EISDIR: 'it is a directory',
  };
  return known[code ?? ''] ?? String(cause);
}

function refused(code: ConfigFaultCode, path: string, message: string): ConfigError {
  return new ConfigError([faultAt(code, '', { source: 'whole-file', path }, message)]);
}
