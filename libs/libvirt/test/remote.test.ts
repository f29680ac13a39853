/** TLS, plain TCP and modular sockets against a real libvirtd, with certificates made for this run. */
import { connectLibvirt, type KeepAliveOptions, LibvirtSession } from '@vedette/libvirt';
import { eventually } from '@vedette/testbed';
import { type KeyPair, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const available = libvirtAvailable({ tls: true });
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt({ tls: true, tcp: true, daemon: 'virtqemud' });
  await libvirt.startBiosGuest('alpha');
});
afterAll(() => libvirt?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

interface TlsWish {
  readonly host?: string;
  readonly ca?: string;
  /** Null: none. */
  readonly client?: KeyPair | null;
  readonly path?: string;
}

function tlsUri(wish: TlsWish = {}, server = libvirt): string {
  const { host = '127.0.0.1', ca = server.tls.ca, client = server.tls.client, path = 'system' } = wish;
  const own = client === null ? '&pkipath=/nowhere' : `&clientcert=${client.cert}&clientkey=${client.key}`;
  return `qemu+tls://${host}:${server.tls.port}/${path}?cacert=${ca}${own}`;
}

async function refusal(uri: string): Promise<unknown> {
  try {
    const connection = await connectLibvirt({ uri });
    await connection.close();
    return 'it was taken';
  } catch (error) {
    return error;
  }
}

describe('TLS', () => {
  it('with a certificate that the host accepts: listed, watched, followed', async () => {
    await using connection = await connectLibvirt({ uri: tlsUri() });
    expect((await connection.listDomains()).map(({ name }) => name)).toEqual(['alpha']);
    const events = (await connection.events({ types: ['lifecycle'] }))[Symbol.asyncIterator]();
    await libvirt.virsh('suspend', 'alpha');
    expect((await events.next()).value).toMatchObject({ type: 'lifecycle', domain: { name: 'alpha' }, event: 3 });
    await libvirt.virsh('resume', 'alpha');
    await events.return();
  });

  it('many calls at once are answered at once: libvirtd forgets the third message of a TLS record', async () => {
    await using connection = await connectLibvirt({ uri: tlsUri(), keepAlive: false, timeoutMs: 5_000 });
    for (let round = 0; round < 10; round++) {
      const calls = Array.from({ length: 12 }, () => connection.hostname());
      expect(new Set(await Promise.all(calls)).size).toBe(1);
    }
  });

  it('readonly=1 forbids what only a read-write connection may', async () => {
    await using reader = await connectLibvirt({ uri: `${tlsUri()}&readonly=1` });
    const [alpha] = await reader.listDomains();
    expect(reader.readOnly).toBe(true);
    await expect(reader.guestInfo(alpha as never, ['os'])).rejects.toMatchObject({ code: 'VDT_LIBVIRT_DENIED' });
    await expect(reader.startDomain(alpha as never)).rejects.toMatchObject({ code: 'VDT_LIBVIRT_DENIED' });
  });

  it('N1: a host whose certificate another CA signed is not talked to', async () => {
    expect(await refusal(tlsUri({ ca: libvirt.tls.otherCa }))).toMatchObject({
      code: 'VDT_LIBVIRT_HOST_IDENTITY',
      retryable: false,
      message: expect.stringMatching(
        /^the certificate of 127\.0\.0\.1:\d+ is not signed by the CA in .*other\/ca\.pem/,
      ),
    });
  });

  it('N1: a certificate of a CA that the host does not know, one that has expired, and none, are refused in words', async () => {
    const message = (words: string): object => ({ code: 'VDT_LIBVIRT_AUTH', message: expect.stringContaining(words) });
    const { strangeClient, expiredClient } = libvirt.tls;
    const refused = (pair: KeyPair): object => ({
      ...message(`does not accept the certificate in ${pair.cert}`),
      action: expect.stringContaining('tls_allowed_dn_list'),
    });
    expect(await refusal(tlsUri({ client: strangeClient }))).toMatchObject(refused(strangeClient));
    expect(await refusal(tlsUri({ client: expiredClient }))).toMatchObject(refused(expiredClient));
    expect(await refusal(tlsUri({ client: null }))).toMatchObject(message('it wants a client certificate'));
  });

  it('a name in tls_allowed_dn_list is accepted; one that is not there is refused in words', async () => {
    const only = (name: string) => startLibvirt({ tls: true, settings: { tls_allowed_dn_list: [name] as never } });
    await using kind = await only('CN=monitor');
    await using connection = await connectLibvirt({ uri: tlsUri({}, kind) });
    expect(connection.isClosed).toBe(false);
    await using strict = await only('CN=somebody else');
    expect(await refusal(tlsUri({}, strict))).toMatchObject({
      code: 'VDT_LIBVIRT_AUTH',
      action: expect.stringContaining('its name is not in tls_allowed_dn_list'),
    });
  });

  it('N1: a certificate for another name, and one that has expired, are not taken', async () => {
    await using other = await startLibvirt({ tls: { serverName: 'kvm7.example.org' } });
    expect(await refusal(tlsUri({}, other))).toMatchObject({
      code: 'VDT_LIBVIRT_HOST_IDENTITY',
      message: expect.stringMatching(/is for DNS:kvm7\.example\.org, not for 127\.0\.0\.1/),
    });
    await using old = await startLibvirt({ tls: { serverExpired: true } });
    expect(await refusal(tlsUri({}, old))).toMatchObject({
      code: 'VDT_LIBVIRT_HOST_IDENTITY',
      message: expect.stringContaining('has expired'),
      action: expect.stringContaining('servercert.pem'),
    });
  });

  it('S8: a session finds libvirtd again after a crash', { timeout: 60_000 }, async () => {
    await using own = await startLibvirt({ tls: true });
    await using session = new LibvirtSession({ uri: tlsUri({}, own), backoff: { initialMs: 50, maxMs: 500 } });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of session.events()) seen.push(event.type);
    })();
    await eventually(() => expect(seen.at(-1)).toBe('connected'), { timeoutMs: 15_000 });
    const before = seen.length;
    await own.daemon.stop('SIGKILL');
    await eventually(() => expect(seen.slice(before)).toContain('disconnected'), { timeoutMs: 15_000 });
    await own.daemon.start();
    // A daemon that is starting may take a connection and drop it: what counts is that one comes and works.
    await eventually(() => expect(seen.at(-1)).toBe('connected'), { timeoutMs: 15_000 });
    expect(await (await session.connection()).listDomains()).toEqual([]);
    await session.close();
    await reading;
  });
});

