import { connectLibvirt, type LibvirtConnection } from '@vedette/libvirt';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { expect, it } from 'vitest';
import type { KeepAliveOptions } from '../src/keep-alive.ts';
import { FakeLibvirtd } from './fake-libvirtd.ts';

interface Bed {
  readonly clock: SimulatedClock;
  readonly libvirtd: FakeLibvirtd;
  readonly connection: LibvirtConnection;
}

async function connect(keepAlive?: KeepAliveOptions | false, libvirtd = new FakeLibvirtd()): Promise<Bed> {
  const clock = new SimulatedClock();
  const options = keepAlive === undefined ? {} : { keepAlive };
  const connection = await connectLibvirt({ dial: libvirtd.dial, clock, timeoutMs: 120_000, ...options });
  return { clock, libvirtd, connection };
}

function pings({ libvirtd }: Bed): number {
  return libvirtd.peer.others.filter(({ procedure }) => procedure === 1).length;
}

it('N7: a connection over which nothing comes any more ends by itself, after 5 unanswered messages 5 s apart', async () => {
  const bed = await connect();
  bed.libvirtd.answersPings = false;
  await bed.clock.advance(5_000); // the end of the handshake was heard in these
  expect([pings(bed), bed.connection.isClosed]).toEqual([0, false]);
  await bed.clock.advance(29_999);
  expect([pings(bed), bed.connection.isClosed]).toEqual([5, false]);
  const call = expect(bed.connection.hostname()).rejects.toMatchObject({ code: 'VDT_LIBVIRT_CLOSED' });
  await bed.clock.advance(1);
  await expect(bed.connection.closed).resolves.toMatchObject({
    code: 'VDT_LIBVIRT_CLOSED',
    retryable: true,
    message: 'libvirtd has been silent for 30000 ms and answers no keepalive message',
  });
  await call;
  expect([bed.libvirtd.peer.gone, bed.clock.pendingTimers]).toEqual([true, 0]);
});

it('a libvirtd that answers keeps its connection, however little else there is to say', async () => {
  const bed = await connect();
  await bed.clock.advance(3_600_000);
  expect(bed.connection.isClosed).toBe(false);
  expect(pings(bed)).toBeGreaterThan(300);
});

it('while anything comes, be it a part of a long answer, the connection is alive and nothing is asked', async () => {
  const bed = await connect();
  bed.libvirtd.answersPings = false;
  const answer = Buffer.alloc(1_000);
  answer.writeUInt32BE(1_000);
  for (let byte = 0; byte < 100; byte++) {
    await bed.clock.advance(4_000);
    bed.libvirtd.peer.raw(answer.subarray(byte, byte + 1));
  }
  expect([pings(bed), bed.connection.isClosed]).toEqual([0, false]);
});

it('with all places taken by unanswered calls its silence means nothing: where it takes fewer it reads no more', async () => {
  const bed = await connect({ intervalMs: 1_000, count: 2 });
  bed.libvirtd.script = () => true;
  bed.libvirtd.answersPings = false;
  const calls = Array.from({ length: 5 }, () => bed.connection.hostname());
  const outcomes = Promise.allSettled(calls);
  await bed.clock.advance(60_000);
  expect(bed.connection.isClosed).toBe(false);
  await bed.clock.advance(60_000); // the deadlines of the calls
  expect(bed.connection.isClosed).toBe(true);
  await outcomes;
});

it('how often and how many can be set, and it can be left out', async () => {
  const quick = await connect({ intervalMs: 100, count: 1 });
  quick.libvirtd.answersPings = false;
  await quick.clock.advance(300);
  expect(quick.connection.isClosed).toBe(true);
  const without = await connect(false);
  without.libvirtd.answersPings = false;
  await without.clock.advance(3_600_000);
  expect([pings(without), without.connection.isClosed]).toEqual([0, false]);
});

it('a libvirtd that does not know keepalive is not asked', async () => {
  const libvirtd = new FakeLibvirtd();
  libvirtd.answersPings = false;
  libvirtd.script = (call, peer) => {
    if (call.procedure !== 60) return false;
    peer.reply(call, (encoder) => encoder.int(0));
    return true;
  };
  const bed = await connect(undefined, libvirtd);
  await bed.clock.advance(3_600_000);
  expect([pings(bed), bed.connection.isClosed]).toEqual([0, false]);
});
