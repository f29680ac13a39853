import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import type { TlsAddress } from './address.ts';
import './errors.ts';

/** What a TLS client shows and trusts, in PEM, and which files it came from. */
export interface TlsCredentials {
  readonly ca: Buffer;
  readonly caFile: string;
  /** Undefined: we show no certificate, and a libvirtd that asks for one refuses us. */
  readonly own: { readonly cert: Buffer; readonly key: Buffer; readonly certFile: string } | undefined;
}

interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** libvirt's own places (libvirt.org, "TLS certificates"): the system's. */
const systemFiles: TlsFiles = {
  ca: '/etc/pki/CA/cacert.pem',
  cert: '/etc/pki/libvirt/clientcert.pem',
  key: '/etc/pki/libvirt/private/clientkey.pem',
};

/**
 * Reads the files of an address; of what it does not name, the user's own in `~/.pki/libvirt`, else the system's. Read
 * anew for every connection, so that renewed certificates are taken without a restart.
 *
 * @throws VedetteError VDT_LIBVIRT_CREDENTIALS
 */
export async function readTlsCredentials(address: TlsAddress): Promise<TlsCredentials> {
  const named = address.pkiPath === undefined ? undefined : filesIn(address.pkiPath);
  const places = named === undefined ? [filesIn(join(homedir(), '.pki/libvirt')), systemFiles] : [named];
  const [caFile, ca] = await firstOf(address.caFile === undefined ? places.map((place) => place.ca) : [address.caFile]);
  if (address.certificateFile !== undefined && address.keyFile !== undefined) {
    return { ca, caFile, own: await readPair(address.certificateFile, address.keyFile) };
  }
  for (const { cert, key } of places) {
    const certificate = await readIfThere(cert);
    if (certificate !== undefined) return { ca, caFile, own: await readPair(cert, key) };
  }
  return { ca, caFile, own: undefined };
}

function filesIn(folder: string): TlsFiles {
  return { ca: join(folder, 'cacert.pem'), cert: join(folder, 'clientcert.pem'), key: join(folder, 'clientkey.pem') };
}

async function readPair(certFile: string, keyFile: string): Promise<NonNullable<TlsCredentials['own']>> {
  const [cert, key] = await Promise.all([readOrFail(certFile), readOrFail(keyFile)]);
  return { cert, key, certFile };
}

async function firstOf(files: readonly string[]): Promise<readonly [string, Buffer]> {
  for (const file of files) {
    const content = await readIfThere(file);
    if (content !== undefined) return [file, content];
  }
  throw new VedetteError('VDT_LIBVIRT_CREDENTIALS', {
    message: `there is no CA certificate at ${files.join(' or ')}`,
    action:
      'put the certificate of the CA that signed the certificates of the hosts there, or name it by cacert= or pkipath=',
  });
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(file, error);
  }
}

async function readOrFail(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): VedetteError {
  const message = `${file} cannot be read: ${(error as Error).message}`;
  return new VedetteError('VDT_LIBVIRT_CREDENTIALS', { message, cause: error });
}
