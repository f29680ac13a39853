import { join } from 'node:path';
import { connectLibvirt, type DomainEvent, remoteErrorOf } from '@vedette/libvirt';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { tempDir } from '@vedette/testbed';
import { expect, it } from 'vitest';
import { encodeDomain } from '../src/domain.ts';
import type { Packet } from '../src/packet.ts';
import type { XdrEncoder } from '../src/xdr.ts';
import { FakeLibvirtd, type FakePeer } from './fake-libvirtd.ts';

const LIST = 273;
const domain = { name: 'web', uuid: '0f0e0d0c-0b0a-0908-0706-050403020100', id: 3 };

function answerAuth(types: readonly number[]): (call: Packet, peer: FakePeer) => boolean {
  return (call, peer) => {
    if (call.procedure !== 66) return false;
    peer.reply(call, (encoder) => encoder.array(types, (_, type) => encoder.int(type)));
    return true;
  };
}

it('the handshake asks how to be admitted, for keepalive, and opens the driver of the URI', async () => {
  const libvirtd = new FakeLibvirtd();
  const connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock(), readOnly: true });
  expect(libvirtd.peer.calls.map(({ procedure }) => procedure)).toEqual([66, 60, 1]);
  const open = Buffer.from('000000010000000e71656d753a2f2f2f73797374656d000000000001', 'hex'); // "qemu:///system", 1
  expect(libvirtd.peer.callsOf(1)[0]?.payload).toEqual(open);
  await connection.close();
  await connection.close();
  expect(libvirtd.peer.callsOf(2)).toHaveLength(1);
});

it('polkit is asked where libvirtd wants it', async () => {
  const libvirtd = new FakeLibvirtd();
  const auth = answerAuth([2]);
  libvirtd.script = (call, peer) => {
    if (call.procedure !== 70) return auth(call, peer);
    peer.reply(call, (encoder) => encoder.int(1));
    return true;
  };
  await using connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() });
  expect(connection.isClosed).toBe(false);
  expect(libvirtd.peer.calls.map(({ procedure }) => procedure)).toEqual([66, 70, 60, 1]);
});

it.each([
  [45, 'authentication failed: no agent is available to authenticate'],
  [1, 'internal error: Unable to get system bus connection'], // no polkit there
])('a refusal by polkit (error %i) says what to do, and leaves no connection', async (code, message) => {
  const libvirtd = new FakeLibvirtd();
  const auth = answerAuth([2]);
  libvirtd.script = (call, peer) => {
    if (call.procedure !== 70) return auth(call, peer);
    peer.refuse(call, code, message);
    return true;
  };
  const error = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'VDT_LIBVIRT_AUTH', action: expect.stringMatching(/libvirt group.*rules\.d/) });
  expect(remoteErrorOf(error)).toMatchObject({ code, message });
  expect(libvirtd.peer.gone).toBe(true);
});

it.each([
  ['qemu:///system', 'set auth_unix_ro (read-only socket) or auth_unix_rw to "none"'],
  ['qemu+ssh://kvm1/system', 'set auth_unix_ro (read-only socket) or auth_unix_rw to "none"'],
  ['qemu+tls://kvm1/system', 'set auth_tls to "none" and name our certificate in tls_allowed_dn_list'],
  ['qemu+tcp://kvm1/system?insecure=1', 'set auth_tcp to "none", or better, use tls or ssh'],
])('a demand for SASL on %s says which setting to change where', async (uri, action) => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = answerAuth([1]);
  await expect(connectLibvirt({ uri, dial: libvirtd.dial, clock: new SimulatedClock() })).rejects.toMatchObject({
    code: 'VDT_LIBVIRT_AUTH',
    message: 'libvirtd asks for a SASL login, which Vedette does not speak',
    action: expect.stringContaining(action),
  });
});

it('N1: a libvirtd that accepts and says nothing ends the attempt at its deadline', async () => {
  const clock = new SimulatedClock();
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = () => true;
  const connecting = expect(connectLibvirt({ dial: libvirtd.dial, clock, timeoutMs: 2_000 })).rejects.toMatchObject({
    code: 'VDT_RUNTIME_DEADLINE',
    retryable: true,
  });
  await clock.advance(2_000);
  await connecting;
  await clock.advance(500);
  expect(libvirtd.peer.gone).toBe(true);
  expect(clock.pendingTimers).toBe(0);
});

