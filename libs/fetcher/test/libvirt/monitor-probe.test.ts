/** The probe of monitors on a simulated clock: how often it asks, how long it waits, what it never does. */
import type { Domain, DomainStats, LibvirtConnection, LibvirtSession } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { beforeEach, expect, it } from 'vitest';
import { DomainEntry } from '../../src/drivers/libvirt/domain-entry.ts';
import { MonitorProbe } from '../../src/drivers/libvirt/monitor-probe.ts';

/** QEMUs by the name of their domain: since when each hangs; and what was asked. */
class FakeHost {
  readonly clock = new SimulatedClock();
  readonly hungSinceMs = new Map<string, number>();
  readonly asked: string[][] = [];
  readonly told: string[] = [];
  control = 'supported' as 'supported' | 'unsupported';
  /** Since when a question is open. */
  readonly #openSinceMs = new Map<string, number>();

  readonly connection = {
    domainStats: ({ domains, timeoutMs }: { domains: readonly Domain[]; timeoutMs: number }) =>
      this.#stats(domains, timeoutMs),
    domainControlInfo: ({ name }: Domain) => this.#controlInfo(name),
  } as unknown as LibvirtConnection;

  probe(): MonitorProbe {
    return new MonitorProbe({
      clock: this.clock,
      session: { connection: () => Promise.resolve(this.connection) } as unknown as LibvirtSession,
      monitorConnection: () => Promise.resolve(this.connection),
      signal: new AbortController().signal,
      tell: (entry) => this.told.push(`${entry.domain.name} ${entry.row(0).state}`),
    });
  }

  wake(name: string): void {
    this.hungSinceMs.delete(name);
    this.#openSinceMs.delete(name);
  }

  /** libvirtd is restarted: of a question that was open it knows nothing any more. */
  forget(name: string): void {
    this.#openSinceMs.delete(name);
  }

  async #stats(domains: readonly Domain[], timeoutMs: number): Promise<readonly DomainStats[]> {
    this.asked.push(domains.map(({ name }) => name));
    const hung = domains.find(({ name }) => this.hungSinceMs.has(name) && !this.#openSinceMs.has(name));
    if (hung !== undefined) {
      this.#openSinceMs.set(hung.name, this.clock.now());
      await this.clock.sleep(timeoutMs);
      throw new VedetteError('VDT_RUNTIME_DEADLINE');
    }
    const params = new Map([['dirtyrate.calc_status', 0]]);
    return domains.map((domain) => ({ domain, params: this.hungSinceMs.has(domain.name) ? new Map() : params }));
  }

  #controlInfo(name: string): Promise<{ state: string; stateMs: number }> {
    if (this.control === 'unsupported') return Promise.reject(new VedetteError('VDT_LIBVIRT_UNSUPPORTED'));
    const since = this.#openSinceMs.get(name);
    if (since === undefined) return Promise.resolve({ state: 'ok', stateMs: 0 });
    return Promise.resolve({ state: 'occupied', stateMs: this.clock.now() - since });
  }
}

let host: FakeHost;
let entries: DomainEntry[];

beforeEach(() => {
  host = new FakeHost();
  entries = ['a', 'b', 'c'].map((name, at) => {
    const entry = new DomainEntry({ name, uuid: `0d1f6a7e-3a52-4cf4-a5ab-2cbb4f5c1b1${at}`, id: at });
    entry.read(1, 1);
    return entry;
  });
});

/** Listings every 3 s for so long. */
async function listFor(probe: MonitorProbe, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 3_000) {
    probe.round(entries);
    // oxlint-disable-next-line no-await-in-loop -- time passes step by step
    await host.clock.advance(3_000);
  }
}

function stateOf(name: string): string | undefined {
  return entries.find((entry) => entry.domain.name === name)?.row(0).state;
}

it('trap 1: one that hung before anybody watched is not responding in the first listing', async () => {
  host.hungSinceMs.set('b', 0);
  const before = host.probe();
  await listFor(before, 30_000);
  for (const entry of entries) {
    entry.monitor = 'answers';
    entry.monitorKnown = false;
  }
  const asked = host.asked.length;
  await host.probe().first(entries);
  expect(stateOf('b')).toBe('not_responding');
  expect(stateOf('a')).toBe('running');
  expect(host.asked, 'without a question to QEMU').toHaveLength(asked);
});

