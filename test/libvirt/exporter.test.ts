import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DomainSamples, sampleText } from '@vedette/api/exporter';
import { createMemoryBroker } from '@vedette/bus/memory';
import type { HostFetcher } from '@vedette/fetcher';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { createHostMonitor } from '@vedette/host-monitor';
import { channels, type EventData, envelope } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { eventually, freePort, type RunningProcess, startProcess } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { differences, parsePage, type Series } from './exporter-page.ts';

/** The oracle: the exporter of the distribution, from its package or as `make setup` unpacks it. */
const program = 'prometheus-libvirt-exporter';
const unpacked = join(import.meta.dirname, '../../.cache/testbed/exporter', program);
const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/bin');
const oracle = [unpacked, ...folders.map((folder) => join(folder, program))].find(existsSync);

const available = libvirtAvailable();
const full = libvirtAvailable({ fullGuests: true });
const guestTimeoutMs = 120_000;

function skipWithout(ctx: TestContext, needs = available): void {
  if (!needs.ok) ctx.skip(needs.reason);
  if (oracle === undefined) ctx.skip(`${program} is not installed: run \`make setup\``);
}

describe('the domains’ metrics beside those of the distribution’s exporter', { timeout: guestTimeoutMs }, () => {
  const clock = new RealClock();
  let libvirt: PrivateLibvirt;
  let exporter: RunningProcess;
  let fetcher: HostFetcher;
  let port = 0;

  beforeAll(async () => {
    if (!available.ok || oracle === undefined) return;
    libvirt = await startLibvirt({});
    await libvirt.startBiosGuest('bios "1"', { vcpus: 2 });
    fetcher = libvirtDriver({ clock }).open({ id: 'kvm1', url: `libvirt:///system?socket=${libvirt.socketPath}` });
    port = await freePort();
    exporter = await startProcess({
      command: oracle,
      args: [
        `--web.listen-address=127.0.0.1:${port}`,
        `--libvirt.uri=qemu+unix:///system?socket=${libvirt.socketPath}`,
      ],
      ready: (_process, signal) => eventually(() => fetch(`http://127.0.0.1:${port}/`), { signal, timeoutMs: 30_000 }),
    });
  }, guestTimeoutMs);

  afterAll(async () => {
    await exporter?.stop();
    await fetcher?.close();
    await libvirt?.stop();
  }, guestTimeoutMs);

  /** Their page between two of ours: what only grows cannot hide, whenever it was sampled. */
  async function threePages(): Promise<{ before: Series[]; theirs: Series[]; after: Series[] }> {
    const before = parsePage(await ourPage(fetcher, clock));
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    const theirs = parsePage(await response.text());
    expect(theirs).toContainEqual({ name: 'libvirt_up', labels: {}, value: 1 });
    return { before, theirs, after: parsePage(await ourPage(fetcher, clock)) };
  }

  it('a guest without devices: every series of theirs is one of ours, labels and value', async (ctx) => {
    skipWithout(ctx);
    const { before, theirs, after } = await threePages();
    expect(theirs.filter(({ labels }) => labels.domain === 'bios "1"').length).toBeGreaterThanOrEqual(5);
    expect(differences(theirs, before, after)).toEqual([]);
  });

  it('a guest with a disk and an interface: every series of theirs is one of ours, labels and value', async (ctx) => {
    skipWithout(ctx, full);
    await libvirt.startFullGuest('full1');
    await libvirt.agentAnswers('full1', 90_000);
    const { before, theirs, after } = await threePages();
    const named = (name: string) => theirs.find((one) => one.name === name && one.labels.domain === 'full1');
    expect(named('libvirt_domain_interface_stats_receive_bytes_total')?.value).toBeGreaterThan(0);
    expect(named('libvirt_domain_block_stats_read_bytes_total')?.labels.target_device).toBe('vda');
    expect(differences(theirs, before, after)).toEqual([]);
  });

  it('a domain that is only defined: they leave it out, we have its state and no figures', async (ctx) => {
    skipWithout(ctx);
    const { uuid, name } = await libvirt.startBiosGuest('off1');
    await libvirt.virsh('destroy', name);
    const { before, theirs, after } = await threePages();
    expect(theirs.filter(({ labels }) => labels.uuid === uuid)).toEqual([]);
    const ours = after.filter(({ labels }) => labels.uuid === uuid);
    expect(ours).toContainEqual(expect.objectContaining({ name: 'libvirt_domain_info_state', value: 5 }));
    expect(ours.filter((one) => /_(memory|vcpu|block|interface)_|cpu_time/.test(one.name))).toEqual([]);
    const running = theirs.find((one) => one.name === 'libvirt_domains_number')?.value ?? 0;
    expect(differences(theirs, before, after)).toEqual([
      `["libvirt_domains"]: ${running}, ours ${running + 1} and then ${running + 1}`,
    ]);
  });
});

