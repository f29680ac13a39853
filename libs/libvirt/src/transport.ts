import { createConnection } from 'node:net';
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
  /** Called once, after the last data; without an error when the other side or we closed in order. */
  readonly onClose: (error: Error | undefined) => void;
}

/**
 * Opens a transport. Rejects when `signal` aborts; the handlers are called only after it resolved.
 *
 * @throws VedetteError VDT_LIBVIRT_UNREACHABLE (retryable), VDT_LIBVIRT_PERMISSION
 */
export type Dial = (handlers: TransportHandlers, signal: AbortSignal) => Promise<Transport>;

/** Dials a unix socket. */
export function dialUnix(socketPath: string): Dial {
  return async (handlers, signal) => {
    signal.throwIfAborted();
    const socket = createConnection({ path: socketPath });
    const connected = Promise.withResolvers<void>();
    const onAbort = (): void => {
      socket.destroy();
      connected.reject(signal.reason);
    };
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
      connected.reject(unreachable(socketPath, error));
    });
    socket.on('connect', connected.resolve);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await connected.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    socket.on('data', handlers.onData);
    socket.on('close', () => handlers.onClose(failure));
    return {
      send: (bytes) => {
        if (!socket.destroyed) socket.write(bytes);
      },
      close: () => {
        socket.destroy();
      },
    };
  };
}

function unreachable(socketPath: string, error: NodeJS.ErrnoException): VedetteError {
  const code = error.code === 'EACCES' || error.code === 'EPERM' ? 'VDT_LIBVIRT_PERMISSION' : 'VDT_LIBVIRT_UNREACHABLE';
  return new VedetteError(code, { message: `${socketPath}: ${error.message}`, cause: error });
}
