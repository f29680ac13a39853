import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodePacket, messageStatus, messageType, type Packet } from '../src/packet.ts';
import { getHostname, nodeGetInfo, REMOTE_PROGRAM } from '../src/procedures.ts';
import { remoteErrorOf } from '../src/remote-error.ts';
import { type CallOptions, RpcConnection } from '../src/rpc.ts';
import { FakeLibvirtd, type FakePeer, replyPacket } from './fake-libvirtd.ts';

const HOSTNAME = getHostname.number;

interface Bed {
  readonly clock: SimulatedClock;
  readonly libvirtd: FakeLibvirtd;
  readonly rpc: RpcConnection;
  readonly events: number[];
  readonly hostname: (options?: CallOptions) => Promise<string>;
}

/** A connection to a libvirtd that answers nothing by itself but goodbyes. */
async function connect(script: FakeLibvirtd['script'] = () => false): Promise<Bed> {
  const clock = new SimulatedClock();
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = script;
  const events: number[] = [];
  const onEvent = (procedure: number): unknown => events.push(procedure);
  const options = { clock, timeoutMs: 1_000, onEvent };
  const rpc = await RpcConnection.open(libvirtd.dial, options, new AbortController().signal);
  return { clock, libvirtd, rpc, events, hostname: (call) => rpc.call(getHostname, undefined, call) };
}

function answerHostname(call: Packet, peer: FakePeer): boolean {
  if (call.procedure !== HOSTNAME) return false;
  peer.reply(call, (encoder) => encoder.string(`host${call.serial}`));
  return true;
}

function failsWith(code: string, message = ''): unknown {
  return expect.objectContaining({ code, message: expect.stringContaining(message) });
}

it('replies find their calls by serial, in whatever order they come', async () => {
  const waiting: Packet[] = [];
  const bed = await connect((call) => waiting.push(call) > 0);
  const calls = [bed.hostname(), bed.hostname(), bed.hostname()];
  await bed.clock.advance(0);
  for (const call of waiting.reverse()) answerHostname(call, bed.libvirtd.peer);
  await expect(Promise.all(calls)).resolves.toEqual(['host1', 'host2', 'host3']);
});

it('an error of libvirtd keeps its code, domain and words', async () => {
  const bed = await connect((call, peer) => {
    peer.refuse(call, 42, 'Domain not found');
    return true;
  });
  const error = await bed.hostname().catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'VDT_LIBVIRT_NO_DOMAIN',
    retryable: false,
    message: 'get hostname: Domain not found',
  });
  expect(remoteErrorOf(error)).toMatchObject({ code: 42, domain: 10, level: 2, message: 'Domain not found' });
  expect(remoteErrorOf(new Error('x'))).toBeUndefined();
});

it.each([
  [1, 'VDT_LIBVIRT_REFUSED', false],
  [3, 'VDT_LIBVIRT_UNSUPPORTED', false],
  [29, 'VDT_LIBVIRT_DENIED', false],
  [45, 'VDT_LIBVIRT_AUTH', false],
  [55, 'VDT_LIBVIRT_STATE', false],
  [68, 'VDT_LIBVIRT_BUSY', true],
  [86, 'VDT_LIBVIRT_AGENT', true],
  [88, 'VDT_LIBVIRT_DENIED', false],
  [99_999, 'VDT_LIBVIRT_REFUSED', false],
])('error %i of libvirtd is %s', async (number, code, retryable) => {
  const bed = await connect((call, peer) => {
    peer.refuse(call, number, 'no');
    return true;
  });
  await expect(bed.hostname()).rejects.toMatchObject({ code, retryable });
});

it('N1: a call that is not answered fails at its deadline; its late answer is nobody’s, and the connection goes on', async () => {
  const waiting: Packet[] = [];
  const bed = await connect((call, peer) =>
    waiting.length === 0 ? waiting.push(call) > 0 : answerHostname(call, peer),
  );
  const slow = expect(bed.hostname({ timeoutMs: 200 })).rejects.toMatchObject({
    code: 'VDT_RUNTIME_DEADLINE',
    retryable: true,
    message: 'get hostname: no answer from libvirtd within 200 ms',
  });
  await bed.clock.advance(200);
  await slow;
  expect(bed.rpc.abandonedCalls).toBe(1);
  answerHostname(waiting[0] as Packet, bed.libvirtd.peer);
  expect(bed.rpc.abandonedCalls).toBe(0);
  await expect(bed.hostname()).resolves.toBe('host2');
  expect(bed.clock.pendingTimers).toBe(0);
});

it('a call ends with the reason of its signal', async () => {
  const bed = await connect(() => true);
  const controller = new AbortController();
  const call = expect(bed.hostname({ signal: controller.signal })).rejects.toThrow('enough');
  controller.abort(new Error('enough'));
  await call;
  await expect(bed.hostname({ signal: controller.signal })).rejects.toThrow('enough');
  expect(bed.libvirtd.peer.callsOf(HOSTNAME)).toHaveLength(1);
  expect(bed.clock.pendingTimers).toBe(0);
});

