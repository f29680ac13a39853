import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type ConnectionOptions, connect, credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node';
import { eventually, runCommand, tempDir } from '@vedette/testbed';
import { createNkey, type NatsServer, natsAvailable, startNats } from '@vedette/testbed/nats';
import { beforeEach, expect, it } from 'vitest';
import { lookFor } from '../src/nats/program.ts';

const available = await natsAvailable();

beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

const patient = { timeoutMs: 15_000 };
const once = { reconnect: false, timeout: 15_000 } as const;

/** Connects, asks the server for one answer, and closes. */
const greet = async (server: NatsServer, options: ConnectionOptions = {}): Promise<string> => {
  const connection = await connect({ servers: server.url, ...once, ...options });
  await connection.flush();
  const version = connection.info?.version ?? 'no version';
  await connection.close();
  return version;
};

const storeOne = async (server: NatsServer, id: string): Promise<number> => {
  const connection = await connect({ servers: server.url, ...once });
  try {
    await (await jetstreamManager(connection)).streams.add({ name: 'kept', subjects: ['kept.>'] });
    return (await jetstream(connection).publish('kept.a', 'payload', { msgID: id })).seq;
  } finally {
    await connection.close();
  }
};

const storedIn = async (server: NatsServer): Promise<number> => {
  const connection = await connect({ servers: server.url, ...once });
  try {
    return (await (await jetstreamManager(connection)).streams.info('kept')).state.messages;
  } finally {
    await connection.close();
  }
};

it('a server of its own starts with JetStream on private ports of 127.0.0.1, and two of them do not meet', async () => {
  await using first = await startNats();
  await using second = await startNats();
  expect(first.port).not.toBe(second.port);
  expect(await greet(first)).toBe(first.version);
  await storeOne(first, 'm1');
  await expect(storedIn(second)).rejects.toThrow('stream not found');
  const { server_name } = (await (await fetch(`${first.monitorUrl}/varz`)).json()) as { readonly server_name: string };
  expect(server_name).toBe('nats');
});

it('disposed of, a server is gone with all it wrote', async () => {
  const server = await startNats();
  await storeOne(server, 'm1');
  await server.dispose();
  expect(server.running).toBe(false);
  await expect(greet(server)).rejects.toThrow(/refused/i);
  await expect(readFile(join(server.baseDir, 'nats.conf'))).rejects.toMatchObject({ code: 'ENOENT' });
  await server.dispose();
});

it.each(['SIGTERM', 'SIGKILL'] as const)(
  'ended by %s and started again, it has its port and its streams',
  async (by) => {
    await using server = await startNats();
    await storeOne(server, 'm1');
    await server.stop(by);
    await expect(greet(server)).rejects.toThrow(/refused/i);
    await server.start();
    expect(await storedIn(server)).toBe(1);
    expect(server.log.match(/Server is ready/g)).toHaveLength(2);
    await server.start();
    expect(await storeOne(server, 'm1')).toBe(1); // stored once under its id
  },
);

