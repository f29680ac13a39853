import { LibvirtSession, type SessionOptions } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { expect, it } from 'vitest';
import { encodeDomain } from '../src/domain.ts';
import type { Packet } from '../src/packet.ts';
import { FakeLibvirtd, type FakePeer } from './fake-libvirtd.ts';

const domain = { name: 'web', uuid: '0f0e0d0c-0b0a-0908-0706-050403020100', id: 3 };
const ADDRESSES = 353;
const SET_TIMEOUT = 420;
const unreachable = new VedetteError('VDT_LIBVIRT_UNREACHABLE', { message: 'no such socket' });

interface Bed {
  readonly clock: SimulatedClock;
  readonly libvirtd: FakeLibvirtd;
  readonly session: LibvirtSession;
  readonly seen: unknown[];
}

function start(libvirtd: FakeLibvirtd, options: SessionOptions = {}): Bed {
  const clock = new SimulatedClock();
  const session = new LibvirtSession({ dial: libvirtd.dial, clock, random: () => 0.999, ...options });
  const seen: unknown[] = [];
  void (async () => {
    for await (const event of session.events()) seen.push(event.type === 'disconnected' ? event.error.code : event);
    seen.push('end');
  })();
  return { clock, libvirtd, session, seen };
}

function reboot(peer: FakePeer): void {
  peer.event(319, (encoder) => encodeDomain(encoder, domain));
}

it('a session connects by itself, follows events, and ends them when it is closed', async () => {
  const { clock, libvirtd, session, seen } = start(new FakeLibvirtd());
  await clock.advance(0);
  expect((await session.connection()).isClosed).toBe(false);
  reboot(libvirtd.peer);
  await clock.advance(0);
  await session.close();
  await session.close();
  await clock.advance(0);
  expect(seen).toEqual([{ type: 'connected', again: false }, { type: 'reboot', domain }, 'end']);
  await expect(session.connection()).resolves.toMatchObject({ isClosed: true });
  expect(clock.pendingTimers).toBe(0);
});

it('N1: an outage is told once, tried again with growing waits, and its end is told so that the owner lists again', async () => {
  const { clock, libvirtd, session, seen } = start(new FakeLibvirtd(), { backoff: { initialMs: 100, maxMs: 1_000 } });
  await clock.advance(0);
  libvirtd.unreachable = unreachable;
  libvirtd.peer.hangUp();
  await clock.advance(0);
  await expect(session.connection()).rejects.toMatchObject({ code: 'VDT_LIBVIRT_CLOSED', retryable: true });
  await clock.advance(1_600); // attempts after 100, 300, 700 and 1,500 ms
  await expect(session.connection()).rejects.toBe(unreachable);
  expect(seen).toEqual([{ type: 'connected', again: false }, 'VDT_LIBVIRT_CLOSED']);
  libvirtd.unreachable = undefined;
  await clock.advance(1_000);
  expect(seen.at(-1)).toEqual({ type: 'connected', again: true });
  expect(libvirtd.peer.callsOf(316)).toHaveLength(10);
  reboot(libvirtd.peer);
  await clock.advance(0);
  expect(seen.at(-1)).toEqual({ type: 'reboot', domain });
  libvirtd.peer.hangUp();
  await clock.advance(0);
  expect(seen.at(-1)).toBe('VDT_LIBVIRT_CLOSED'); // the next outage is told too
  await session.close();
});

it('a libvirtd that is away from the beginning is told once and found when it comes', async () => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.unreachable = unreachable;
  const { clock, session, seen } = start(libvirtd);
  await clock.advance(60_000);
  expect(seen).toEqual(['VDT_LIBVIRT_UNREACHABLE']);
  libvirtd.unreachable = undefined;
  await clock.advance(10_000);
  expect(seen).toEqual(['VDT_LIBVIRT_UNREACHABLE', { type: 'connected', again: false }]);
  await session.close();
});

it('a libvirtd that accepts and hangs up at once is not asked in a loop', async () => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = (call, peer) => {
    if (call.procedure !== 316) return false;
    peer.hangUp();
    return true;
  };
  const { clock, session } = start(libvirtd, { backoff: { initialMs: 100, maxMs: 1_000 } });
  await clock.advance(10_000);
  expect(libvirtd.peers.length).toBeLessThan(15);
  await session.close();
});

it('a libvirtd that is restarted again and again is found as soon as at the first time', async () => {
  const libvirtd = new FakeLibvirtd();
  const { clock, session } = start(libvirtd, { backoff: { initialMs: 100, maxMs: 60_000 } });
  await clock.advance(1_000);
  for (let restarts = 1; restarts <= 10; restarts++) {
    libvirtd.peer.hangUp();
    // oxlint-disable-next-line no-await-in-loop -- one restart after the other
    await clock.advance(1_000);
    expect(libvirtd.peers).toHaveLength(1 + restarts);
  }
  await session.close();
});

it('closing a session ends an attempt under way and leaves no timer', async () => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = () => true;
  const { clock, session, seen } = start(libvirtd);
  await clock.advance(100);
  const closing = session.close();
  await clock.advance(1_000);
  await closing;
  expect(seen).toEqual(['end']);
  expect(clock.pendingTimers).toBe(0);
  expect(libvirtd.peer.gone).toBe(true);
});

/** Answers everything about agents but what `hold` keeps. */
function answerAgents(held: Packet[], hold: () => boolean): FakeLibvirtd['script'] {
  return (call, peer) => {
    if (call.procedure === SET_TIMEOUT) peer.reply(call, (encoder) => encoder.int(0));
    else if (call.procedure !== ADDRESSES) return false;
    else if (hold()) held.push(call);
    else peer.reply(call, (encoder) => encoder.array([], () => undefined));
    return true;
  };
}

