/** What remote_protocol.x says of these calls, byte by byte; against a real libvirtd: libvirt.test.ts. */
import { connectLibvirt, type LibvirtConnection } from '@vedette/libvirt';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { expect, it } from 'vitest';
import { encodeTypedParams, type TypedParam } from '../src/typed-params.ts';
import { XdrDecoder, type XdrEncoder } from '../src/xdr.ts';
import { FakeLibvirtd } from './fake-libvirtd.ts';

const domain = { name: 'web', uuid: '0f0e0d0c-0b0a-0908-0706-050403020100', id: 3 };
const JOB_STATS = 298;

async function answering(
  procedure: number,
  encode: (encoder: XdrEncoder, args: Buffer) => unknown,
): Promise<{ readonly connection: LibvirtConnection; readonly libvirtd: FakeLibvirtd }> {
  const libvirtd = new FakeLibvirtd();
  libvirtd.script = (call, peer) => {
    if (call.procedure !== procedure) return false;
    peer.reply(call, (encoder) => encode(encoder, call.payload));
    return true;
  };
  return { libvirtd, connection: await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() }) };
}

it.each([
  [0, 'none'],
  [2, 'unbounded'],
  [5, 'cancelled'],
  [9, 'unknown'],
])('a job of type %i is %s, with its times and sizes', async (number, type) => {
  const { connection } = await answering(163, (it) => {
    it.int(number);
    for (let field = 1n; field <= 11n; field++) it.unsignedHyper(field);
  });
  const sizes = { dataTotalBytes: 3, dataProcessedBytes: 4, dataRemainingBytes: 5 };
  expect(await connection.domainJobInfo(domain)).toEqual({ type, elapsedMs: 1, ...sizes });
});

function stats(encoder: XdrEncoder, type: number, params: readonly TypedParam[]): void {
  encodeTypedParams(encoder.int(type), params);
}

it.each([
  [4, 'migrationIn'],
  [5, 'migrationOut'],
  [10, 'snapshotDelete'],
  [77, 'unknown'],
])('M1: a job whose operation is %i is %s', async (value, operation) => {
  const { connection } = await answering(JOB_STATS, (it) => stats(it, 2, [{ name: 'operation', type: 'int', value }]));
  const job = await connection.domainJobStats(domain);
  expect(job).toMatchObject({ type: 'unbounded', operation });
  expect(job.params.get('operation')).toBe(value);
});

it('without a job there is no operation', async () => {
  const { connection } = await answering(JOB_STATS, (it) => stats(it, 0, []));
  expect(await connection.domainJobStats(domain)).toEqual({ type: 'none', operation: 'unknown', params: new Map() });
});

it('M1: the destination of a migration, which libvirt will not speak of, is told as incoming; another refusal is one', async () => {
  const libvirtd = new FakeLibvirtd();
  let words = 'Operation not supported: migration statistics are available only on the source host';
  libvirtd.script = (call, peer) => {
    if (call.procedure !== JOB_STATS) return false;
    peer.refuse(call, 84, words);
    return true;
  };
  const connection = await connectLibvirt({ dial: libvirtd.dial, clock: new SimulatedClock() });
  expect(await connection.domainJobStats(domain)).toMatchObject({ type: 'unbounded', operation: 'migrationIn' });
  words = 'Operation not supported';
  await expect(connection.domainJobStats(domain)).rejects.toMatchObject({ code: 'VDT_LIBVIRT_UNSUPPORTED' });
});

it('disk errors name the disk and say whether space ran out', async () => {
  const { connection } = await answering(263, (it) => {
    it.uint(3).string('vda').int(2).string('vdb').int(1).string('vdc').int(9).int(3);
  });
  expect(await connection.domainDiskErrors(domain)).toEqual([
    { disk: 'vda', error: 'noSpace' },
    { disk: 'vdb', error: 'unspecified' },
    { disk: 'vdc', error: 'unknown' },
  ]);
});

it('control info says since when QEMU does not answer', async () => {
  const { connection } = await answering(229, (it) => it.uint(2).uint(0).unsignedHyper(4_500n));
  expect(await connection.domainControlInfo(domain)).toEqual({ state: 'occupied', stateMs: 4_500 });
});

it.each([
  [1, true],
  [0, false],
])('%i is %s for a persistent domain', async (answer, persistent) => {
  const { connection } = await answering(151, (it) => it.int(answer));
  expect(await connection.domainIsPersistent(domain)).toBe(persistent);
});

it.each([
  ['storagePools', 281],
  ['networks', 283],
] as const)('%s are listed with which of them are active', async (method, procedure) => {
  const names = ['default', 'scratch'];
  const { connection } = await answering(procedure, (it, args) => {
    const decoder = new XdrDecoder(args);
    expect(decoder.int()).toBe(1);
    const some = decoder.uint() === 2 ? ['scratch'] : names;
    it.array(some, (_, name) => it.string(name).opaque(Buffer.alloc(16, names.indexOf(name)))).uint(some.length);
  });
  const uuid = (digit: number): string => `00000000-0000-0000-0000-000000000000`.replaceAll('00', `0${digit}`);
  expect(await connection[method]()).toEqual([
    { name: 'default', uuid: uuid(0), active: false },
    { name: 'scratch', uuid: uuid(1), active: true },
  ]);
});

it('processor times have names with units', async () => {
  const times: Readonly<Record<string, bigint>> = { kernel: 1n, user: 2n, idle: 3n, iowait: 4n };
  const { connection } = await answering(227, (it, args) => {
    const wanted = args.readInt32BE(4) === 0 ? [] : Object.entries(times);
    it.array(wanted, (_, [name, value]) => it.string(name).unsignedHyper(value)).int(4);
  });
  expect(await connection.nodeCpuTimes()).toEqual({ systemNs: 1, userNs: 2, idleNs: 3, iowaitNs: 4 });
});