describe('the samples on their way', { timeout: guestTimeoutMs }, () => {
  it('a monitor’s samples of a real host come to the page over the bus, devices too', async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    await using libvirt = await startLibvirt({});
    const { uuid } = await libvirt.startBiosGuest('bios1');
    const clock = new RealClock();
    await using broker = createMemoryBroker({ clock });
    await using samples = new DomainSamples({ bus: broker.connect({ name: 'exporter' }), clock });
    await samples.start();
    const monitor = createHostMonitor({
      member: 'm1',
      bus: broker.connect({ name: 'monitor' }),
      observers: createMemoryStore({ clock }),
      drivers: [libvirtDriver({ clock })],
      clock,
      logger: silentLogger(),
      config: { pollIntervalMs: 1_000, statsIntervalMs: 1_000, deviceStatsIntervalMs: 2_000 },
    });
    await using ending = new AsyncDisposableStack();
    const { signal } = new AbortController();
    await monitor.start({ signal });
    ending.defer(() => monitor.stop({ deadlineMs: clock.now() + 10_000, signal }));
    await monitor.addHost({ id: 'kvm1', realm: 'lab', url: `libvirt:///system?socket=${libvirt.socketPath}` });
    const labels = `{domain="bios1",host="kvm1",uuid="${uuid}"`;
    await eventually(
      () => {
        const page = [...sampleText(samples.view(), 'prometheus')].join('');
        expect(page).toContain('libvirt_up{host="kvm1"} 1\n');
        expect(page).toContain('libvirt_domains{host="kvm1"} 1\n');
        expect(page).toMatch(/^vedette_host_memory_bytes\{host="kvm1"\} [1-9]/m);
        expect(page).toContain(`libvirt_domain_info_state${labels},state_desc="the domain is running"} 1\n`);
        expect(page).toContain(`libvirt_domain_info_maximum_memory_bytes${labels}} 33554432\n`);
        expect(page).toContain(`libvirt_domain_timed_out${labels}} 0\n`);
      },
      { timeoutMs: 60_000, intervalMs: 250 },
    );
    expect(samples.counters).toMatchObject({ messagesRefused: 0, vmsLeftOut: 0, hostsLeftOut: 0 });
  });
});

describe('the comparison itself', () => {
  const series = (value: number, uuid = 'u'): Series[] => [
    { name: 'libvirt_domain_info_virtual_cpus', labels: { domain: 'd', uuid }, value },
  ];

  it('sees a value that is not between ours, and a series that we lack', () => {
    expect(differences(series(2), series(1), series(3))).toEqual([]);
    expect(differences(series(4), series(1), series(3))).toHaveLength(1);
    expect(differences(series(0), series(1), series(3))).toHaveLength(1);
    expect(differences(series(2, 'other'), series(1), series(3))).toHaveLength(1);
  });

  it('reads labels with quotes, backslashes and line feeds', () => {
    expect(parsePage('# TYPE a gauge\na{x="1",y="q\\"\\\\\\n,="} 1.5e+3\n')).toEqual([
      { name: 'a', labels: { x: '1', y: 'q"\\\n,=' }, value: 1500 },
    ]);
  });
});

/** What a scraper of ours gets: from the driver, over the event of the samples, to the page. */
async function ourPage(fetcher: HostFetcher, clock: RealClock): Promise<string> {
  const { rows } = await fetcher.runtimeStats({ timeoutMs: 20_000 });
  const devices = await eventually(
    async () => {
      const sampled = await fetcher.deviceStats({ timeoutMs: 20_000 });
      // One that another call holds a job on just then is left out.
      for (const { vm, state } of rows) if (state === 'running') expect(sampled.has(vm)).toBe(true);
      return sampled;
    },
    { timeoutMs: 30_000, intervalMs: 250 },
  );
  const data: EventData<'VMStatsSampled'> = {
    host: 'kvm1',
    observedAt: new Date(clock.wallNow()).toISOString(),
    columns: {
      vm: rows.map(({ vm }) => vm),
      name: rows.map(({ name = '' }) => name),
      state: rows.map(({ state }) => state),
      cpuUser: rows.map(({ cpuUser = null }) => cpuUser),
      cpuSystem: rows.map(({ cpuSystem = null }) => cpuSystem),
      memoryPercent: rows.map(({ memoryPercent = null }) => memoryPercent),
      elapsedS: rows.map(({ elapsedS = null }) => elapsedS),
      devices: rows.map(({ vm }) => devices.get(vm) ?? null),
    },
  };
  await using broker = createMemoryBroker({ clock });
  await using samples = new DomainSamples({ bus: broker.connect({ name: 'exporter' }), clock });
  const subject = channels.VMStatsSampled.subjectOf(data);
  const event = { name: 'VMStatsSampled' as const, id: 's/1', source: '/vedette/test/m1', subject, data };
  samples.take(subject, Buffer.from(JSON.stringify(envelope({ ...event, wallMs: clock.wallNow() }))));
  expect(samples.counters.messagesRefused).toBe(0);
  return [...sampleText(samples.view(), 'prometheus')].join('');
}
