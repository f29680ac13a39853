import { createConnection, createServer, type Server, type Socket } from 'node:net';

const REMOTE_PROGRAM = 0x20008086;
const CALL = 0;
/** The calls that tests count, by their numbers in remote_protocol.x. */
const names: ReadonlyMap<number, string> = new Map([
  [7, 'capabilities'],
  [14, 'xml'],
  [16, 'info'],
  [212, 'state'],
  [229, 'control'],
  [298, 'job'],
  [344, 'stats'],
  [353, 'addresses'],
  [418, 'guestInfo'],
]);

/** Stands between a fetcher and a libvirtd, and counts what is asked. */
export class CountingProxy implements AsyncDisposable {
  readonly socketPath: string;
  /** How often each call was made since the last {@link reset}. */
  readonly counts = new Map<string, number>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(socketPath: string, target: string) {
    this.socketPath = socketPath;
    this.#server = createServer((client) => this.#join(client, createConnection(target)));
  }

  static async listen(socketPath: string, target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(socketPath, target);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(socketPath, resolve);
    });
    return proxy;
  }

  reset(): void {
    this.counts.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #join(client: Socket, target: Socket): void {
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
    let unread = Buffer.alloc(0);
    client.on('data', (chunk) => {
      unread = Buffer.concat([unread, chunk as Buffer]);
      while (unread.length >= 28 && unread.length >= unread.readUInt32BE(0)) {
        this.#count(unread);
        unread = unread.subarray(unread.readUInt32BE(0));
      }
    });
  }

  #count(packet: Buffer): void {
    if (packet.readUInt32BE(4) !== REMOTE_PROGRAM || packet.readUInt32BE(16) !== CALL) return;
    const procedure = packet.readUInt32BE(12);
    const name = names.get(procedure) ?? String(procedure);
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}
