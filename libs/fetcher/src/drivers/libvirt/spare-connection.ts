import type { LibvirtConnection } from '@vedette/libvirt';

/**
 * A second connection to the same libvirtd, for calls that a hung QEMU may hold: libvirtd works on five calls of one
 * client at a time, and one that is held keeps its place for as long as QEMU hangs, whoever waits for it or not.
 *
 * Opened when first needed, and again after it has ended: it ends by itself when five of its calls were given up, and
 * the next one has all five places again. What the ended one held, libvirtd still holds.
 */
export class SpareConnection {
  readonly #connect: (signal: AbortSignal) => Promise<LibvirtConnection>;
  readonly #closing = new AbortController();
  #connection: Promise<LibvirtConnection> | undefined;

  constructor(connect: (signal: AbortSignal) => Promise<LibvirtConnection>) {
    this.#connect = connect;
  }

  /** The connection of this moment; not to be kept. @throws what `connect` throws */
  get(): Promise<LibvirtConnection> {
    if (this.#connection === undefined) {
      const opening = this.#connect(this.#closing.signal);
      const forget = (): void => {
        if (this.#connection === opening) this.#connection = undefined;
      };
      this.#connection = opening;
      opening.then((connection) => void connection.closed.then(forget), forget);
    }
    return this.#connection;
  }

  /** Idempotent. @param reason what pending attempts reject with */
  async close(reason: unknown): Promise<void> {
    this.#closing.abort(reason);
    const connection = await this.#connection?.catch(() => undefined); // one that failed needs no closing
    await connection?.close();
  }
}
