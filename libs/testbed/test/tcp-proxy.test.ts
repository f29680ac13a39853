import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { RealClock } from '@vedette/runtime';
import { eventually, startTcpProxy, type TcpProxy } from '@vedette/testbed';
import { expect, it } from 'vitest';

const clock = new RealClock();
const patient = { timeoutMs: 15_000 };

/** What a client of these tests saw. */
interface Client extends AsyncDisposable {
  readonly socket: Socket;
  readonly received: () => string;
  /** How it ended: an error code, or `end`; undefined while it is open. */
  readonly ended: () => string | undefined;
}

const connectTo = (port: number): Client => {
  const socket = createConnection({ host: '127.0.0.1', port });
  let received = '';
  let ended: string | undefined;
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ended = error.code;
  });
  socket.on('close', () => {
    ended ??= 'end';
  });
  const dispose = async (): Promise<void> => {
    socket.destroy();
  };
  return { socket, received: () => received, ended: () => ended, [Symbol.asyncDispose]: dispose };
};

/** A server that answers what it hears in capitals, and a proxy before it. */
const startShouter = async (): Promise<AsyncDisposable & { readonly proxy: TcpProxy; readonly served: Socket[] }> => {
  const served: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    served.push(socket);
    socket.setEncoding('utf8').on('error', () => undefined);
    socket.on('data', (text: string) => socket.write(text.toUpperCase()));
    socket.on('end', () => socket.end('.'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  const proxy = await startTcpProxy({ port: address.port });
  const dispose = async (): Promise<void> => {
    await proxy.close();
    for (const socket of served) socket.destroy();
    server.close();
  };
  return { proxy, served, [Symbol.asyncDispose]: dispose };
};

it('a proxy passes bytes on both ways, and the end of each way by itself', async () => {
  await using shouter = await startShouter();
  await using client = connectTo(shouter.proxy.port);
  client.socket.write('abc');
  await eventually(() => expect(client.received()).toBe('ABC'), patient);
  expect(shouter.proxy.connections).toBe(1);
  client.socket.end('d');
  await eventually(() => expect([client.received(), client.ended()]).toEqual(['ABCD.', 'end']), patient);
  await eventually(() => expect(shouter.proxy.connections).toBe(0), patient);
});

it('a proxy passes on more than it may hold, to a reader that starts late, whole and in order', async () => {
  await using shouter = await startShouter();
  shouter.proxy.delayMs = 5;
  await using client = connectTo(shouter.proxy.port);
  client.socket.pause();
  const sent = Array.from({ length: 1_000 }, (_, index) => `${index}`.padStart(10, 'x').repeat(1_000)).join('');
  client.socket.write(sent);
  await clock.sleep(100);
  client.socket.resume();
  await eventually(() => expect(client.received().length).toBe(sent.length), { timeoutMs: 60_000 });
  expect(client.received() === sent.toUpperCase()).toBe(true);
}, 70_000);

it('cut, a proxy resets its connections on both sides and refuses new ones; healed, it lets new ones through', async () => {
  await using shouter = await startShouter();
  const { proxy, served } = shouter;
  await using client = connectTo(proxy.port);
  client.socket.write('a');
  await eventually(() => expect(client.received()).toBe('A'), patient);
  await proxy.cut();
  await eventually(() => expect(client.ended()).toBe('ECONNRESET'), patient);
  await eventually(() => expect(served.map((socket) => socket.destroyed)).toEqual([true]), patient);
  await using refused = connectTo(proxy.port);
  await eventually(() => expect(refused.ended()).toBe('ECONNREFUSED'), patient);
  expect(proxy.connections).toBe(0);
  await proxy.heal();
  await using later = connectTo(proxy.port);
  later.socket.write('b');
  await eventually(() => expect(later.received()).toBe('B'), patient);
});

it('cut with new connections swallowed, they are accepted and never answered; healed, they are reset', async () => {
  await using shouter = await startShouter();
  const { proxy, served } = shouter;
  await proxy.cut({ newConnections: 'swallowed' });
  await using client = connectTo(proxy.port);
  await once(client.socket, 'connect');
  client.socket.write('a');
  await eventually(() => expect(proxy.accepted).toBe(1), patient);
  await clock.sleep(100);
  expect([client.received(), client.ended(), served.length]).toEqual(['', undefined, 0]);
  await proxy.heal();
  await eventually(() => expect(client.ended()).toBe('ECONNRESET'), patient);
});

it('stalled, a proxy keeps connections open and passes nothing on; healed, all arrives', async () => {
  await using shouter = await startShouter();
  const { proxy } = shouter;
  await using client = connectTo(proxy.port);
  client.socket.write('a');
  await eventually(() => expect(client.received()).toBe('A'), patient);
  await proxy.stall();
  client.socket.write('b');
  await using newcomer = connectTo(proxy.port);
  await once(newcomer.socket, 'connect');
  newcomer.socket.write('c');
  await clock.sleep(100);
  expect([client.received(), client.ended()]).toEqual(['A', undefined]);
  expect([newcomer.received(), newcomer.ended()]).toEqual(['', undefined]);
  await proxy.heal();
  await eventually(() => expect([client.received(), newcomer.received()]).toEqual(['AB', 'C']), patient);
});

it('each byte is held back for the delay, each way, in order', async () => {
  await using shouter = await startShouter();
  shouter.proxy.delayMs = 150;
  await using client = connectTo(shouter.proxy.port);
  await once(client.socket, 'connect');
  const begunMs = clock.now();
  for (const letter of 'abcdef') client.socket.write(letter);
  await eventually(() => expect(client.received()).toBe('ABCDEF'), patient);
  expect(clock.now() - begunMs).toBeGreaterThan(290);
});

it('a proxy whose server is away resets the client, and goes on', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, 'close');
  await using proxy = await startTcpProxy({ port });
  await using client = connectTo(proxy.port);
  await eventually(() => expect(client.ended()).toBe('ECONNRESET'), patient);
  await eventually(() => expect(proxy.connections).toBe(0), patient);
});

it('connections beyond the bound are reset', async () => {
  await using shouter = await startShouter();
  await using proxy = await startTcpProxy({ port: shouter.proxy.port, maxConnections: 1 });
  await using first = connectTo(proxy.port);
  first.socket.write('a');
  await eventually(() => expect(first.received()).toBe('A'), patient);
  await using second = connectTo(proxy.port);
  await eventually(() => expect(second.ended()).toBe('ECONNRESET'), patient);
  first.socket.write('b');
  await eventually(() => expect(first.received()).toBe('AB'), patient);
});
