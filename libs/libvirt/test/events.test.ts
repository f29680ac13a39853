import { connectLibvirt, type DomainEvent, type DomainEventType, LibvirtSession } from '@vedette/libvirt';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { expect, it } from 'vitest';
import { encodeDomain } from '../src/domain.ts';
import { decodeEvent } from '../src/events.ts';
import { XdrDecoder, XdrEncoder } from '../src/xdr.ts';
import { FakeLibvirtd } from './fake-libvirtd.ts';

const domain = { name: 'web', uuid: '0f0e0d0c-0b0a-0908-0706-050403020100', id: 3 };

/** The message of an event about {@link domain}, from remote_protocol.x. */
function message(encode: (encoder: XdrEncoder) => unknown): XdrDecoder {
  const encoder = new XdrEncoder();
  encodeDomain(encoder.int(1), domain);
  encode(encoder);
  return new XdrDecoder(encoder.bytes);
}

it.each<[number, (encoder: XdrEncoder) => unknown, object]>([
  [321, (it) => it.int(2), { type: 'watchdog', action: 'reset' }],
  [321, (it) => it.int(6), { type: 'watchdog', action: 'injectNmi' }],
  [321, (it) => it.int(99), { type: 'watchdog', action: 'unknown' }],
  [
    324,
    (it) => it.string('/img/a').string('virtio-disk0').int(1).string('enospc'),
    { type: 'ioError', device: 'virtio-disk0', sourcePath: '/img/a', action: 'pause', reason: 'enospc' },
  ],
  [331, (it) => it.unsignedHyper(524_288n), { type: 'balloon', actualKiB: 524_288 }],
  [333, (it) => it.string('net1'), { type: 'device', device: 'net1', added: false }],
  [354, (it) => it.string('net1'), { type: 'device', device: 'net1', added: true }],
  [359, (it) => it.int(2), { type: 'migrationIteration', iteration: 2 }],
  [423, (it) => it.int(1).int(2).uint(3), { type: 'memoryFailure', recipient: 'guest', action: 'fatal' }],
])('S12: message %i is read', (procedure, encode, event) => {
  expect(decodeEvent(procedure, message(encode))).toEqual({ ...event, domain });
});

it('D1: an event with too little or too much is a protocol error', () => {
  const refused = expect.objectContaining({ code: 'VDT_LIBVIRT_PROTOCOL' });
  for (const procedure of [321, 324, 331, 333, 354, 359, 423]) {
    expect(() =>
      decodeEvent(
        procedure,
        message(() => undefined),
      ),
    ).toThrow(refused);
    const long = (encoder: XdrEncoder): unknown => encoder.int(0).int(0).int(0).int(0).int(0).int(0);
    expect(() => decodeEvent(procedure, message(long))).toThrow(refused);
  }
});

const MEMORY_FAILURE = 25;
const DEVICE_ADDED = 19;

/** A libvirtd that refuses to register some event ids. */
function lacking(ids: readonly number[], code: number, words: string): FakeLibvirtd {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = (call, peer) => {
    if (call.procedure !== 316 || !ids.includes(call.payload.readInt32BE(0))) return false;
    peer.refuse(call, code, words);
    return true;
  };
  return libvirtd;
}

it.each([
  [1, 'internal error: unsupported event ID 25'],
  [3, 'this function is not supported by the connection driver: virConnectDomainEventRegisterAny'],
  [39, 'unknown procedure: 316'],
])(
  'a type of event that an older libvirtd does not know (error %i) is missing and told so; the others come',
  async (code, words) => {
    const libvirtd = lacking([MEMORY_FAILURE, DEVICE_ADDED], code, words);
    await using connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() });
    const seen: DomainEventType[] = [];
    const { missing } = await connection.listen(({ type }: DomainEvent) => seen.push(type));
    expect(missing).toEqual(['device', 'memoryFailure']);
    expect(connection.missingEvents).toEqual(expect.arrayContaining(['device', 'memoryFailure']));
    libvirtd.peer.event(319, (encoder) => encodeDomain(encoder, domain));
    expect(seen).toEqual(['reboot']);
    const again = await connection.listen(() => undefined, { types: ['reboot', 'memoryFailure'] });
    expect(again.missing).toEqual(['memoryFailure']);
  },
);

it('any other refusal of a registration fails it', async () => {
  const libvirtd = lacking([MEMORY_FAILURE], 1, 'internal error: out of luck');
  await using connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() });
  await expect(connection.listen(() => undefined)).rejects.toMatchObject({ code: 'VDT_LIBVIRT_REFUSED' });
  expect(connection.missingEvents).toEqual([]);
});

it('a session says with each connection what it will not be told', async () => {
  const libvirtd = lacking([MEMORY_FAILURE], 1, 'unsupported event ID 25');
  const clock = new SimulatedClock();
  await using session = new LibvirtSession({ dial: libvirtd.dial, clock });
  const events = session.events();
  expect((await events.next()).value).toEqual({ type: 'connected', again: false, missingEvents: ['memoryFailure'] });
});