it('a signal that aborts after the answer gives nothing up', async () => {
  const bed = await connect(answerHostname);
  const controller = new AbortController();
  await bed.hostname({ signal: controller.signal });
  controller.abort();
  expect(bed.rpc.abandonedCalls).toBe(0);
});

it('with as many calls given up as libvirtd is given at once, the connection ends by itself', async () => {
  const bed = await connect(() => true);
  const calls = Array.from({ length: 6 }, (_, at) => bed.hostname({ timeoutMs: 100 + at }));
  const outcomes = Promise.allSettled(calls);
  await bed.clock.advance(1_000);
  const codes = (await outcomes).map(
    (outcome) => outcome.status === 'rejected' && (outcome.reason as { code: string }).code,
  );
  const late = Array.from({ length: 4 }, () => 'VDT_RUNTIME_DEADLINE');
  expect(codes).toEqual([...late, 'VDT_LIBVIRT_CLOSED', 'VDT_LIBVIRT_CLOSED']);
  await expect(bed.rpc.closed).resolves.toMatchObject({ code: 'VDT_LIBVIRT_CLOSED', retryable: true });
  expect(bed.libvirtd.peer.gone).toBe(true);
});

it('libvirtd is given 4 calls at once, one less than it takes, so that it goes on reading; the next when one is answered', async () => {
  const waiting: Packet[] = [];
  const bed = await connect((call) => waiting.push(call) > 0);
  const calls = Array.from({ length: 6 }, () => bed.hostname());
  await bed.clock.advance(0);
  expect(waiting.map(({ serial }) => serial)).toEqual([1, 2, 3, 4]);
  answerHostname(waiting[2] as Packet, bed.libvirtd.peer);
  await bed.clock.advance(0);
  expect(waiting.map(({ serial }) => serial)).toEqual([1, 2, 3, 4, 5]);
  for (let at = 0; at < waiting.length; at++) {
    if (at !== 2) answerHostname(waiting[at] as Packet, bed.libvirtd.peer);
    await bed.clock.advance(0);
  }
  await expect(Promise.all(calls)).resolves.toEqual(['host1', 'host2', 'host3', 'host4', 'host5', 'host6']);
});

it('a call given up before libvirtd was given it is never sent, and takes no place', async () => {
  const bed = await connect(() => true);
  const outcomes = Promise.allSettled([...Array(4)].map(() => bed.hostname()));
  const late = expect(bed.hostname({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'VDT_RUNTIME_DEADLINE' });
  await bed.clock.advance(100);
  await late;
  expect([bed.rpc.abandonedCalls, bed.libvirtd.peer.callsOf(HOSTNAME).length]).toEqual([0, 4]);
  const closing = bed.rpc.close();
  await bed.clock.advance(500);
  await closing;
  expect(bed.libvirtd.peer.callsOf(2)).toHaveLength(1); // the goodbye waits for nobody
  await outcomes;
});

it('a reply to a call that libvirtd was not given yet is a lie', async () => {
  const bed = await connect(() => true);
  const outcomes = Promise.allSettled([...Array(5)].map(() => bed.hostname()));
  await bed.clock.advance(0);
  answerHostname({ ...(bed.libvirtd.peer.callsOf(HOSTNAME)[0] as Packet), serial: 5 }, bed.libvirtd.peer);
  await expect(bed.rpc.closed).resolves.toMatchObject({ code: 'VDT_LIBVIRT_PROTOCOL' });
  await outcomes;
});

it('when the connection ends every call fails at once, and later ones too', async () => {
  const bed = await connect(() => true);
  const outcomes = Promise.allSettled([bed.hostname(), bed.hostname()]);
  await bed.clock.advance(0);
  bed.libvirtd.peer.hangUp();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ reason: failsWith('VDT_LIBVIRT_CLOSED', 'libvirtd closed the connection') });
  }
  await expect(bed.hostname()).rejects.toMatchObject({ code: 'VDT_LIBVIRT_CLOSED', retryable: true });
  expect(bed.rpc.isClosed).toBe(true);
  expect(bed.clock.pendingTimers).toBe(0);
});

it('close says goodbye, fails what is pending, and does not wait for a libvirtd that does not answer', async () => {
  const bed = await connect(() => true);
  const call = expect(bed.hostname()).rejects.toMatchObject({ code: 'VDT_LIBVIRT_CLOSED' });
  const closing = [bed.rpc.close(), bed.rpc.close()];
  await bed.clock.advance(500);
  await Promise.all(closing);
  await call;
  expect(bed.libvirtd.peer.callsOf(2)).toHaveLength(1);
  expect(bed.clock.pendingTimers).toBe(0);
});

