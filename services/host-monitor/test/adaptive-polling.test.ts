import { describe, expect, it } from 'vitest';
import { WatchedFleet } from './support/watched-fleet.ts';

const minute = 60_000;
const noSamples = { statsIntervalMs: 0 };

describe('polls while heart-beats prove the state', () => {
  it('S4: stretch tenfold, each host at its own turn, while its proof stays as young as with ordinary polls', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 20, monitor: noSamples });
    await watched.pass(minute);
    watched.forget();
    let oldestMs = 0;
    for (let second = 0; second < 300; second++) {
      await watched.pass(1_000);
      for (const host of watched.hosts) oldestMs = Math.max(oldestMs, watched.proofAgeMs(host));
    }
    expect(oldestMs).toBeLessThanOrEqual(3_000);
    expect(watched.stretched).toBe(20);
    for (const host of watched.hosts) {
      const times = watched.driver.pollsSince(0, host).map(({ atMs }) => atMs);
      expect(times).toHaveLength(10);
      expect(new Set(times.map((atMs) => atMs % 30_000)).size).toBe(1);
    }
    expect(new Set(watched.driver.polls.map(({ atMs }) => atMs % 30_000)).size).toBe(20);
    expect(watched.heard).toEqual([]);
    for (const { data } of watched.coverages) expect(data).toMatchObject({ hosts: 20, exceptions: {} });
  });

  it('bring the samples: a host is polled as often as they are told, and each tells what that poll brought', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 5 });
    const samples: Array<{ readonly host: string; readonly atMs: number; readonly elapsedS: unknown }> = [];
    const listener = watched.broker.connect({ name: 'samples' });
    await listener.subscribe({
      patterns: ['vedette.v1.stats.vm.*'],
      handler: (_subject, bytes) => {
        const { data } = JSON.parse(Buffer.from(bytes).toString()) as {
          data: { host: string; columns: { cpuUser: readonly unknown[] } };
        };
        samples.push({ host: data.host, atMs: watched.nowMs, elapsedS: data.columns.cpuUser });
      },
    });
    await watched.pass(minute);
    watched.forget();
    samples.length = 0;
    await watched.pass(5 * minute);
    expect(watched.monitor.counters.samplesSkipped).toBe(0);
    for (const host of watched.hosts) {
      const polls = watched.driver.pollsSince(0, host);
      const told = samples.filter((sample) => sample.host === host);
      expect([polls.length, told.length]).toEqual([20, 20]);
      for (const { atMs } of told) {
        expect(polls.some(({ endedMs = Number.NaN }) => atMs >= endedMs && atMs - endedMs <= 5)).toBe(true);
      }
    }
  });

  it('never stretch for a driver without heart-beats', async () => {
    await using watched = await WatchedFleet.begin({ heartBeats: false, monitor: noSamples });
    await watched.pass(minute);
    watched.forget();
    await watched.pass(minute);
    expect(watched.driver.pollsSince(0, watched.host(0))).toHaveLength(20);
    expect(watched.stretched).toBe(0);
  });

  it('are as often as ever where the factor is 1', async () => {
    await using watched = await WatchedFleet.begin({ monitor: { ...noSamples, stretchFactor: 1 } });
    await watched.pass(minute);
    watched.forget();
    await watched.pass(minute);
    expect(watched.driver.pollsSince(0, watched.host(0))).toHaveLength(20);
  });

  it('shrink when two heart-beats are missing: at once a poll, then the ordinary rhythm; stretch when they are back', async () => {
    await using watched = await WatchedFleet.begin({ monitor: noSamples });
    const host = watched.host(0);
    await watched.pass(minute);
    watched.forget();
    watched.driver.silent.add(host);
    const beganMs = watched.nowMs;
    await watched.pass(minute);
    const [first, ...more] = watched.driver.pollsSince(beganMs, host).map(({ atMs }) => atMs - beganMs);
    expect(first).toBeLessThanOrEqual(7_500);
    expect(more.length).toBeGreaterThanOrEqual(16);
    expect(watched.monitor.counters.heartBeatsMissed).toBe(1);
    expect(watched.proofAgeMs(host)).toBeLessThanOrEqual(3_010);
    expect(watched.heard).toEqual([]); // it answers: nothing is judged
    watched.driver.silent.delete(host);
    await watched.pass(10_000);
    watched.forget();
    await watched.pass(minute);
    expect(watched.driver.pollsSince(0, host)).toHaveLength(2);
  });

  it('N6: a host that beats no more and does not answer is judged by its polls, after the full grace', async () => {
    await using watched = await WatchedFleet.begin({ monitor: noSamples });
    const host = watched.host(0);
    await watched.pass(minute);
    watched.forget();
    watched.driver.cut.add(host);
    const beganMs = watched.nowMs;
    await watched.pass(58_000);
    expect(watched.told('vedette.HostStateChanged.v1')).toEqual([]);
    await watched.pass(minute);
    expect(watched.told('vedette.HostStateChanged.v1').map(({ data }) => [data.host, data.to])).toEqual([
      [host, 'non_responsive'],
    ]);
    expect(watched.driver.pollsSince(beganMs, host).length).toBeGreaterThanOrEqual(4);
    watched.driver.cut.delete(host);
    await watched.pass(minute);
    expect(watched.told('vedette.HostStateChanged.v1').map(({ data }) => data.to)).toEqual(['non_responsive', 'up']);
    expect(watched.told('vedette.VMStateChanged.v1')).toEqual([]);
  });

  it('S8: a lost hint is polled for at once; heart-beats prove nothing until that poll has answered', async () => {
    await using watched = await WatchedFleet.begin({ monitor: { ...noSamples, backoffMaxMs: 3_000 } });
    const host = watched.host(0);
    await watched.pass(minute);
    watched.forget();
    const fault = { kind: 'refuse', only: ['runtimeStats'] } as const;
    const atMs = watched.nowMs;
    watched.fleet.script.add({ kind: 'fault', atMs, untilMs: atMs + 20_000, host, fault });
    watched.driver.hint(host, { kind: 'poll', reason: 'a gap' });
    await watched.pass(10);
    expect(watched.driver.pollsSince(atMs, host)).toHaveLength(1);
    await watched.pass(19_000);
    expect(watched.proofAgeMs(host)).toBeGreaterThan(19_000);
    expect(watched.monitor.proofs.get(host)?.stretched).toBe(false);
    await watched.pass(10_000);
    expect(watched.proofAgeMs(host)).toBeLessThanOrEqual(3_000);
    expect(watched.monitor.proofs.get(host)?.stretched).toBe(true);
  });

  it('heart-beats of a host that does not answer have it asked at its own turns, whatever the backoff', async () => {
    await using watched = await WatchedFleet.begin({ monitor: noSamples });
    const host = watched.host(0);
    await watched.pass(minute);
    watched.forget();
    const fault = { kind: 'refuse', only: ['runtimeStats'] } as const;
    const atMs = watched.nowMs;
    watched.fleet.script.add({ kind: 'fault', atMs, untilMs: atMs + 5 * minute, host, fault });
    await watched.pass(minute);
    watched.forget();
    await watched.pass(3 * minute);
    const times = watched.driver.pollsSince(0, host).map(({ atMs: polledMs }) => polledMs);
    expect(times).toHaveLength(60);
    expect(new Set(times.map((polledMs) => polledMs % 3_000)).size).toBe(1);
    expect(watched.heard).toEqual([]); // it lives, and tells what changes
    expect(watched.proofAgeMs(host)).toBeLessThanOrEqual(3_000);
  });

  it('I2: tell no samples of a host that beats and is not listed: its figures are old', async () => {
    await using watched = await WatchedFleet.begin({ hosts: 1 });
    const host = watched.host(0);
    await watched.pass(minute);
    const fault = { kind: 'refuse', only: ['runtimeStats'] } as const;
    watched.fleet.script.add({ kind: 'fault', atMs: watched.nowMs, host, fault });
    await watched.pass(20_000);
    const { samplesSent, samplesSkipped } = watched.monitor.counters;
    await watched.pass(2 * minute);
    expect(watched.monitor.counters.samplesSent).toBe(samplesSent);
    expect(watched.monitor.counters.samplesSkipped).toBe(samplesSkipped + 8);
    expect(watched.proofAgeMs(host)).toBeLessThanOrEqual(3_000);
  });

  it('S1, S9: what changes meanwhile is told at once; a new boot is listed whole twice, without an event', async () => {
    await using watched = await WatchedFleet.begin({ monitor: noSamples });
    const host = watched.host(0);
    await watched.pass(minute);
    watched.forget();
    watched.setState(0, 0, 'paused');
    await watched.pass(100);
    expect(watched.told('vedette.VMStateChanged.v1').map(({ data }) => [data.host, data.to, data.via])).toEqual([
      [host, 'paused', 'push'],
    ]);
    watched.forget();
    watched.fleet.script.add({ kind: 'restart', atMs: watched.nowMs, host });
    await watched.pass(minute);
    expect(watched.heard).toEqual([]);
    expect(watched.driver.pollsSince(0, host).filter(({ whole }) => whole)).toHaveLength(2);
    expect(watched.monitor.proofs.get(host)?.stretched).toBe(true);
  });

  it('I2: a mark is answered at once, by a poll', async () => {
    await using watched = await WatchedFleet.begin({ monitor: noSamples });
    await watched.pass(minute);
    watched.forget();
    await watched.castMark(7);
    await watched.pass(100);
    expect(watched.driver.polls).toHaveLength(4);
    const echoed = watched.coverages.flatMap(({ data }) => data.marks.map(({ host, mark }) => `${host} ${mark}`));
    expect(new Set(echoed)).toEqual(new Set(watched.hosts.map((host) => `${host} 7`)));
    watched.forget();
    await watched.pass(minute);
    expect(watched.driver.pollsSince(0, watched.host(0))).toHaveLength(2);
  });

  it('stay at the ordinary rhythm while content is put off that only the next polls ask for again', async () => {
    await using watched = await WatchedFleet.begin({ monitor: noSamples });
    const [host, vm] = [watched.host(0), watched.fleet.vmId(0, 0)];
    await watched.pass(minute);
    const atMs = watched.nowMs;
    const fault = { kind: 'refuse', only: ['guestDetails'] } as const;
    watched.fleet.script.add({ kind: 'fault', atMs, untilMs: atMs + 30_000, host, fault });
    const address = { address: '10.9.9.9', mac: '52:54:00:00:00:01', interface: 'eth0', source: 'agent' } as const;
    watched.fleet.script.add({ kind: 'addresses', atMs, vm, addresses: [address] });
    watched.forget();
    await watched.pass(30_000);
    expect(watched.driver.pollsSince(0, host).length).toBeGreaterThanOrEqual(9);
    await watched.pass(minute);
    expect(watched.told('vedette.IPChanged.v1').map(({ data }) => data.value.map(({ address }) => address))).toEqual([
      ['10.9.9.9'],
    ]);
    watched.forget();
    await watched.pass(minute);
    expect(watched.driver.pollsSince(0, host)).toHaveLength(2);
  });
});
