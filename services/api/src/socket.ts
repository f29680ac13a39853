import { lstat, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { type Clock, VedetteError, withDeadline } from '@vedette/runtime';
import './errors.ts';

/** What a unix socket's address can hold, its end mark included (unix(7)). */
const addressBytes = 108;
const probeTimeoutMs = 2_000;

export interface SocketOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Lets `server` listen on a unix socket that only its owner can open (mode 0600, from its first moment). A socket that
 * nobody answers on any more is replaced.
 *
 * @throws VedetteError VDT_API_SOCKET_IN_USE when another process answers there, VDT_API_SOCKET_PATH when it cannot be
 *   made or something else stands there
 */
export async function listenOnSocket(server: Server, options: SocketOptions): Promise<void> {
  const { path } = options;
  if (Buffer.byteLength(path) >= addressBytes) {
    throw unusable(`${path} has ${Buffer.byteLength(path)} bytes; a socket's path may have ${addressBytes - 1}`);
  }
  try {
    await listen(server, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw unusable(`${path}: ${reasonOf(error)}`, error);
    await removeStale(options);
    await listen(server, path).catch((again: unknown) => {
      throw unusable(`${path}: ${reasonOf(again)}`, again);
    });
  }
}

/** Binding happens within `listen`, so the mask covers the making of the socket and nothing else. */
async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.once('listening', resolve);
  const mask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(mask);
  }
  try {
    await promise;
  } finally {
    server.off('error', reject);
    server.off('listening', resolve);
  }
}

async function removeStale({ path, clock, signal }: SocketOptions): Promise<void> {
  const found = await lstat(path);
  if (!found.isSocket()) throw unusable(`${path} is there already and is no socket`);
  const answers = await withDeadline(clock, { what: `a probe of ${path}`, timeoutMs: probeTimeoutMs, signal }, () =>
    isAnswered(path),
  ).catch(() => {
    signal.throwIfAborted();
    return true; // it accepts and does not settle: somebody holds it
  });
  if (answers) throw new VedetteError('VDT_API_SOCKET_IN_USE', { message: `${path} is served by another process` });
  await unlink(path);
}

/** Whether a process accepts connections on the socket. */
export function isAnswered(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = connect(path);
  probe.once('connect', () => resolve(true));
  probe.once('error', (error: NodeJS.ErrnoException) => resolve(!isNobody(error)));
  return promise.finally(() => probe.destroy());
}

function isNobody({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

function unusable(message: string, cause?: unknown): VedetteError {
  return new VedetteError('VDT_API_SOCKET_PATH', { message, ...(cause === undefined ? {} : { cause }) });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    EACCES: 'its folder does not exist, or this user may not write to it', // libuv tells no difference
    EROFS: 'the file system is read-only',
  };
  return known[code ?? ''] ?? message;
}
