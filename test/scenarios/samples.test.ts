import { decodeStats, isActive, type VMStatsSampled } from '@vedette/model';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const minute = 60_000;
const quick = { statsIntervalMs: 15_000, deviceStatsIntervalMs: 5 * minute };

/** Each VM's row of one message, by VM. */
function rowsOf({ data: { columns } }: VMStatsSampled) {
  const { vm, name, state, cpuUser, cpuSystem, memoryPercent, elapsedS, devices } = columns;
  return new Map(
    vm.map((id, at) => [
      id,
      {
        name: name[at],
        state: state[at],
        cpuUser: cpuUser[at],
        cpuSystem: cpuSystem[at],
        memoryPercent: memoryPercent[at],
        elapsedS: elapsedS[at],
        device: devices?.[at],
      },
    ]),
  );
}

const hasDevices = ({ data }: VMStatsSampled) => data.columns.devices !== undefined;

describe('samples', () => {
  it.each([
    ['complete listings', { push: false, delta: false }],
    ['differences', { push: true, delta: true }],
  ])('say of each VM what %s carried, every 15 s, and pass the door', async (_, options) => {
    await using world = await World.begin({ hosts: 1, vmsPerHost: 6, stoppedShare: 0.4, ...options, monitor: quick });
    await world.pass(10 * minute);
    world.forget();
    await world.pass(minute);
    const messages = world.told('VMStatsSampled');
    expect(messages).toHaveLength(4);
    for (const message of [...messages, ...world.told('HostStatsSampled')]) {
      expect(decodeStats(JSON.stringify(message)).ok).toBe(true);
    }
    const [first, last] = [messages[0], messages.at(-1)].map((message) => rowsOf(message as VMStatsSampled));
    expect(last?.size).toBe(6);
    for (const [vm, truth] of world.fleet.truth(world.nowMs)) {
      const row = last?.get(vm);
      expect(row).toMatchObject({ name: truth.name, state: truth.state });
      const up = isActive(truth.state);
      for (const value of [row?.cpuUser, row?.cpuSystem, row?.memoryPercent, row?.elapsedS])
        expect(typeof value).toBe(up ? 'number' : 'object');
      if (up) expect((row?.elapsedS ?? 0) - (first?.get(vm)?.elapsedS ?? 0)).toBeCloseTo(45, -1);
    }
    expect(new Set([...(last?.values() ?? [])].map(({ state }) => state)).size).toBe(2);
  });

  it('say what the host has, with shares of its processors from the second one on', async () => {
    await using world = await World.begin({ hosts: 1, vmsPerHost: 4, monitor: quick });
    await world.pass(minute);
    const [first, ...more] = world.told('HostStatsSampled').map(({ data }) => data.sample);
    expect(first).toMatchObject({ cpuCount: 32 });
    expect(first?.cpuIdle).toBeUndefined();
    expect(more.length).toBeGreaterThan(2);
    for (const { cpuUser = 0, cpuSystem = 0, cpuIdle = 0, cpuIoWait = 0 } of more) {
      expect(cpuUser + cpuSystem + cpuIdle + cpuIoWait).toBeCloseTo(1, 9);
    }
  });

  it('have devices of what is up soon after the first listing, then every 5 min; each host at its own time', async () => {
    await using world = await World.begin({ hosts: 8, vmsPerHost: 4, stoppedShare: 0.3, monitor: quick });
    await world.pass(16_000);
    const devices = world.told('VMStatsSampled').filter(hasDevices);
    expect(new Set(devices.map(({ data }) => data.host)).size).toBe(8);
    expect(new Set(devices.map(({ time }) => time)).size).toBeGreaterThan(4);
    for (const message of devices) {
      for (const [vm, { device, state }] of rowsOf(message)) {
        expect(device === null, vm).toBe(!isActive(state ?? 'unknown'));
        if (device) expect(device.disks.map((disk) => disk.device)).toEqual(['vda']);
      }
    }
    world.forget();
    await world.pass(60 * minute);
    const later = world.told('VMStatsSampled').filter(hasDevices);
    expect(later.filter(({ data }) => data.host === world.host(0))).toHaveLength(12);
  });

  it('of many VMs come in several messages of at most 256 KiB, each VM in one of them', async () => {
    await using world = await World.begin({ hosts: 1, vmsPerHost: 1_200, monitor: quick, push: false });
    await world.pass(16_000);
    const devices = world.told('VMStatsSampled').filter(hasDevices);
    expect(devices.length).toBeGreaterThan(2);
    for (const message of devices) {
      expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThanOrEqual(256 * 1024);
      expect(decodeStats(JSON.stringify(message)).ok).toBe(true);
    }
    expect(devices.flatMap(({ data }) => data.columns.vm).toSorted()).toEqual(
      [...world.fleet.truth(world.nowMs).keys()].toSorted(),
    );
    expect(new Set(world.told('VMStatsSampled').map(({ id }) => id)).size).toBe(world.told('VMStatsSampled').length);
  });

  it.each([
    ['refuses', { kind: 'refuse', only: ['deviceStats', 'hostStats'] }],
    ['never answers', { kind: 'hang', only: ['deviceStats', 'hostStats'] }],
  ] as const)(
    'I6: a host that %s when asked for them: polls go on, the VMs are told all the same',
    async (_, fault) => {
      await using world = await World.begin({ hosts: 1, monitor: { ...quick, deviceStatsIntervalMs: 15_000 } });
      world.forget();
      world.script({ kind: 'fault', atMs: world.nowMs, host: world.host(0), fault });
      const { polls, sampleFailures } = world.monitor.counters;
      await world.pass(5 * minute);
      expect(world.monitor.counters.polls - polls).toBeGreaterThanOrEqual(100);
      expect(world.monitor.counters.pollsSkipped).toBe(0);
      expect(world.monitor.counters.sampleFailures).toBeGreaterThan(sampleFailures + 10);
      expect(world.changesTold).toEqual([]);
      expect(world.told('HostStatsSampled')).toEqual([]);
      expect(world.told('VMStatsSampled').length).toBeGreaterThanOrEqual(18);
      expect(world.told('VMStatsSampled').some(hasDevices)).toBe(false);
    },
  );

  it('I2: of a host that does not answer nothing is told, and none of a VM that left', async () => {
    await using world = await World.begin({ monitor: quick });
    const [lost, seen] = [world.host(0), world.host(1)];
    world.script({ kind: 'fault', atMs: world.nowMs, host: lost, fault: { kind: 'refuse' } });
    world.script({ kind: 'absent', atMs: world.nowMs, host: seen, vm: world.vm(1, 0) });
    await world.pass(minute);
    world.forget();
    const { samplesSkipped } = world.monitor.counters;
    await world.pass(minute);
    expect(world.told('VMStatsSampled').map(({ data }) => data.host)).toEqual(Array(4).fill(seen));
    for (const { data } of world.told('VMStatsSampled')) expect(data.columns.vm).toEqual([world.vm(1, 1)]);
    expect(world.monitor.counters.samplesSkipped).toBe(samplesSkipped + 4);
  });

  it('I2: of a host in whose place another answers nothing is told', async () => {
    await using world = await World.begin({ hosts: 2, monitor: { ...quick, statsIntervalMs: 1_000 } });
    const [host, other] = [world.host(0), world.host(1)];
    const fault = { kind: 'foreign', as: other } as const;
    world.script({ kind: 'fault', atMs: world.nowMs, host, fault });
    await world.pass(3_500); // one poll, at most: it is found out
    world.forget();
    await world.pass(minute);
    const told = [...world.told('HostStatsSampled'), ...world.told('VMStatsSampled')].map(({ data }) => data.host);
    expect(new Set(told)).toEqual(new Set([other]));
  });

  it('are not taken at all where the interval is 0', async () => {
    await using world = await World.begin({ monitor: { statsIntervalMs: 0 } });
    await world.pass(10 * minute);
    expect(world.told('VMStatsSampled')).toEqual([]);
    expect(world.told('HostStatsSampled')).toEqual([]);
    expect(world.monitor.counters).toMatchObject({ samplesSent: 0, sampleFailures: 0, samplesSkipped: 0 });
  });

  it('are told by a monitor that starts again, and no longer by the one that ended', async () => {
    await using world = await World.begin({ hosts: 1, monitor: quick });
    await world.pass(minute);
    await world.restartMonitor();
    await world.pass(5_000);
    world.forget();
    await world.pass(minute);
    expect(world.told('VMStatsSampled')).toHaveLength(4);
  });
});
