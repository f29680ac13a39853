import type { Bus } from '@vedette/bus';
import { createMemoryBroker } from '@vedette/bus/memory';
import {
  envelope,
  type HostSnapshot,
  subjectPatterns,
  subjects,
  type VMState,
  type VMStateChanged,
} from '@vedette/model';
import { defineErrors, VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import type { Store } from '@vedette/store';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { describe, expect, it } from 'vitest';
import { createUpdater, type UpdaterConfig } from '../src/index.ts';

defineErrors({
  VDT_TEST_BUSY: { summary: 'scripted', action: 'none', retryable: true },
  VDT_TEST_BROKEN: { summary: 'scripted', action: 'none', retryable: false },
});

const at = '2026-01-01T00:00:00.000Z';

/** An updater on a memory bus and store, whose store can be told to fail. */
class Bench implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly broker = createMemoryBroker({ clock: this.clock });
  readonly bus: Bus = this.broker.connect({ name: 'observers' });
  readonly store: Store = createMemoryStore({ clock: this.clock });
  readonly fleet: string[] = [];
  /** Thrown by `apply` while it returns one. */
  fault: (vms: readonly string[]) => VedetteError | undefined = () => undefined;
  readonly #updater;
  #seq = 0;
  epoch = 0;

  private constructor(config: Partial<UpdaterConfig>) {
    this.#updater = createUpdater({
      member: 'u1',
      bus: this.broker.connect({ name: 'updater' }),
      store: this.#faulty(),
      clock: this.clock,
      logger: silentLogger(),
      random: () => 0.5,
      config,
    });
  }

  static async begin(config: Partial<UpdaterConfig> = { failureMs: 3_600_000 }): Promise<Bench> {
    const bench = new Bench(config);
    await bench.bus.subscribe({
      patterns: [subjectPatterns.fleet],
      handler: (_subject, payload) => bench.fleet.push(Buffer.from(payload).toString()),
    });
    await bench.#updater.start({ signal: new AbortController().signal });
    await bench.store.registerHosts([{ id: 'h1', name: 'h1', realm: 'r1', url: 'sim://h1' }]);
    bench.epoch = (await bench.store.openObserver('h1')).epoch;
    await bench.clock.advance(1);
    return bench;
  }

  get counters() {
    return this.#updater.counters;
  }

  #faulty(): Store {
    return new Proxy(this.store, {
      get: (store, name) => {
        const member = Reflect.get(store, name) as unknown;
        if (typeof member !== 'function') return member;
        if (name !== 'apply') return member.bind(store) as unknown;
        return (events: Parameters<Store['apply']>[0]) => {
          const fault = this.fault(events.map(({ event }) => ('vm' in event.data ? event.data.vm : '')));
          return fault === undefined ? store.apply(events) : Promise.reject(fault);
        };
      },
    });
  }

  state(vm: string, to: VMState): VMStateChanged {
    const version = { epoch: this.epoch, seq: ++this.#seq };
    const value = { state: to, reason: '', raw: { state: to, reason: '' }, activation: version, held: false };
    return envelope({
      name: 'VMStateChanged',
      id: `h1/${version.epoch}/${version.seq}`,
      source: '/vedette/host-monitor/m1',
      subject: subjects.vmState('h1', vm),
      wallMs: 0,
      data: { host: 'h1', vm, version, observedAt: at, via: 'poll' as const, to, passed: [], value },
    });
  }

  /** A snapshot with one VM whose documents the store lacks. */
  snapshot(vm: string): HostSnapshot {
    const version = { epoch: this.epoch, seq: ++this.#seq };
    return envelope({
      name: 'HostSnapshot',
      id: `h1/${version.epoch}/${version.seq}`,
      source: '/vedette/host-monitor/m1',
      subject: subjects.hostSnapshot('h1'),
      wallMs: 0,
      data: {
        host: 'h1',
        version,
        observedAt: at,
        via: 'resync' as const,
        snapshot: version,
        part: 1,
        parts: 1,
        columns: {
          vm: [vm],
          state: ['running' as const],
          reason: [''],
          raw: [{ state: 'running', reason: '' }],
          activation: [version],
          held: [false],
          addresses: [[]],
          conditions: [[]],
          name: [vm],
          infoHash: ['aa'],
          configHash: ['bb'],
          guestHash: [''],
        },
      },
    });
  }

  async publish(...events: ReadonlyArray<{ subject: string; id: string }>): Promise<void> {
    const messages = events.map((event) => ({
      subject: event.subject,
      id: event.id,
      payload: Buffer.from(JSON.stringify(event)),
    }));
    const outcomes = await this.bus.publish(messages, { timeoutMs: 1_000 });
    expect(outcomes.map(({ status }) => status)).toEqual(messages.map(() => 'stored'));
  }

  async stateOf(vm: string): Promise<string | undefined> {
    return (await this.store.vm(vm))?.truth.state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let done = false;
    const stopped = this.#updater
      .stop({ deadlineMs: this.clock.now() + 5_000, signal: new AbortController().signal })
      .finally(() => {
        done = true;
      });
    await this.clock.advanceUntil(() => done, { stepMs: 10 });
    await stopped;
  }
}

describe('the updater', () => {
  it('takes events into the store and publishes what became true of the fleet, once', async () => {
    await using bench = await Bench.begin();
    await bench.publish(bench.state('a', 'running'));
    await bench.clock.advance(100);
    expect(await bench.stateOf('a')).toBe('running');
    expect(bench.fleet.filter((json) => json.includes('VMChanged'))).toHaveLength(1);
    expect(await bench.store.outbox(10)).toEqual([]);
  });

  it('U1, F3: while the store is away nothing is acknowledged; when it is back everything arrives', async () => {
    await using bench = await Bench.begin();
    bench.fault = () => new VedetteError('VDT_TEST_BUSY');
    await bench.publish(bench.state('a', 'running'), bench.state('b', 'stopped'));
    await bench.clock.advance(1_800_000);
    expect(await bench.stateOf('a')).toBeUndefined();
    expect(bench.counters.applyFailures).toBeGreaterThan(100);
    expect(bench.broker.deadLetters).toEqual([]);
    bench.fault = () => undefined;
    await bench.clock.advance(20_000);
    expect([await bench.stateOf('a'), await bench.stateOf('b')]).toEqual(['running', 'stopped']);
  });

  it('U2, D1: what fails the door is refused whole, counted, and harms nobody', async () => {
    await using bench = await Bench.begin();
    const good = bench.state('a', 'running');
    const bad = [
      { ...bench.state('b', 'running'), extra: 1 },
      { ...bench.state('c', 'running'), data: { ...bench.state('c', 'running').data, to: 'flying' } },
      { ...good, id: 'x', type: 'vedette.Unknown.v1' },
      { ...good, id: 'y', subject: subjects.vmState('h2', 'a') },
    ];
    for (const event of bad) {
      const payload = Buffer.from(JSON.stringify(event));
      await bench.bus.publish([{ subject: subjects.vmState('h1', 'z'), id: event.id, payload }], { timeoutMs: 100 });
    }
    const garbage = [
      Buffer.from('{'),
      Buffer.from(`${'['.repeat(5_000)}${']'.repeat(5_000)}`),
      Buffer.from('{"__proto__":{"a":1}}'),
    ];
    for (const [index, payload] of garbage.entries()) {
      await bench.bus.publish([{ subject: subjects.vmState('h1', 'z'), id: `g${index}`, payload }], { timeoutMs: 100 });
    }
    await bench.publish(good);
    await bench.clock.advance(1_000);
    expect(bench.counters.refused).toBe(bad.length + garbage.length);
    expect(await bench.stateOf('a')).toBe('running');
    expect((await bench.store.vms({}, { limit: 10 })).items).toHaveLength(1);
  });

  it('U3: one event that the store cannot take does not hold up the others of its batch', async () => {
    await using bench = await Bench.begin();
    bench.fault = (vms) => (vms.includes('poison') ? new VedetteError('VDT_TEST_BROKEN') : undefined);
    await bench.publish(bench.state('a', 'running'), bench.state('poison', 'running'), bench.state('b', 'running'));
    await bench.clock.advance(60_000);
    expect([await bench.stateOf('a'), await bench.stateOf('b')]).toEqual(['running', 'running']);
    expect(await bench.stateOf('poison')).toBeUndefined();
    await bench.publish(bench.state('c', 'running'));
    await bench.clock.advance(10_000);
    expect(await bench.stateOf('c')).toBe('running');
  });

  it('a fleet event in doubt is published again with the same bytes', async () => {
    await using bench = await Bench.begin();
    let doubts = 3;
    bench.broker.faults.publish = (message) =>
      message.subject === subjects.fleetVm('a') && doubts-- > 0 ? 'in_doubt_stored' : 'ok';
    await bench.publish(bench.state('a', 'running'));
    await bench.clock.advance(10_000);
    expect(await bench.store.outbox(10)).toEqual([]);
    expect(new Set(bench.fleet.filter((json) => json.includes('VMChanged'))).size).toBe(1);
  });

  it('what a former run had not published yet is published at the start', async () => {
    await using bench = await Bench.begin();
    bench.broker.disconnect('updater');
    await bench.store.apply([{ event: bench.state('a', 'running'), position: undefined }]);
    bench.broker.reconnect('updater');
    await bench.publish(bench.state('b', 'running'));
    await bench.clock.advance(10_000);
    expect(bench.fleet.filter((json) => json.includes('VMChanged'))).toHaveLength(2);
  });

  it('asks an observer for the documents that the store lacks, and stops asking one that nobody serves', async () => {
    await using bench = await Bench.begin();
    await bench.publish(bench.snapshot('a'));
    await bench.clock.advance(60_000);
    expect(bench.counters.documentRequests).toBe(5);
    const asked: string[] = [];
    await bench.bus.serve({
      pattern: subjects.observer('h1', 'documents'),
      concurrency: 1,
      maxQueued: 4,
      handler: (request) => {
        asked.push(Buffer.from(request.payload).toString());
        return Buffer.from('{}');
      },
    });
    await bench.publish(bench.snapshot('b'));
    await bench.clock.advance(1_000);
    expect(asked).toEqual(['{"vms":["b"]}']);
  });

  it('I1: events of a superseded run are refused, and whoever sent them is told', async () => {
    await using bench = await Bench.begin();
    const late = bench.state('a', 'running');
    await bench.store.openObserver('h1');
    const told: string[] = [];
    await bench.bus.serve({
      pattern: subjects.observer('h1', 'superseded'),
      concurrency: 1,
      maxQueued: 4,
      handler: (request) => {
        told.push(Buffer.from(request.payload).toString());
        return Buffer.from('{}');
      },
    });
    await bench.publish(late);
    await bench.clock.advance(1_000);
    expect(await bench.stateOf('a')).toBeUndefined();
    expect(told).toEqual([JSON.stringify({ epoch: late.data.version.epoch })]);
  });

  it('casts marks at once when something new waits, then ever more rarely while the same waits', async () => {
    await using bench = await Bench.begin();
    const castAt: number[] = [];
    await bench.bus.subscribe({ patterns: [subjectPatterns.mark], handler: () => castAt.push(bench.clock.now()) });
    await bench.publish(bench.state('a', 'running'));
    const absent = bench.state('a', 'absent');
    await bench.publish({
      ...absent,
      data: { ...absent.data, value: { ...absent.data.value, lastPresent: 'running' } },
    } as never);
    await bench.clock.advance(300_000);
    const gaps = castAt.slice(1).map((ms, index) => ms - (castAt[index] ?? 0));
    expect(castAt.length).toBeGreaterThan(5);
    expect(castAt.length).toBeLessThan(20);
    expect(Math.max(...gaps)).toBeGreaterThan(10 * Math.min(...gaps));
  });
});