it('plain TCP, for who accepts it', async () => {
  const { host, port } = libvirt.tcp;
  await using connection = await connectLibvirt({ uri: `qemu+tcp://${host}:${port}/system?insecure=1` });
  expect(await connection.listDomains()).toHaveLength(1);
});

it('a libvirtd that wants a SASL login is told as such, with the setting to change', async () => {
  await using own = await startLibvirt({ tcp: true, settings: { auth_tcp: 'sasl' } });
  expect(await refusal(`qemu+tcp://${own.tcp.host}:${own.tcp.port}/system?insecure=1`)).toMatchObject({
    code: 'VDT_LIBVIRT_AUTH',
    message: 'libvirtd asks for a SASL login, which Vedette does not speak',
    action: expect.stringContaining('set auth_tcp to "none"'),
  });
});

it('N1: the port of TLS is none for plain text, nor the other way around', async () => {
  const wrong = tlsUri().replace(`:${libvirt.tls.port}/`, `:${libvirt.tcp.port}/`);
  const error = await refusal(wrong);
  expect(error).toMatchObject({ code: expect.stringMatching(/VDT_LIBVIRT_(PROTOCOL|UNREACHABLE|CLOSED)/) });
});

it('the one-driver daemon is reached by its own socket, read-write and read-only', async () => {
  expect(libvirt.socketPath).toMatch(/virtqemud-sock$/);
  for (const [socketPath, readOnly] of [
    [libvirt.socketPath, false] as const,
    [libvirt.readOnlySocketPath, true] as const,
  ]) {
    await using connection = await connectLibvirt({ uri: `qemu:///system?socket=${socketPath}`, readOnly });
    expect(await connection.listDomains()).toHaveLength(1);
  }
});

it('a libvirtd that hangs is found out, and its connection ends', async () => {
  const keepAlive: KeepAliveOptions = { intervalMs: 200, count: 3 };
  await using own = await startLibvirt();
  const connection = await connectLibvirt({ socketPath: own.socketPath, keepAlive });
  await using healthy = await connectLibvirt({ socketPath: libvirt.socketPath, keepAlive });
  await own.daemon.signal('SIGSTOP');
  try {
    await expect(connection.closed).resolves.toMatchObject({
      code: 'VDT_LIBVIRT_CLOSED',
      message: 'libvirtd has been silent for 800 ms and answers no keepalive message',
    });
  } finally {
    await own.daemon.signal('SIGCONT');
  }
  await eventually(() => own.virsh('list'), { timeoutMs: 15_000 });
  expect(healthy.isClosed).toBe(false);
});
