import { readFileSync } from 'node:fs';
import { DeviceSample } from '@vedette/model';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { deviceSample, hasMonitorFields, type StatsParams } from '../../src/drivers/libvirt/device-samples.ts';

type Recorded = Readonly<Record<string, Readonly<Record<string, number | string>>>>;

/** Of a real libvirtd: two guests, and the same while both were stopped by SIGSTOP, read without waiting. */
const { stats, hungStats } = JSON.parse(
  readFileSync(new URL('./fixtures/libvirt-9.0.0.json', import.meta.url), 'utf8'),
) as { readonly stats: Recorded; readonly hungStats: Recorded };

const paramsOf = (recorded: Recorded, guest: string): StatsParams => new Map(Object.entries(recorded[guest] ?? {}));
const full = paramsOf(stats, 'full');
const bios = paramsOf(stats, 'bios');

describe('a guest with a balloon driver, a disk and a NIC', () => {
  it('tells everything, times in seconds and sizes in bytes', () => {
    expect(deviceSample(full)).toEqual({
      cpuTimeS: 4.09,
      cpuUserS: 3.36,
      cpuSystemS: 0.73,
      maximumVcpus: 1,
      currentVcpus: 1,
      vcpus: [{ vcpu: 0, state: 1, timeS: 3.68, waitS: 0, delayS: 0.069292167 }],
      memory: {
        maximumBytes: 98_304 * 1024,
        currentBytes: 98_304 * 1024,
        availableBytes: 62_020 * 1024,
        unusedBytes: 26_104 * 1024,
        usableBytes: 30_628 * 1024,
        diskCachesBytes: 8_696 * 1024,
        swapInBytes: 0,
        swapOutBytes: 0,
        majorFaults: 0,
        minorFaults: 2_287,
        rssBytes: 229_268 * 1024,
      },
      disks: [
        {
          device: 'vda',
          path: stats.full?.['block.0.path'],
          readRequests: 2,
          readBytes: 4_608,
          readTimeS: 0.000180468,
          writeRequests: 0,
          writeBytes: 0,
          writeTimeS: 0,
          flushRequests: 0,
          flushTimeS: 0,
          capacityBytes: 8_388_608,
          allocationBytes: 0,
          physicalBytes: 4_096,
        },
      ],
      interfaces: [
        {
          device: 'vnet0',
          receiveBytes: 2_640,
          receivePackets: 19,
          receiveErrors: 0,
          receiveDrops: 0,
          transmitBytes: 2_406,
          transmitPackets: 13,
          transmitErrors: 0,
          transmitDrops: 0,
        },
      ],
    });
  });

  it('tells what its schema allows, and nothing else', () => {
    for (const params of [full, bios, paramsOf(hungStats, 'full')]) {
      expect(Check(DeviceSample, deviceSample(params))).toBe(true);
    }
  });
});

it('a guest that only has a BIOS tells of its memory what its host knows, and no device', () => {
  expect(deviceSample(bios)).toMatchObject({
    memory: { maximumBytes: 32_768 * 1024, currentBytes: 32_768 * 1024, rssBytes: 39_376 * 1024 },
    disks: [],
    interfaces: [],
  });
  expect(Object.keys(deviceSample(bios).memory)).toHaveLength(3);
});

it('V1: what is not told is left out, never zero', () => {
  expect(deviceSample(new Map())).toEqual({ vcpus: [], memory: {}, disks: [], interfaces: [] });
  const unknown = new Map<string, number | bigint | string | boolean>([
    ['cpu.time', -1],
    ['cpu.user', 'nonsense'],
    ['cpu.system', true],
    ['balloon.rss', -1n],
    ['balloon.current', 2n ** 64n - 1n],
    ['balloon.maximum', 2 ** 64],
    ['vcpu.0.time', 5],
    ['net.0.rx.bytes', 5],
    ['block.0.rd.bytes', 5],
  ]);
  expect(deviceSample(unknown)).toEqual({ vcpus: [], memory: {}, disks: [], interfaces: [] });
});

it('V1: a disk counter that one format does not have (-1) is left out, the others stay', () => {
  const params = new Map(full).set('block.0.rd.reqs', -1).set('block.0.wr.reqs', 7);
  const [disk] = deviceSample(params).disks;
  expect(disk).not.toHaveProperty('readRequests');
  expect(disk).toMatchObject({ device: 'vda', writeRequests: 7 });
});

it('an empty drive has an empty path', () => {
  expect(deviceSample(new Map([['block.0.name', 'sda']])).disks).toEqual([{ device: 'sda', path: '' }]);
});

