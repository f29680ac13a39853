import { once } from 'node:events';
import { createServer } from 'node:net';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect as rawConnect } from '@nats-io/transport-node';
import { eventually, startTcpProxy } from '@vedette/testbed';
import { createNkey, natsAvailable, startNats } from '@vedette/testbed/nats';
import { describe, expect, test } from 'vitest';
import { bytes, clock, connect, failure, messages, ownStream, text, timeoutMs } from './nats-kit.ts';

const available = await natsAvailable();

describe.skipIf(!available.ok)(`access by the nats driver${available.ok ? '' : ` (${available.reason})`}`, () => {
  test('a user and password; wrong ones are refused at once and for good', async () => {
    await using server = await startNats({ users: [{ user: 'ann', password: 'right' }] });
    await using bus = await connect([server.url], { auth: { user: 'ann', password: 'right' }, stream: ownStream() });
    expect(bus.connected).toBe(true);
    const startMs = clock.now();
    const wrong = await failure(connect([server.url], { auth: { user: 'ann', password: 'wrong' } }));
    expect(wrong).toMatchObject({ code: 'VDT_BUS_AUTH', retryable: false });
    expect(await failure(connect([server.url]))).toMatchObject({ code: 'VDT_BUS_AUTH' });
    expect(clock.now() - startMs).toBeLessThan(timeoutMs);
  });

  test('an nkey', async () => {
    const [known, strange] = [createNkey(), createNkey()];
    await using server = await startNats({ nkeyUsers: [{ nkey: known.publicKey }] });
    await using bus = await connect([server.url], { auth: { nkeySeed: known.seed }, stream: ownStream() });
    expect(bus.connected).toBe(true);
    const refused = await failure(connect([server.url], { auth: { nkeySeed: strange.seed } }));
    expect(refused).toMatchObject({ code: 'VDT_BUS_AUTH' });
  });

  test('a credentials file, read anew at each connection; one that is not there', async () => {
    await using server = await startNats({ operator: true });
    const { credsFile, strangeCredsFile } = server.operator;
    await using bus = await connect([server.url], { auth: { credsFile }, stream: ownStream() });
    expect(bus.connected).toBe(true);
    for (const file of [strangeCredsFile, `${credsFile}.missing`]) {
      // oxlint-disable-next-line no-await-in-loop -- each has to fail by itself
      const refused = await failure(connect([server.url], { auth: { credsFile: file } }));
      expect(refused, file).toMatchObject({ code: 'VDT_BUS_AUTH', retryable: false });
    }
    await server.restart();
    await eventually(async () => expect(bus.connected).toBe(true), { timeoutMs: 15_000 });
  });

  test('TLS, verified on both sides', async () => {
    await using server = await startNats({ tls: { verifyClients: true } });
    const { ca, otherCa, client, strangeClient } = server.tls;
    const mine = { caFile: ca, certFile: client.cert, keyFile: client.key };
    await using bus = await connect([server.url], { tls: mine, stream: ownStream() });
    expect(bus.connected).toBe(true);
    const quick = { connectTimeoutMs: 1_000 };
    for (const tls of [
      { ...mine, caFile: otherCa },
      { ...mine, certFile: strangeClient.cert, keyFile: strangeClient.key },
      { caFile: ca },
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- each has to fail by itself
      expect(await failure(connect([server.url], { ...quick, tls }))).toMatchObject({ code: 'VDT_BUS_CONNECT' });
    }
  });

  test('a certificate of another name is refused', async () => {
    await using server = await startNats({ tls: { serverName: 'elsewhere.test' } });
    const tls = { caFile: server.tls.ca };
    const refused = await failure(connect([server.url], { tls, connectTimeoutMs: 1_000 }));
    expect(refused).toMatchObject({ code: 'VDT_BUS_CONNECT', retryable: true });
  });

  test('what the broker does not permit is refused, and nobody waits for it', async () => {
    const allowed = ['$JS.API.>', 'v.open', '_INBOX.>', '_VDT.>'];
    const permissions = { publish: { allow: allowed }, subscribe: { allow: ['v.open', '_INBOX.>', '_VDT.>'] } };
    await using server = await startNats({ users: [{ user: 'ann', password: 'x', permissions }] });
    const stream = { name: 'T', subjects: ['v.>'] };
    await using bus = await connect([server.url], { auth: { user: 'ann', password: 'x' }, stream });
    const startMs = clock.now();
    const outcomes = await bus.publish(messages('v.closed', 2), { timeoutMs });
    for (const each of outcomes) expect(each).toMatchObject({ status: 'refused', error: { code: 'VDT_BUS_REFUSED' } });
    const failures = [
      await failure(bus.call('w.closed', bytes(''), { timeoutMs })),
      await failure(bus.subscribe({ patterns: ['v.closed'], handler: () => undefined })),
      await failure(bus.serve({ pattern: 'w.closed', concurrency: 1, maxQueued: 1, handler: () => bytes('') })),
    ];
    for (const each of failures) expect(each).toMatchObject({ code: 'VDT_BUS_REFUSED', retryable: false });
    expect(clock.now() - startMs).toBeLessThan(timeoutMs);
    const [fine] = await bus.publish(messages('v.open', 1), { timeoutMs });
    expect(fine?.status).toBe('stored');
  });

  test('a dead letter is stored once and not lost, though its member never gets to say so', async () => {
    const mute = { publish: { deny: ['$JS.ACK.>'] } };
    const users = [
      { user: 'mute', password: 'x', permissions: mute },
      { user: 'ann', password: 'x' },
    ];
    await using server = await startNats({ users });
    const limits = { maxDeliveries: 1, ackWaitMs: 200 };
    const stream = { name: 'T', subjects: ['v.>'] };
    const join = async (user: string) => connect([server.url], { auth: { user, password: 'x' }, stream, limits });
    const options = { group: 'g', patterns: ['v.>'], maxInFlight: 1, from: 'beginning' } as const;
    await using bus = await join('mute');
    await bus.publish(messages('v.x', 1, 'poison'), { timeoutMs });
    const crashing = await bus.consume(options);
    await crashing.next(1); // never answered: the next delivery is one too many
    await eventually(async () => expect(bus.counters.deadLettered).toBeGreaterThan(1), { timeoutMs: 15_000 });
    await crashing.close();
    await using healthy = await join('ann');
    await using consumer = await healthy.consume(options);
    const waiting = consumer.next(1);
    await eventually(async () => expect(healthy.counters.deadLettered).toBe(1), { timeoutMs: 15_000 });
    const raw = await rawConnect({ servers: server.url, user: 'ann', pass: 'x' });
    try {
      const { streams, consumers } = await jetstreamManager(raw);
      expect((await streams.info('T-DEAD')).state.messages).toBe(1);
      const letter = await streams.getMessage('T-DEAD', { seq: 1 });
      expect(letter && text(letter.data)).toBe('poison0');
      await eventually(
        async () => expect(await consumers.info('T', 'g')).toMatchObject({ num_ack_pending: 0, num_pending: 0 }),
        { timeoutMs: 15_000 },
      );
    } finally {
      await raw.close();
    }
    await consumer.close();
    expect(await waiting).toBe(undefined);
  });

  test('of several servers one that is dead and one that swallows connections are passed over', async () => {
    await using server = await startNats();
    await using dead = await startTcpProxy({ port: server.port });
    await using swallowing = await startTcpProxy({ port: server.port });
    await dead.cut();
    await swallowing.cut({ newConnections: 'swallowed' });
    const servers = [dead, swallowing, server].map(({ port }) => `nats://127.0.0.1:${port}`);
    await using bus = await connect(servers, { stream: ownStream(), connectTimeoutMs: 15_000 });
    expect(bus.connected).toBe(true);
  });

  test('a broker without JetStream is refused, unless nothing durable is wanted', async () => {
    await using server = await startNats({ settings: { jetstream: false } });
    const refused = await failure(connect([server.url], { stream: {} }));
    expect(refused).toMatchObject({ code: 'VDT_BUS_BROKER', retryable: false });
    expect(refused?.message).toContain('JetStream');
    await using bus = await connect([server.url]);
    await bus.serve({ pattern: 'v.echo', concurrency: 1, maxQueued: 1, handler: ({ payload }) => payload });
    expect(text(await bus.call('v.echo', bytes('here'), { timeoutMs }))).toBe('here');
  });
});

describe('brokers that cannot be used', () => {
  test.for([
    ['2.9.10', 'VDT_BUS_BROKER'],
    ['1.4.1', 'VDT_BUS_BROKER'],
    ['2.10.0', undefined],
    ['3.0.0', undefined],
  ] as const)('nats-server %s', async ([version, expected]) => {
    await using fake = await fakeServer(version);
    const connecting = connect([fake.url], { connectTimeoutMs: 5_000 });
    const error = await failure(connecting.then((bus) => bus.close({ timeoutMs: 0 })));
    expect(error?.code).toBe(expected);
    if (expected !== undefined) expect(error?.message).toContain(version);
  });

  test('nobody there: an error that can be retried, at the end of the time', async () => {
    await using fake = await fakeServer('2.10.0');
    const { url } = fake;
    await fake[Symbol.asyncDispose]();
    const error = await failure(connect([url], { connectTimeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'VDT_BUS_CONNECT', retryable: true, message: expect.stringContaining(url) });
    const signal = AbortSignal.abort(new Error('stopping'));
    expect(await failure(connect([url], { signal }))).toMatchObject({ message: 'stopping' });
  });
});

/** Says who it is and answers pings: enough for a client to be connected. */
async function fakeServer(version: string): Promise<AsyncDisposable & { readonly url: string }> {
  const info = { server_id: 'X', server_name: 'x', version, proto: 1, go: '', host: '', port: 1, headers: true };
  const sockets = new Set<{ destroy(): unknown }>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(`INFO ${JSON.stringify({ ...info, max_payload: 1_048_576, client_id: 1 })}\r\n`);
    socket.on('data', (data) => {
      for (const _ of data.toString('latin1').matchAll(/PING\r\n/g)) socket.write('PONG\r\n');
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `nats://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}