it('events of the types asked for reach every listener, each registered for once', async () => {
  const libvirtd = new FakeLibvirtd();
  await using connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() });
  const all: DomainEvent[] = [];
  const reboots: DomainEvent[] = [];
  const listening = await connection.listen((event) => all.push(event));
  await connection.listen((event) => reboots.push(event), { types: ['reboot'] });
  expect(libvirtd.peer.callsOf(316)).toHaveLength(10); // plugged in and unplugged are two of libvirt's
  libvirtd.peer.event(318, (encoder) => lifecycle(encoder, 4, 1));
  libvirtd.peer.event(319, (encoder) => encodeDomain(encoder, domain));
  libvirtd.peer.event(348, (encoder) => lifecycle(encoder, 1, 2));
  libvirtd.peer.event(999, () => undefined); // of no kind we know
  const reboot = { type: 'reboot', domain };
  expect(all).toEqual([
    { type: 'lifecycle', domain, event: 4, detail: 1 },
    reboot,
    { type: 'agent', domain, connected: true, reason: 2 },
  ]);
  listening.stop();
  libvirtd.peer.event(319, (encoder) => encodeDomain(encoder, domain));
  expect(all).toHaveLength(3);
  expect(reboots).toEqual([reboot, reboot]);
});

function lifecycle(encoder: XdrEncoder, first: number, second: number): void {
  encodeDomain(encoder, domain);
  encoder.int(first).int(second);
}

it('a registration that failed is made again for the next listener', async () => {
  const libvirtd = new FakeLibvirtd();
  let refusals = 3;
  libvirtd.script = (call, peer) => {
    if (call.procedure !== 316 || refusals-- <= 0) return false;
    peer.refuse(call, 38, 'no');
    return true;
  };
  await using connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() });
  const seen: DomainEvent[] = [];
  await expect(connection.listen((event) => seen.push(event))).rejects.toMatchObject({ code: 'VDT_LIBVIRT_REFUSED' });
  await connection.listen((event) => seen.push(event));
  libvirtd.peer.event(319, (encoder) => encodeDomain(encoder, domain));
  expect(seen).toHaveLength(1);
});

it('an event that cannot be read ends the connection, and the stream of events with its reason', async () => {
  const libvirtd = new FakeLibvirtd();
  await using connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() });
  const stream = await connection.events();
  libvirtd.peer.event(319, (encoder) => encodeDomain(encoder, domain));
  libvirtd.peer.event(319, () => undefined);
  const seen: unknown[] = [];
  const read = async (): Promise<void> => {
    for await (const event of stream) seen.push(event);
  };
  await expect(read()).rejects.toMatchObject({ code: 'VDT_LIBVIRT_PROTOCOL' });
  expect(seen).toEqual([{ type: 'reboot', domain }]);
});

it('on a read-only connection the guest agent is not even asked', async () => {
  const libvirtd = new FakeLibvirtd();
  const connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock(), readOnly: true });
  const before = libvirtd.peer.calls.length;
  const denied = { code: 'VDT_LIBVIRT_DENIED', retryable: false };
  await expect(connection.interfaceAddresses(domain, 'agent')).rejects.toMatchObject(denied);
  await expect(connection.guestInfo(domain, ['os'])).rejects.toMatchObject(denied);
  await expect(connection.setAgentResponseTimeout(domain, 3)).rejects.toMatchObject(denied);
  expect([connection.agent, libvirtd.peer.calls.length]).toEqual([false, before]);
  await connection.close();
});

it('D2: what is not a UUID is no domain', async () => {
  const libvirtd = new FakeLibvirtd();
  await using connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() });
  for (const uuid of [
    '',
    'web',
    domain.uuid.slice(1),
    `${domain.uuid}0`,
    domain.uuid.replaceAll('-', ''),
    '../../etc',
  ]) {
    await expect(connection.lookupDomain(uuid)).rejects.toMatchObject({ code: 'VDT_LIBVIRT_NO_DOMAIN' });
  }
});

it('N1: nobody at the socket, half a reply, and a close in mid-call over a real socket', async () => {
  await using folder = await tempDir();
  const socketPath = join(folder.path, 'sock');
  await expect(connectLibvirt({ socketPath })).rejects.toMatchObject({
    code: 'VDT_LIBVIRT_UNREACHABLE',
    retryable: true,
  });

  const libvirtd = new FakeLibvirtd();
  await using _server = await libvirtd.listen(socketPath);
  for (const cut of [0, 4, 40]) {
    libvirtd.script = (call, peer) => {
      if (call.procedure !== LIST) return false;
      peer.raw(Buffer.from('0000003820008086'.padEnd(112, '0'), 'hex').subarray(0, cut));
      peer.hangUp();
      return true;
    };
    const connection = await connectLibvirt({ socketPath });
    await expect(connection.listDomains()).rejects.toMatchObject({
      code: 'VDT_LIBVIRT_CLOSED',
      retryable: true,
      message: `libvirtd closed the connection${cut > 0 ? ' in the middle of a message' : ''}`,
    });
  }
});

it('N1: a socket of another kind of server is a protocol error', async () => {
  await using folder = await tempDir();
  const socketPath = join(folder.path, 'sock');
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = (_, peer) => {
    peer.raw(Buffer.from('-ERR unknown command\r\n'));
    return true;
  };
  await using _server = await libvirtd.listen(socketPath);
  await expect(connectLibvirt({ socketPath })).rejects.toMatchObject({
    code: 'VDT_LIBVIRT_PROTOCOL',
    retryable: false,
  });
});
