import { RealClock } from '@vedette/runtime';
import { createFleet, type Fleet, simulationDriver } from '@vedette/simulation';
import { SqliteThreads } from '@vedette/store/sqlite';
import { createLogger, Metrics } from '@vedette/telemetry';
import { eventually, freePort, type TempDir, tempDir } from '@vedette/testbed';
import { describe, expect, test } from 'vitest';
import { resolveGroups } from '../src/config/host-groups.ts';
import { loadSettings } from '../src/config/load.ts';
import { AllInOne } from '../src/process/all-in-one.ts';
import { ask, type Ended } from './child-process.ts';

/** Generous: the machine of the tests is slow, and absolute times gate nothing. */
const patient = { timeoutMs: 20_000, intervalMs: 100 };
const slow = { timeout: 90_000 };

// biome-ignore lint/suspicious/noExplicitAny: a test looks into documents of any shape
type Loose = any;

/** One machine: the all-in-one process on its store, the simulated hosts around it, and a person who types. */
class Machine implements AsyncDisposable {
  readonly clock = new RealClock();
  readonly fleet: Fleet;
  /** What was logged at warn and above. */
  readonly log: Loose[] = [];
  readonly #home: TempDir;
  readonly #threads = new SqliteThreads();
  readonly #originMs = this.clock.now();
  #process: AllInOne | undefined;

  private constructor(home: TempDir, hosts: number) {
    this.#home = home;
    this.fleet = createFleet({ seed: 3, hosts, vmsPerHost: 2, realms: 1 });
  }

  static async make(hosts: number): Promise<Machine> {
    return new Machine(await tempDir('home'), hosts);
  }

  host(index: number): string {
    return this.fleet.host(index).id;
  }

