/** What no sound libvirtd does over TLS, played by a TLS server of node; a real one: remote.test.ts. */
import { readFile } from 'node:fs/promises';
import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { connectLibvirt } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import { eventually, runCommand, type TempDir, tempDir } from '@vedette/testbed';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeLibvirtd } from './fake-libvirtd.ts';

let folder: TempDir;

beforeAll(async () => {
  folder = await tempDir('tls');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', inFolder('key.pem'), '-out', inFolder('cert.pem')];
  await runCommand('openssl', ['req', '-x509', ...key, ...names, ...files], { env: process.env });
});
afterAll(() => folder[Symbol.asyncDispose]());

function inFolder(name: string): string {
  return join(folder.path, name);
}

interface Served extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open. */
  readonly open: () => number;
}

async function served(server: Server, sockets: Set<Socket>): Promise<Served> {
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined); // the client under test may leave as rudely as it likes
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    open: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server with a certificate that the client trusts. */
async function tlsServer(
  serve: (socket: TLSSocket) => void,
  maxVersion: 'TLSv1.3' | 'TLSv1.1' = 'TLSv1.3',
): Promise<Served> {
  const [cert, key] = await Promise.all([readFile(inFolder('cert.pem')), readFile(inFolder('key.pem'))]);
  const versions = maxVersion === 'TLSv1.1' ? ({ minVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const) : {};
  const server = createServer({ cert, key, maxVersion, ...versions }, (socket) => {
    socket.on('error', () => undefined);
    serve(socket);
    socket.resume(); // one that is not read never learns that the client has left
  });
  server.on('tlsClientError', () => undefined);
  return served(server, new Set());
}

function plainServer(serve: (socket: Socket) => void): Promise<Served> {
  return served(
    createPlainServer((socket) => {
      serve(socket);
      socket.resume(); // as above
    }),
    new Set(),
  );
}

function uriOf({ port }: Served): string {
  return `qemu+tls://127.0.0.1:${port}/system?cacert=${inFolder('cert.pem')}&pkipath=/nowhere`;
}

function outcome(server: Served, timeoutMs = 10_000): Promise<unknown> {
  return connectLibvirt({ uri: uriOf(server), timeoutMs }).then(
    () => 'connected',
    (error: unknown) => error,
  );
}

/** Speaks as a fake libvirtd once it has greeted. */
function speak(libvirtd: FakeLibvirtd, socket: TLSSocket): void {
  const peer = libvirtd.accept(
    (bytes) => socket.write(bytes),
    () => socket.end(),
  );
  socket.on('data', (chunk) => peer.receive(chunk));
  socket.write(Buffer.of(1));
}

it('the byte that says we are accepted is awaited, and is no part of what follows, even in one piece with it', async () => {
  await using server = await tlsServer((socket) => {
    const libvirtd = new FakeLibvirtd();
    libvirtd.script = (call, peer) => {
      if (call.procedure !== 66) return false;
      peer.reply(call, (it) => it.array([0], (_, type) => it.int(type)));
      return true;
    };
    speak(libvirtd, socket);
  });
  await using connection = await connectLibvirt({ uri: uriOf(server) });
  expect(connection.isClosed).toBe(false);
});

it.each<[string, (socket: TLSSocket) => void, string, RegExp]>([
  ['greets with something else', (it) => it.write('\0'), 'VDT_LIBVIRT_PROTOCOL', /greets with 0/],
  ['closes instead of greeting', (it) => it.end(), 'VDT_LIBVIRT_AUTH', /wants a client certificate, and there is none/],
  ['says garbage after greeting', (it) => it.write('\u0001-ERR unknown\r\n'), 'VDT_LIBVIRT_PROTOCOL', /bytes long/],
  [
    'says 200 MB are coming',
    (it) => it.write(Buffer.from('010c80000020008086', 'hex')),
    'VDT_LIBVIRT_PROTOCOL',
    /209715200 bytes/,
  ],
  [
    'ends in half a reply',
    (it) => it.end(Buffer.from('0100000040200080860000', 'hex')),
    'VDT_LIBVIRT_CLOSED',
    /in the middle/,
  ],
])('N1: a server that %s', async (_, serve, code, message) => {
  await using server = await tlsServer(serve);
  const error = await outcome(server);
  expect(error).toMatchObject({ code: expect.stringMatching(code), message: expect.stringMatching(message) });
});

it.each<[string, (socket: Socket) => void, RegExp]>([
  ['speaks HTTP', (it) => it.end('HTTP/1.1 400 Bad Request\r\n\r\n'), /VDT_LIBVIRT_PROTOCOL/],
  ['says garbage', (it) => it.end(Buffer.alloc(4_096, 0xff)), /VDT_LIBVIRT_PROTOCOL/],
  ['breaks off in the handshake', (it) => it.once('data', () => it.resetAndDestroy()), /VDT_LIBVIRT_UNREACHABLE/],
  ['closes in the handshake', (it) => it.once('data', () => it.end()), /VDT_LIBVIRT_UNREACHABLE/],
])('N1: a server that is none of TLS and %s', async (_, serve, code) => {
  await using server = await plainServer(serve);
  expect(await outcome(server)).toMatchObject({ code: expect.stringMatching(code) });
});

it('TLS older than 1.2 is not spoken', async () => {
  await using server = await tlsServer((socket) => socket.write(Buffer.of(1)), 'TLSv1.1');
  expect(await outcome(server)).toMatchObject({
    code: 'VDT_LIBVIRT_PROTOCOL',
    message: expect.stringContaining('TLS 1.2'),
  });
});

it.each<[string, () => Promise<Served>]>([
  ['in the handshake', () => plainServer(() => undefined)],
  ['after the handshake', () => tlsServer(() => undefined)],
  ['after the greeting', () => tlsServer((socket) => socket.write(Buffer.of(1)))],
])('N1: silence %s ends at the deadline, and leaves no socket', async (_, serve) => {
  await using server = await serve();
  expect(await outcome(server, 300)).toMatchObject({ code: 'VDT_RUNTIME_DEADLINE', retryable: true });
  await eventually(() => expect(server.open()).toBe(0), { timeoutMs: 15_000 });
});

it('given up while it dials, it ends with the reason of its signal', async () => {
  await using server = await plainServer(() => undefined);
  const controller = new AbortController();
  const connecting = connectLibvirt({ uri: uriOf(server), signal: controller.signal });
  controller.abort(new VedetteError('VDT_LIBVIRT_CLOSED', { message: 'enough' }));
  await expect(connecting).rejects.toMatchObject({ message: 'enough' });
});

it('N1: nobody at the port', async () => {
  const server = await plainServer(() => undefined);
  await server[Symbol.asyncDispose]();
  expect(await outcome(server)).toMatchObject({ code: 'VDT_LIBVIRT_UNREACHABLE', retryable: true });
});

it('N1: a host name that does not resolve', async () => {
  const uri = `qemu+tls://no-such-host.invalid/system?cacert=${inFolder('cert.pem')}`;
  await expect(connectLibvirt({ uri })).rejects.toMatchObject({
    code: 'VDT_LIBVIRT_UNREACHABLE',
    message: expect.stringMatching(/no-such-host\.invalid:16514: .*(ENOTFOUND|EAI_AGAIN)/),
  });
});

it('files that are not there, are no certificates or do not fit each other are named', async () => {
  const failing = (query: string): Promise<unknown> =>
    connectLibvirt({ uri: `qemu+tls://127.0.0.1:1/system?${query}` }).catch((error: unknown) => error);
  const named = (words: string): object => ({
    code: 'VDT_LIBVIRT_CREDENTIALS',
    retryable: false,
    message: expect.stringContaining(words),
  });
  const [cert, key] = [inFolder('cert.pem'), inFolder('key.pem')];
  expect(await failing('pkipath=/nowhere')).toMatchObject(named('there is no CA certificate at /nowhere/cacert.pem'));
  expect(await failing('cacert=/nowhere/ca.pem')).toMatchObject(named('/nowhere/ca.pem'));
  expect(await failing(`cacert=${cert}&clientcert=/nowhere/c&clientkey=${key}`)).toMatchObject(
    named('/nowhere/c cannot'),
  );
  expect(await failing(`cacert=${cert}&clientcert=${key}&clientkey=${cert}`)).toMatchObject(
    named(`${key} with its key`),
  );
  expect(await failing(`cacert=${folder.path}`)).toMatchObject(named(`${folder.path} cannot be read`));
});