it('V2: nanoseconds beyond what a number holds become seconds, to the last place of a number', () => {
  const ns = 2n ** 53n + 1n; // the first that a number cannot hold: 9007199.254740993 s
  expect(deviceSample(new Map([['cpu.time', ns]])).cpuTimeS).toBeCloseTo(9_007_199.254_740_993, 8);
  expect(deviceSample(new Map([['cpu.time', 123_456_789_012_000_000_001n]])).cpuTimeS).toBeUndefined(); // above 2^63
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (value) => {
      const text = value.toString().padStart(10, '0');
      const exact = Number(`${text.slice(0, -9)}.${text.slice(-9)}`);
      const seconds = deviceSample(new Map([['cpu.time', value]])).cpuTimeS ?? -1;
      expect(Math.abs(seconds - exact)).toBeLessThanOrEqual(Math.max(exact, 1) * 2 * Number.EPSILON);
    }),
  );
});

it('V3: the order of the parameters does not show; devices come by their numbers', () => {
  const many = new Map<string, number | string>([...(full as ReadonlyMap<string, number | string>)]);
  for (const number of [10, 2, 1]) {
    many.set(`block.${number}.name`, `vd${number}`).set(`net.${number}.name`, `vnet${number}`);
    many.set(`vcpu.${number}.state`, 1);
  }
  const expected = deviceSample(many);
  expect(expected.disks.map(({ device }) => device)).toEqual(['vda', 'vd1', 'vd2', 'vd10']);
  expect(expected.vcpus.map(({ vcpu }) => vcpu)).toEqual([0, 1, 2, 10]);
  fc.assert(
    fc.property(fc.shuffledSubarray([...many], { minLength: many.size }), (shuffled) => {
      expect(deviceSample(new Map(shuffled))).toEqual(expected);
    }),
    { numRuns: 30 },
  );
});

it('a processor that is off keeps its place: the numbers may have gaps', () => {
  const params = new Map([
    ['vcpu.0.state', 1],
    ['vcpu.3.state', 2],
  ]);
  expect(deviceSample(params).vcpus).toEqual([
    { vcpu: 0, state: 1 },
    { vcpu: 3, state: 2 },
  ]);
});

it('a disk stands once, though its backing files were asked for; the second disk is numbered by its image', () => {
  const params = new Map<string, number | string>([
    ['block.0.name', 'vda'],
    ['block.0.backingIndex', 1],
    ['block.0.path', '/images/top'],
    ['block.1.name', 'vda'],
    ['block.1.backingIndex', 3],
    ['block.1.path', '/images/base'],
    ['block.2.name', 'vdb'],
    ['block.2.backingIndex', 2],
  ]);
  expect(deviceSample(params).disks.map(({ device, path }) => `${device} ${path}`)).toEqual([
    'vda /images/top',
    'vdb ',
  ]);
});

it('never throws, and always tells what its schema allows', () => {
  const names = fc.stringMatching(/^(cpu|balloon|vcpu|net|block)\.(\d{1,3}\.)?(name|path|time|state|rd\.bytes|rss)$/);
  const values = fc.oneof(fc.double(), fc.bigInt(), fc.string({ unit: 'binary' }), fc.boolean(), fc.maxSafeInteger());
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values)), (params) => {
      expect(Check(DeviceSample, deviceSample(new Map(params)))).toBe(true);
    }),
  );
});

describe('whether the monitor has answered (trap 1: hung QEMU)', () => {
  it.each(['full', 'bios'])('%s: yes when it runs, no when it hangs', (guest) => {
    expect(hasMonitorFields(paramsOf(stats, guest))).toBe(true);
    expect(hasMonitorFields(paramsOf(hungStats, guest))).toBe(false);
  });

  it.each(['full', 'bios'])('%s: what libvirt knows by itself it still tells while QEMU hangs', (guest) => {
    expect(deviceSample(paramsOf(hungStats, guest))).toMatchObject({ currentVcpus: 1, vcpus: [{ vcpu: 0, state: 1 }] });
  });

  it('the name of a disk is no answer of QEMU', () => {
    expect(hasMonitorFields(new Map([['block.0.name', 'rd.reqs']]))).toBe(false);
    expect(hasMonitorFields(new Map([['block.0.rd.reqs', 0]]))).toBe(true);
    expect(hasMonitorFields(new Map([['block.count', 1]]))).toBe(false);
    expect(hasMonitorFields(new Map())).toBe(false);
  });
});
