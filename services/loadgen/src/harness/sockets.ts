import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/**
 * Counts what goes through the client sockets that this process opens from now on, whoever opens them: bytes of TCP
 * payload, TLS included, headers of TCP and IP not. Node tells of each new socket on its diagnostics channel
 * `net.client.socket`.
 */
export class SocketMeter implements Disposable {
  readonly #open = new Set<Socket>();
  #ignoring = 0;
  #closedRead = 0;
  #closedWritten = 0;

  constructor() {
    subscribe('net.client.socket', this.#opened);
  }

  get sockets(): number {
    return this.#open.size;
  }

  get bytes(): { readonly received: number; readonly sent: number } {
    let received = this.#closedRead;
    let sent = this.#closedWritten;
    for (const socket of this.#open) {
      received += socket.bytesRead;
      sent += socket.bytesWritten;
    }
    return { received, sent };
  }

  /** Leaves out what is opened while `work` runs: a probe's own connection is no part of what is measured. */
  async ignoring<T>(work: () => Promise<T>): Promise<T> {
    this.#ignoring++;
    try {
      return await work();
    } finally {
      this.#ignoring--;
    }
  }

  [Symbol.dispose](): void {
    unsubscribe('net.client.socket', this.#opened);
  }

  readonly #opened = (message: unknown): void => {
    if (this.#ignoring > 0) return;
    const { socket } = message as { readonly socket: Socket };
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#closedRead += socket.bytesRead;
      this.#closedWritten += socket.bytesWritten;
    });
  };
}