  /** `vedette up` with these hosts in its configuration, and a group by which others can be reached. */
  async up(named: readonly string[], more: Record<string, string> = {}): Promise<void> {
    const env = { HOME: this.#home.path };
    const flags = {
      'monitor-poll-interval': '100ms',
      'monitor-grace-base': '1s',
      'monitor-backoff-max': '1s',
      ...more,
    };
    const settings = await loadSettings({ file: undefined, env, flags, cwd: this.#home.path });
    const sim = { url: 'sim://{host}', realm: this.fleet.host(0).realm, readonly: false, insecure: false };
    const unset = { tls: undefined, ssh: undefined, require: undefined };
    const groups = resolveGroups({ groups: { sim: { ...sim, ...unset } } }, (path) => path);
    const { clock } = this;
    const process = new AllInOne({
      settings: { ...settings, groups },
      hosts: named.map((id) => ({ id, name: id, realm: sim.realm, url: `sim://${id}` })),
      hostsAreAll: true,
      checkUrl: () => undefined,
      drivers: async () => [simulationDriver({ fleet: this.fleet, clock, originMs: this.#originMs })],
      ...{ threads: this.#threads, kind: 'up', env, clock, startedMs: clock.now(), metrics: new Metrics() },
      logger: createLogger({
        clock,
        level: 'warn',
        destination: { write: (line: string) => void this.log.push(JSON.parse(line)) },
      }),
    });
    this.#process = process;
    await process.group.start();
  }

  async down(): Promise<void> {
    await this.#process?.group.stop();
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await this.#threads[Symbol.asyncDispose]();
    await this.#home[Symbol.asyncDispose]();
  }

  get nowMs(): number {
    return this.clock.now() - this.#originMs;
  }

  run(...args: string[]): Promise<Ended> {
    return ask(this.#home.path, ...args);
  }

  async records(...args: string[]): Promise<Loose[]> {
    const { code, out, err } = await this.run(...args, '--json');
    expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining('vedette:') });
    return out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  /** `<host>: <state>` of the hosts that are listed. */
  async hosts(): Promise<string[]> {
    return (await this.records('hosts')).map(({ id, state }) => `${id}: ${state}`);
  }

  async allUp(...ids: readonly string[]): Promise<void> {
    await eventually(async () => expect(await this.hosts()).toEqual(ids.map((id) => `${id}: up`)), patient);
  }

  async vmsOf(host: string): Promise<Loose[]> {
    return this.records('vms', '--host', host);
  }
}

describe('a host removed by a person', slow, () => {
  test('N11: its VMs are unknown, others wait for it no more; it stays removed, and comes back only when it is added', async () => {
    await using machine = await Machine.make(3);
    const [a, b, c] = [machine.host(0), machine.host(1), machine.host(2)] as const;
    await machine.up([a, b, c]);
    await machine.allUp(a, b, c);
    const [vm] = await machine.vmsOf(a);
    const lost = await eventually(async () => {
      const vms = await machine.vmsOf(c);
      expect(vms).toHaveLength(2);
      return vms;
    }, patient);

    // c is silent, and a VM vanishes from a: whether it is gone only c could tell.
    machine.fleet.script.add([{ kind: 'fault', atMs: machine.nowMs, host: c, fault: { kind: 'refuse' } }]);
    await eventually(async () => expect(await machine.hosts()).toContain(`${c}: non_responsive`), patient);
    machine.fleet.script.add([{ kind: 'absent', atMs: machine.nowMs, host: a, vm: vm.id }]);
    await eventually(async () => {
      const [record] = await machine.records('vms', '--text', vm.id);
      expect(record).toMatchObject({ state: 'unknown' });
      const waits = (await machine.records('hosts')).find(({ id }) => id === c);
      expect(waits).toMatchObject({ waiting: 1 });
    }, patient);

    const removed = await machine.run('hosts', 'rm', c);
    expect(removed).toMatchObject({ code: 0, out: `removed ${c}: 2 VMs unknown now: vedette vms --host ${c}\n` });
    expect(removed.err).toContain('vedette vms forget ID');
    expect(await machine.hosts()).toEqual([`${a}: up`, `${b}: up`]);
    for (const { state, lastState } of await machine.vmsOf(c)) {
      expect(state).toBe('unknown');
      expect(['running', 'stopped']).toContain(lastState);
    }
    await eventually(async () => {
      const [record] = await machine.records('vms', '--text', vm.id, '--gone');
      expect(record).toMatchObject({ state: 'gone' });
    }, patient);

    const [forgotten, kept] = lost;
    expect(await machine.run('vms', 'forget', forgotten.id)).toMatchObject({ code: 0 });
    expect((await machine.vmsOf(c)).map(({ id }) => id)).toEqual([kept.id]);

    // The configuration still names it.
    await machine.down();
    machine.fleet.script.add([{ kind: 'recover', atMs: machine.nowMs, host: c }]);
    await machine.up([a, b, c]);
    await machine.allUp(a, b);
    const warnings = machine.log.filter(({ msg }) => msg.includes('stay removed'));
    expect(warnings).toMatchObject([{ level: 'warn', hosts: [c], count: 1 }]);
    expect(await machine.vmsOf(c)).toMatchObject([{ id: kept.id, state: 'unknown' }]);

    const back = await machine.run('hosts', 'add', c, '--group', 'sim');
    expect(back).toMatchObject({ code: 0, err: '' });
    expect(back.out).toMatch(new RegExp(`^added ${c}: (up, \\d VMs?|it does not answer yet .*)\n$`)); // on a slow machine
    await machine.allUp(a, b, c);
    await eventually(async () => {
      const states = (await machine.vmsOf(c)).map(({ state }) => state);
      expect(states).toHaveLength(2);
      expect(states).not.toContain('unknown');
    }, patient);
  });
});

describe('hosts that come and go while the process runs', slow, () => {
  test('what a person added survives a restart; what the configuration let go of does not', async () => {
    await using machine = await Machine.make(3);
    const [a, b, c] = [machine.host(0), machine.host(1), machine.host(2)] as const;
    await machine.up([a, b]);
    await machine.allUp(a, b);
    const [added] = await machine.records('hosts', 'add', c, '--group', 'sim');
    expect(added).toMatchObject({ id: c, origin: 'person' });
    await eventually(async () => expect(await machine.vmsOf(c)).toHaveLength(2), patient);
    await machine.down();
    await machine.up([a]);
    await machine.allUp(a, c);
    expect((await machine.records('hosts', '--state', 'removed')).map(({ id, reason }) => [id, reason])).toEqual([
      [b, 'removed by configuration'],
    ]);
    expect((await machine.records('hosts')).map(({ origin }) => origin)).toEqual(['configuration', 'person']);
    await machine.down();
    await machine.up([a, b, c]); // the configuration names them again: nothing stands in the way
    await machine.allUp(a, b, c);
    await machine.down();
    await machine.up([a, b]); // c has become the configuration's, and goes with it
    await machine.allUp(a, b);
  });

  test('one that does not answer is added all the same, and is up when it does', async () => {
    await using machine = await Machine.make(2);
    const [a, b] = [machine.host(0), machine.host(1)] as const;
    machine.fleet.script.add([{ kind: 'fault', atMs: 0, host: b, fault: { kind: 'refuse' } }]);
    await machine.up([a]);
    await machine.allUp(a);
    const added = await machine.run('hosts', 'add', b, '--group', 'sim');
    expect(added).toMatchObject({ code: 0, err: '' });
    expect(added.out).toBe(
      `added ${b}: it does not answer yet (refused: the host did not take the connection) and is tried on; \`vedette hosts\` shows when it does\n`,
    );
    machine.fleet.script.add([{ kind: 'recover', atMs: machine.nowMs, host: b }]);
    await machine.allUp(a, b);
  });

  test('the same again changes nothing; another URL under the same id is refused', async () => {
    await using machine = await Machine.make(2);
    const [a, b] = [machine.host(0), machine.host(1)] as const;
    await machine.up([a]);
    await machine.allUp(a);
    const before = await machine.records('hosts');
    const again = await machine.run('hosts', 'add', `sim://${a}`, '--realm', before[0].realm);
    expect(again).toMatchObject({ code: 0, out: `added ${a} (watched already): up, 2 VMs\n` });
    expect((await machine.records('hosts'))[0]).toMatchObject({
      epoch: before[0].epoch,
      hostVersion: before[0].hostVersion,
    });
    const other = await machine.run('hosts', 'add', `sim://${b}`, '--id', a);
    expect(other).toMatchObject({ code: 2, out: '' });
    expect(other.err).toContain(`${a} is watched already, as sim://${a}`);
    expect(await machine.hosts()).toEqual([`${a}: up`]);
  });

  test('a mode is kept over a restart, and the host is watched on', async () => {
    await using machine = await Machine.make(1);
    const a = machine.host(0);
    await machine.up([a]);
    await machine.allUp(a);
    expect(await machine.run('hosts', 'mode', a, 'maintenance')).toMatchObject({ code: 0, out: `${a}: maintenance\n` });
    await machine.down();
    await machine.up([a]);
    await machine.allUp(a);
    expect((await machine.run('hosts', '--mode', 'maintenance')).out).toContain('up (maintenance)');
    const [vm] = await machine.vmsOf(a);
    const to = vm.state === 'paused' ? 'running' : 'paused';
    machine.fleet.script.add([{ kind: 'state', atMs: machine.nowMs, host: a, vm: vm.id, state: to }]);
    await eventually(async () => {
      expect((await machine.records('vms', '--text', vm.id))[0]).toMatchObject({ state: to });
    }, patient);
  });

  test('many at once end as they were asked for', async () => {
    await using machine = await Machine.make(12);
    const ids = machine.fleet.hostIds();
    await machine.up([ids[0] ?? '']);
    await machine.allUp(ids[0] ?? '');
    const others = ids.slice(1);
    await Promise.all(others.map((id) => machine.run('hosts', 'add', id, '--group', 'sim')));
    await machine.allUp(...ids);
    await Promise.all([
      ...others.slice(0, 5).map((id) => machine.run('hosts', 'rm', id)),
      ...others.slice(5).map((id) => machine.run('hosts', 'add', id, '--group', 'sim')),
    ]);
    await machine.allUp(ids[0] ?? '', ...others.slice(5));
  });
});

test('metrics are served where the configuration says, and nowhere else', slow, async () => {
  await using machine = await Machine.make(1);
  const port = await freePort();
  await machine.up([machine.host(0)], { 'metrics-listen': `127.0.0.1:${port}`, 'monitor-stats-interval': '1s' });
  await machine.allUp(machine.host(0));
  const page = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  expect(await page('/healthz')).toBe('ok\n');
  await eventually(async () => {
    const text = await page('/metrics');
    expect(text).toContain('vedette_monitor_hosts 1');
    expect(text).toMatch(/^libvirt_domain_info_vstate\{|^libvirt_up\{/m);
  }, patient);
  await machine.down();
  await expect(page('/healthz')).rejects.toThrow('fetch failed');
});