it('more calls than may wait are refused at once', async () => {
  const bed = await connect(() => true);
  const waiting = Array.from({ length: 4_096 }, () => bed.hostname());
  const outcomes = Promise.allSettled(waiting);
  await expect(bed.hostname()).rejects.toMatchObject({ code: 'VDT_LIBVIRT_BUSY', retryable: true });
  bed.libvirtd.peer.hangUp();
  await outcomes;
});

it('a PING is answered with a PONG', async () => {
  const bed = await connect();
  const ping = { program: 0x6b656570, version: 1, procedure: 1, type: messageType.event, serial: 0, status: 0 };
  bed.libvirtd.peer.raw(encodePacket(ping, Buffer.alloc(0)));
  await bed.clock.advance(0);
  expect(bed.libvirtd.peer.others).toMatchObject([{ ...ping, procedure: 2 }]);
});

it('event messages are handed on in order', async () => {
  const bed = await connect();
  for (const procedure of [318, 319, 348]) bed.libvirtd.peer.event(procedure, () => undefined);
  expect(bed.events).toEqual([318, 319, 348]);
});

const call: Packet = {
  program: REMOTE_PROGRAM,
  version: 1,
  procedure: HOSTNAME,
  type: messageType.call,
  serial: 1,
  status: 0,
  payload: Buffer.alloc(0),
};
const nonsense: readonly (readonly [string, Buffer])[] = [
  ['another program', replyPacket({ ...call, program: 0x20008087 }, messageStatus.ok, (it) => it.string('x'))],
  ['another version', replyPacket({ ...call, version: 2 }, messageStatus.ok, (it) => it.string('x'))],
  ['a reply to no call', replyPacket({ ...call, serial: 7 }, messageStatus.ok, (it) => it.string('x'))],
  ['a reply of another procedure', replyPacket({ ...call, procedure: 60 }, messageStatus.ok, (it) => it.string('x'))],
  ['a reply of unknown status', replyPacket(call, 9, (it) => it.string('x'))],
  ['a call', encodePacket(call, Buffer.alloc(0))],
  ['a stream', encodePacket({ ...call, type: messageType.stream }, Buffer.alloc(0))],
  ['a reply too short', replyPacket(call, messageStatus.ok, () => undefined)],
  ['a reply too long', replyPacket(call, messageStatus.ok, (it) => it.string('x').int(0))],
  ['an error too short', replyPacket(call, messageStatus.error, (it) => it.int(1))],
  ['another keepalive', encodePacket({ ...call, program: 0x6b656570, version: 2 }, Buffer.alloc(0))],
  ['a length below the least', Buffer.from([0, 0, 0, 27])],
  ['a length of 200 MB', Buffer.from([0x0b, 0xeb, 0xc2, 0x00])],
  ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
];

it.each(nonsense)('N1: %s ends the connection with a protocol error', async (_, bytes) => {
  const bed = await connect(() => true);
  const pending = expect(bed.hostname()).rejects.toMatchObject({ code: 'VDT_LIBVIRT_PROTOCOL', retryable: false });
  await bed.clock.advance(0);
  bed.libvirtd.peer.raw(bytes);
  await pending;
  await expect(bed.rpc.closed).resolves.toMatchObject({ code: 'VDT_LIBVIRT_PROTOCOL' });
  await bed.clock.advance(0);
  expect(bed.libvirtd.peer.gone).toBe(true);
  bed.libvirtd.peer.raw(bytes); // nothing more is read
});

it('D1: whatever bytes come, the connection lives or ends with a protocol error, and every call settles', async () => {
  const reply = replyPacket(call, messageStatus.ok, (it) => it.string('node'));
  const damage = fc.array(fc.tuple(fc.nat({ max: reply.length - 1 }), fc.nat({ max: 255 })), { maxLength: 3 });
  const oneReply = async (changes: readonly (readonly [number, number])[], rest: Uint8Array): Promise<void> => {
    const bed = await connect(() => true);
    const outcome = Promise.allSettled([bed.hostname(), bed.rpc.call(nodeGetInfo, undefined)]);
    const bytes = Buffer.from(reply);
    for (const [at, value] of changes) bytes[at] = value;
    bed.libvirtd.peer.raw(bytes);
    bed.libvirtd.peer.raw(Buffer.from(rest));
    bed.libvirtd.peer.hangUp();
    for (const result of await outcome) {
      if (result.status === 'fulfilled') continue;
      expect((result.reason as { code: string }).code).toMatch(/^VDT_LIBVIRT_/);
    }
    expect(bed.clock.pendingTimers).toBe(0);
  };
  await fc.assert(fc.asyncProperty(damage, fc.uint8Array({ maxLength: 40 }), oneReply), { numRuns: 200 });
});