it('agent calls have a connection of their own, made when first needed, and bound the agent before the first', async () => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = answerAgents([], () => false);
  const { clock, session } = start(libvirtd);
  await clock.advance(0);
  expect(libvirtd.peers).toHaveLength(1);
  await expect(session.agent.interfaceAddresses(domain)).resolves.toEqual([]);
  await session.agent.interfaceAddresses(domain);
  await session.agent.interfaceAddresses({ ...domain, id: 4 }); // started anew
  const [main, agents] = libvirtd.peers;
  expect(main?.callsOf(ADDRESSES)).toEqual([]);
  const order = agents?.calls.map(({ procedure }) => procedure).slice(3);
  expect(order).toEqual([SET_TIMEOUT, ADDRESSES, ADDRESSES, SET_TIMEOUT, ADDRESSES]);
  await session.close();
  await clock.advance(0);
  expect([main?.gone, agents?.gone]).toEqual([true, true]);
});

it('at most four agent calls are in flight; the others wait their turn or their deadline', async () => {
  const libvirtd = new FakeLibvirtd();
  const held: Packet[] = [];
  libvirtd.script = answerAgents(held, () => true);
  const { clock, session } = start(libvirtd);
  await clock.advance(0);
  const outcomes = Promise.allSettled(
    Array.from({ length: 7 }, () => session.agent.interfaceAddresses(domain, { timeoutMs: 500 })),
  );
  await clock.advance(10);
  expect(held).toHaveLength(4);
  const peer = libvirtd.peer;
  peer.reply(held[0] as Packet, (encoder) => encoder.array([], () => undefined));
  await clock.advance(10);
  expect(held).toHaveLength(5);
  await clock.advance(500);
  const statuses = (await outcomes).map(({ status }) => status);
  expect(statuses).toEqual(['fulfilled', ...Array.from({ length: 6 }, () => 'rejected')]);
  await session.close();
  expect(clock.pendingTimers).toBe(0);
});

it('when the agents’ connection ends the next agent call makes a new one', async () => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = answerAgents([], () => false);
  const { clock, session } = start(libvirtd);
  await clock.advance(0);
  await session.agent.interfaceAddresses(domain);
  libvirtd.peer.hangUp();
  await clock.advance(0);
  await expect(session.agent.interfaceAddresses(domain)).resolves.toEqual([]);
  expect(libvirtd.peers).toHaveLength(3);
  await session.close();
});

it('on a read-only session agents are not asked and no connection is made for them', async () => {
  const libvirtd = new FakeLibvirtd();
  const { clock, session } = start(libvirtd, { readOnly: true });
  await clock.advance(0);
  expect(session.agentAllowed).toBe(false);
  await expect(session.agent.interfaceAddresses(domain)).rejects.toMatchObject({ code: 'VDT_LIBVIRT_DENIED' });
  expect(libvirtd.peers).toHaveLength(1);
  await session.close();
});

it('S8: while it is tried again nobody waits, however long an attempt takes', async () => {
  const { clock, libvirtd, session } = start(new FakeLibvirtd(), { backoff: { initialMs: 100, maxMs: 100 } });
  await clock.advance(0);
  libvirtd.script = () => true; // accepts and says nothing
  libvirtd.peer.hangUp();
  await clock.advance(200);
  expect(libvirtd.peers).toHaveLength(2); // the next attempt hangs in its handshake
  await expect(session.connection()).rejects.toMatchObject({ code: 'VDT_LIBVIRT_CLOSED' });
  libvirtd.script = () => false;
  await clock.advance(10_200); // its deadline
  expect((await session.connection()).isClosed).toBe(false);
  await session.close();
});

it('an attempt that fails slowly is no connection that held: the waits go on growing', async () => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = () => true;
  const options = { backoff: { initialMs: 1_000, maxMs: 64_000 }, connectTimeoutMs: 100_000 };
  const { clock, session } = start(libvirtd, options);
  await clock.advance(2 * 100_000 + 1_000 + 1_900);
  expect(libvirtd.peers).toHaveLength(2);
  await clock.advance(100);
  expect(libvirtd.peers).toHaveLength(3);
  await session.close();
});

it.each([
  ['VDT_LIBVIRT_AUTH', 60_000],
  ['VDT_LIBVIRT_HOST_IDENTITY', 60_000],
  ['VDT_LIBVIRT_UNREACHABLE', 100],
])('after %s the next attempt is made in %i ms: who knocks too often is locked out', async (code, waitMs) => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.unreachable = new VedetteError(code);
  const { clock, session } = start(libvirtd, { backoff: { initialMs: 100, maxMs: 100 } });
  await clock.advance(0);
  libvirtd.unreachable = undefined;
  await clock.advance(waitMs - 1);
  expect(libvirtd.peers).toHaveLength(0);
  await clock.advance(1);
  expect(libvirtd.peers).toHaveLength(1);
  await session.close();
});

it('S8: a session closed in the middle of an attempt leaves neither timer nor connection', async () => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = () => true;
  const { clock, session, seen } = start(libvirtd);
  await clock.advance(5_000);
  await session.close();
  await clock.advance(0);
  expect([libvirtd.peer.gone, clock.pendingTimers, seen]).toEqual([true, 0, ['end']]);
});

it('the address of a session is checked at once', () => {
  expect(() => new LibvirtSession({ uri: 'qemu+tcp://kvm1/system' })).toThrow(
    expect.objectContaining({ code: 'VDT_LIBVIRT_ADDRESS' }),
  );
  const reader = new LibvirtSession({
    uri: 'qemu+tls://kvm1/system?readonly=1',
    dial: () => Promise.reject(unreachable),
  });
  expect(reader.agentAllowed).toBe(false);
  return reader.close();
});
