import { once } from 'node:events';
import { chmod, rename, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { VedetteError } from '@vedette/runtime';

/** Below the ports the kernel gives to outgoing connections, so that nobody takes one while its libvirtd is down. */
const firstPort = 20_000;
const portCount = 12_000;

/** A port of 127.0.0.1 that nobody listened on a moment ago, and that no outgoing connection will be given. */
export async function steadyPort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = firstPort + Math.floor(Math.random() * portCount);
    const server = await listenOn(port).catch(() => undefined); // taken: try another
    if (server === undefined) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new VedetteError('VDT_TESTBED_START', { message: '50 ports of 127.0.0.1 are all taken' });
}

/**
 * A listening socket of this machine that is handed to a libvirtd of another network namespace, as systemd hands it the
 * sockets of its units: a socket stays in the network it was made in, so the test process can connect. While libvirtd is
 * down, connections are refused.
 */
export class Listener {
  /** What libvirtd calls it: `libvirtd-tls.socket`. */
  readonly name: string;
  /** Of 127.0.0.1. */
  readonly port: number;

  private constructor(name: string, port: number) {
    this.name = name;
    this.port = port;
  }

  static async create(name: string): Promise<Listener> {
    return new Listener(name, await steadyPort());
  }

  /** Listens anew. Whoever opened it closes it once it is handed over. */
  open(): Promise<Server> {
    return listenOn(this.port);
  }
}

/** A listening unix socket at `path`, in place of what was there. Closing it leaves the path to whom it was handed to. */
export async function openUnixListener(path: string, mode: number): Promise<Server> {
  const building = `${path}.new`;
  await rm(building, { force: true });
  const server = await listenOn(building);
  await chmod(building, mode);
  await rename(building, path); // the server removes the path it was made at when it closes
  return server;
}

/** The number of a server's file descriptor, to be inherited by a child. */
export function descriptorOf(server: Server): number {
  // Undocumented but old; a documented way to hand a listening socket to a program that is not Node does not exist.
  const fd = (server as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0)
    throw new VedetteError('VDT_TESTBED_START', { message: 'a listener has no descriptor' });
  return fd;
}

async function listenOn(where: number | string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  if (typeof where === 'number') server.listen(where, '127.0.0.1');
  else server.listen(where);
  await once(server, 'listening');
  return server;
}