it('a client that stays finds a server that was killed and started again', async () => {
  await using server = await startNats();
  const connection = await connect({ servers: server.url, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  try {
    await server.kill();
    await server.start();
    await eventually(() => connection.rtt(), patient);
  } finally {
    await connection.close();
  }
});

it('frozen, it lets nobody in and answers nobody; thawed, it answers again', async () => {
  await using server = await startNats();
  const connection = await connect({ servers: server.url });
  try {
    await server.freeze();
    await expect(connect({ servers: server.url, reconnect: false, timeout: 500 })).rejects.toThrow(/timeout/i);
    const answer = connection.rtt();
    await server.thaw();
    await answer;
    await server.freeze();
  } finally {
    await server.stop(); // also a frozen one ends in order
    await connection.close();
  }
  expect(server.log).toContain('Server Exiting');
});

it('with users, only they are let in, and only with their password and their permissions', async () => {
  const permissions = { publish: { allow: ['open.>'] } };
  await using server = await startNats({ users: [{ user: 'monitor', password: 'right', permissions }] });
  await expect(greet(server)).rejects.toThrow(/authorization/i);
  await expect(greet(server, { user: 'monitor', pass: 'wrong' })).rejects.toThrow(/authorization/i);
  await greet(server, { user: 'monitor', pass: 'right' });
  const connection = await connect({ servers: server.url, user: 'monitor', pass: 'right' });
  const refusals: string[] = [];
  const listening = (async () => {
    for await (const status of connection.status()) if (status.type === 'error') refusals.push(status.error.message);
  })();
  connection.publish('open.a', 'x');
  connection.publish('shut.a', 'x');
  await eventually(() => expect(refusals).toEqual([expect.stringContaining('"shut.a"')]), patient);
  await connection.close();
  await listening;
});

it('with nkeys, only a holder of the seed is let in', async () => {
  const [known, strange] = [createNkey(), createNkey()];
  await using server = await startNats({ nkeyUsers: [{ nkey: known.publicKey }] });
  const asks = (seed: string) => greet(server, { authenticator: nkeyAuthenticator(Buffer.from(seed)) });
  await asks(known.seed);
  await expect(asks(strange.seed)).rejects.toThrow(/authorization/i);
  await expect(greet(server)).rejects.toThrow(/authorization/i);
});

it('with an operator, only credentials of its accounts are let in, JetStream included', async () => {
  await using server = await startNats({ operator: true });
  const { credsFile, strangeCredsFile } = server.operator;
  const authenticator = credsAuthenticator(await readFile(credsFile));
  const connection = await connect({ servers: server.url, ...once, authenticator });
  await (await jetstreamManager(connection)).streams.add({ name: 'kept', subjects: ['kept.>'] });
  expect((await jetstream(connection).publish('kept.a', 'x')).seq).toBe(1);
  await connection.close();
  const strange = credsAuthenticator(await readFile(strangeCredsFile));
  await expect(greet(server, { authenticator: strange })).rejects.toThrow(/authorization/i);
  await expect(greet(server)).rejects.toThrow(/authorization/i);
});

it('with TLS, a client that knows the authority is let in; one that knows another, or none, is not', async () => {
  await using server = await startNats({ tls: true });
  await greet(server, { tls: { caFile: server.tls.ca } });
  await expect(greet(server, { tls: { caFile: server.tls.otherCa } })).rejects.toThrow(/certificate|signature/i);
  await expect(greet(server)).rejects.toThrow(/certificate|self.signed/i);
});

it('with TLS for clients that prove themselves, one without a certificate, or with a strange one, is not let in', async () => {
  await using server = await startNats({ tls: { verifyClients: true } });
  const { ca: caFile, client, strangeClient } = server.tls;
  await greet(server, { tls: { caFile, certFile: client.cert, keyFile: client.key } });
  await expect(greet(server, { tls: { caFile } })).rejects.toThrow();
  const strange = { caFile, certFile: strangeClient.cert, keyFile: strangeClient.key };
  await expect(greet(server, { tls: strange })).rejects.toThrow();
});

it('a certificate for another name, and an expired one, is refused by the client', async () => {
  await using misnamed = await startNats({ tls: { serverName: 'other.example' } });
  await expect(greet(misnamed, { tls: { caFile: misnamed.tls.ca } })).rejects.toThrow(/altnames|name/i);
  await using expired = await startNats({ tls: { serverExpired: true } });
  await expect(greet(expired, { tls: { caFile: expired.tls.ca } })).rejects.toThrow(/expired/i);
});

it('bounds and other settings are those asked for', async () => {
  await using server = await startNats({
    maxPayloadBytes: 4_096,
    maxConnections: 1,
    settings: { ping_interval: '1s' },
  });
  const connection = await connect({ servers: server.url });
  expect(connection.info?.max_payload).toBe(4_096);
  await expect(greet(server)).rejects.toThrow();
  await connection.close();
  await using small = await startNats({ maxStoreBytes: 1_000_000 });
  await expect(storeLarge(small)).rejects.toThrow(/insufficient storage|resource/i);
});

const storeLarge = async (server: NatsServer): Promise<void> => {
  const connection = await connect({ servers: server.url, ...once });
  try {
    const streams = (await jetstreamManager(connection)).streams;
    await streams.add({ name: 'large', subjects: ['large'], max_bytes: 2_000_000 });
  } finally {
    await connection.close();
  }
};

it('a configuration that the server does not take fails with its words', async () => {
  await expect(startNats({ settings: { no_such_setting: 1 } })).rejects.toMatchObject({
    code: 'VDT_TESTBED_START',
    message: expect.stringContaining('no_such_setting'),
  });
});

it('what was not asked for is not there', async () => {
  await using server = await startNats();
  expect(() => server.tls).toThrow('{ tls: true }');
  expect(() => server.operator).toThrow('{ operator: true }');
});

it('a program that is too old, or does not run, is not taken, and the reason says so', async () => {
  await using folder = await tempDir();
  const script = async (name: string, text: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, 0o755);
    return path;
  };
  const old = await script('old', 'echo "nats-server: v2.9.10"');
  const broken = await script('broken', 'exit 127');
  const good = await script('good', 'echo "nats-server: v2.10.0"');
  const newer = await script('newer', 'echo "nats-server: v3.0.1"');
  expect(lookFor([old, broken, good, newer])).toEqual({ path: good, version: '2.10.0' });
  expect(lookFor([newer])).toEqual({ path: newer, version: '3.0.1' });
  expect(lookFor([old, broken])).toEqual({
    reason: `no nats-server >= 2.10.0: ${old} is 2.9.10, ${broken} does not run; run \`make setup\``,
  });
  expect(lookFor([join(folder.path, 'missing')])).toMatchObject({ reason: expect.stringContaining('none is on PATH') });
});

it('what a test process that was killed left behind is removed by the next one', async () => {
  await using folder = await tempDir('next');
  const script = (last: string): string => {
    const door = JSON.stringify(join(import.meta.dirname, '../src/nats/index.ts'));
    return `import { startNats } from ${door}; const s = await startNats(); console.log(s.baseDir); ${last}`;
  };
  const left = join(folder.path, 'left');
  const run = (code: string) => runCommand(process.execPath, ['--input-type=module-typescript', '-e', code]);
  const kill = `(await import('node:fs')).writeFileSync(${JSON.stringify(left)}, s.baseDir); process.kill(process.pid, 'SIGKILL')`;
  await expect(run(script(kill))).rejects.toMatchObject({ message: expect.stringContaining('SIGKILL') });
  const baseDir = await readFile(left, 'utf8');
  expect(existsSync(baseDir)).toBe(true);
  await run(script('await s.dispose()'));
  expect(existsSync(baseDir)).toBe(false);
});