it('I6: well, every QEMU is asked once in 15 s', async () => {
  await listFor(host.probe(), 60_000);
  for (const name of ['a', 'b', 'c']) {
    expect(host.asked.flat().filter((asked) => asked === name)).toHaveLength(4);
  }
  expect(host.told).toEqual([]);
});

it('S6: silence is found within 28 s of the hang, told once, and its end at the next listing', async () => {
  const probe = host.probe();
  await listFor(probe, 30_000);
  host.hungSinceMs.set('b', host.clock.now());
  await listFor(probe, 30_000);
  expect(stateOf('b')).toBe('not_responding');
  expect([stateOf('a'), stateOf('c')]).toEqual(['running', 'running']);
  host.wake('b');
  await listFor(probe, 3_000);
  expect(stateOf('b')).toBe('running');
  expect(host.told).toEqual(['b not_responding', 'b running']);
});

it('trap 1: only an answer proves that it responds again: a libvirtd that was restarted knows of no open question', async () => {
  const probe = host.probe();
  const unproved = () => entries.filter((entry) => entry.row(0).unproved).map(({ domain }) => domain.name);
  expect(unproved(), 'nobody has answered yet').toEqual(['a', 'b', 'c']);
  await listFor(probe, 3_000);
  expect(unproved()).toEqual([]);
  host.hungSinceMs.set('b', 3_000);
  await listFor(probe, 60_000);
  expect(stateOf('b')).toBe('not_responding');
  host.forget('b');
  await listFor(probe, 3_000);
  expect(unproved(), 'it still hangs').toEqual(['b']);
  host.wake('b');
  await listFor(probe, 60_000);
  expect([unproved(), stateOf('b')]).toEqual([[], 'running']);
});

it('one that answers late, but within 10 s, is nothing to tell of', async () => {
  const probe = host.probe();
  host.hungSinceMs.set('b', 0);
  await listFor(probe, 9_000);
  host.wake('b');
  await listFor(probe, 30_000);
  expect(host.told).toEqual([]);
});

it('I6: while it hangs it is asked nothing more, and the others as before', async () => {
  const probe = host.probe();
  host.hungSinceMs.set('b', 0);
  await listFor(probe, 120_000);
  expect(host.asked.flat().filter((name) => name === 'b')).toHaveLength(1);
  expect(host.asked.flat().filter((name) => name === 'a').length).toBeGreaterThanOrEqual(8);
});

it('trap 1: all that hang are found, one call after the other, and those beside them asked again', async () => {
  const probe = host.probe();
  for (const name of ['a', 'c']) host.hungSinceMs.set(name, 0);
  await listFor(probe, 24_000); // not an interval later: asked again at the next listing
  expect(['a', 'b', 'c'].map(stateOf)).toEqual(['not_responding', 'running', 'not_responding']);
});

it('a question that another client left open is seen without asking', async () => {
  const probe = host.probe();
  host.hungSinceMs.set('a', 0);
  const other = host.connection.domainStats({ domains: [entries[0]?.domain as Domain], groups: [], timeoutMs: 1 });
  other.catch(() => undefined);
  await listFor(probe, 30_000);
  expect(stateOf('a')).toBe('not_responding');
});

it('no more QEMUs that hang are sought once eight are found: each holds a worker of libvirtd', async () => {
  entries = Array.from({ length: 20 }, (_, at) => {
    const entry = new DomainEntry({ name: `m${at}`, uuid: `0d1f6a7e-3a52-4cf4-a5ab-2cbb4f5c1c${10 + at}`, id: at });
    entry.read(1, 1);
    host.hungSinceMs.set(`m${at}`, 0);
    return entry;
  });
  await listFor(host.probe(), 300_000);
  expect(entries.filter(({ monitor }) => monitor === 'silent')).toHaveLength(8);
  expect(host.asked).toHaveLength(8);
});

it('H1: a host that cannot tell says nothing of any QEMU', async () => {
  host.control = 'unsupported';
  host.hungSinceMs.set('a', 0);
  await listFor(host.probe(), 60_000);
  expect(stateOf('a')).toBe('running');
});
