import { createConnection, type Socket } from 'node:net';
import { VedetteError } from '@vedette/runtime';
import './errors.ts';

/** A stream of bytes to and from a libvirtd; whoever dialled it closes it. */
export interface Transport {
  /** Queues bytes to be sent. Does nothing once closed. */
  send(bytes: Uint8Array): void;
  /** Idempotent; {@link TransportHandlers.onClose} follows. */
  close(): void;
}

export interface TransportHandlers {
  readonly onData: (chunk: Buffer) => void;
  /**
   * Called once, after the last data; without an error when the other side or we closed in order. A VedetteError says
   * what it comes to, as an ssh that was refused.
   */
  readonly onClose: (error: Error | undefined) => void;
}

/**
 * Opens a transport. Rejects when `signal` aborts, and then leaves nothing behind; the handlers are called only after
 * it resolved.
 *
 * @throws VedetteError VDT_LIBVIRT_UNREACHABLE (retryable), _PERMISSION, _AUTH, _HOST_IDENTITY, _CREDENTIALS, _HELPER,
 * _PROTOCOL
 */
export type Dial = (handlers: TransportHandlers, signal: AbortSignal) => Promise<Transport>;

/** Dials a unix socket. */
export function dialUnix(socketPath: string): Dial {
  return async (handlers, signal) => {
    signal.throwIfAborted();
    const socket = createConnection({ path: socketPath });
    await untilReady(socket, signal, once(socket, 'connect'), (error) => unreachable(socketPath, error));
    return transportOver(socket, handlers);
  };
}

/** Dials the first of some unix sockets that answers. One that is there and forbidden is not passed over. */
export function dialFirst(socketPaths: readonly string[]): Dial {
  return async (handlers, signal) => {
    const failures: VedetteError[] = [];
    for (const socketPath of socketPaths) {
      try {
        return await dialUnix(socketPath)(handlers, signal);
      } catch (error) {
        if (!VedetteError.is(error, 'VDT_LIBVIRT_UNREACHABLE')) throw error;
        failures.push(error);
      }
    }
    const message = failures.map((failure) => failure.message).join('; ');
    throw new VedetteError('VDT_LIBVIRT_UNREACHABLE', { message, cause: failures[0] });
  };
}

/** Dials a host in plain text: whoever calls this has made sure that the operator accepts that. */
export function dialTcp(host: string, port: number): Dial {
  return async (handlers, signal) => {
    signal.throwIfAborted();
    const socket = createConnection({ host, port, noDelay: true });
    await untilReady(socket, signal, once(socket, 'connect'), (error) => unreachable(`${host}:${port}`, error));
    return transportOver(socket, handlers);
  };
}

/** Resolves at the first event of that name. */
export function once(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve) => {
    socket.once(event, resolve);
  });
}

/**
 * Waits until `ready`, and destroys the socket when that fails, when the socket does, or when `signal` aborts.
 *
 * @param fault what an error of the socket comes to; it closing in order is an error without a code
 */
export async function untilReady(
  socket: Socket,
  signal: AbortSignal,
  ready: Promise<void>,
  fault: (error: NodeJS.ErrnoException) => VedetteError,
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  const onError = (error: Error): void => failed.reject(fault(error));
  const onClose = (): void => failed.reject(fault(new Error('the other side closed the connection')));
  const onAbort = (): void => failed.reject(signal.reason);
  socket.on('error', ignored).on('error', onError).on('close', onClose);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await Promise.race([ready, failed.promise]);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    failed.promise.catch(() => undefined); // when both happen, the race has taken the first
    signal.removeEventListener('abort', onAbort);
    socket.off('error', onError).off('close', onClose);
  }
}

/** Stays for good: an error nobody listens for would end the process. Whoever cares listens too. */
function ignored(): void {}

/**
 * A transport over a socket that is ready.
 *
 * @param send writes to it; the socket's own way unless said
 */
export function transportOver(
  socket: Socket,
  handlers: TransportHandlers,
  send: (bytes: Uint8Array) => void = (bytes) => socket.write(bytes),
): Transport {
  let failure: Error | undefined;
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('data', handlers.onData);
  socket.on('close', () => handlers.onClose(failure));
  socket.resume(); // one that was read from before stands still
  return {
    send: (bytes) => {
      if (!socket.destroyed) send(bytes);
    },
    close: () => {
      socket.destroy();
    },
  };
}

/** What a socket that could not be opened comes to. */
export function unreachable(where: string, error: NodeJS.ErrnoException): VedetteError {
  const code = error.code === 'EACCES' || error.code === 'EPERM' ? 'VDT_LIBVIRT_PERMISSION' : 'VDT_LIBVIRT_UNREACHABLE';
  return new VedetteError(code, { message: `${where}: ${wordsOf(error)}`, cause: error });
}

/** A name with several addresses fails with one error for each of them, and no words of its own. */
function wordsOf(error: Error): string {
  if (!(error instanceof AggregateError)) return error.message;
  return error.errors.map((one) => (one instanceof Error ? one.message : String(one))).join(', ');
}
