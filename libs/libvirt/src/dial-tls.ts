import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { VedetteError } from '@vedette/runtime';
import type { TlsAddress } from './address.ts';
import './errors.ts';
import { hostRefusal, tlsFault } from './tls-faults.ts';
import { readTlsCredentials, type TlsCredentials } from './tls-files.ts';
import { type Dial, once, transportOver, untilReady } from './transport.ts';

/** What libvirtd sends when it has accepted our certificate (virNetServerClientCheckAccess), before anything else. */
const ACCEPTED = 1;

/**
 * Dials a libvirtd by TLS 1.2 or newer. Its certificate must be signed by the CA and be for the name in the address; ours
 * is shown if it asks. The connection is ready only when libvirtd has said that it accepts us, which it does by one byte.
 */
export function dialTls(address: TlsAddress): Dial {
  return async (handlers, signal) => {
    signal.throwIfAborted();
    const credentials = await readTlsCredentials(address);
    const secureContext = contextOf(credentials);
    signal.throwIfAborted();
    const { host, port } = address;
    const socket = connect({ host, port, secureContext, rejectUnauthorized: true });
    socket.setNoDelay(true);
    await untilReady(socket, signal, once(socket, 'secureConnect'), (error) => tlsFault(address, credentials, error));
    await untilReady(socket, signal, accepted(socket), (error) => hostRefusal(address, credentials, error));
    return transportOver(socket, handlers, oneByOne(socket));
  };
}

/**
 * Writes each message as a TLS record of its own, by waiting for the last one before the next: Node would put what is
 * written at once into one record, and libvirtd (9.0.0) leaves the third message of a record unread until something else
 * comes. libvirt's own clients send a record per message, too.
 */
function oneByOne(socket: TLSSocket): (bytes: Uint8Array) => void {
  const queue: Uint8Array[] = [];
  let writing = false;
  const next = (): void => {
    const bytes = socket.destroyed ? undefined : queue.shift();
    writing = bytes !== undefined;
    if (bytes !== undefined) socket.write(bytes, next);
  };
  return (bytes) => {
    queue.push(bytes);
    if (!writing) next();
  };
}

function contextOf({ ca, caFile, own }: TlsCredentials): SecureContext {
  try {
    const pair = own === undefined ? {} : { cert: own.cert, key: own.key };
    return createSecureContext({ ca, minVersion: 'TLSv1.2', ...pair });
  } catch (error) {
    const files = own === undefined ? caFile : `${caFile} or ${own.certFile} with its key`;
    const message = `${files} cannot be used: ${(error as Error).message}`;
    throw new VedetteError('VDT_LIBVIRT_CREDENTIALS', { message, cause: error });
  }
}

/** Reads exactly the one byte; what follows it belongs to the connection. */
async function accepted(socket: TLSSocket): Promise<void> {
  const first = await new Promise<Buffer>((resolve) => {
    const onReadable = (): void => {
      const byte = socket.read(1) as Buffer | null;
      if (byte === null) return;
      socket.off('readable', onReadable);
      resolve(byte);
    };
    socket.on('readable', onReadable);
    onReadable();
  });
  if (first[0] === ACCEPTED) return;
  throw new VedetteError('VDT_LIBVIRT_PROTOCOL', { message: `the host greets with ${first[0]}, as no libvirtd does` });
}
