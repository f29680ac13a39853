import { conditionNames, type ObserverEvent, type Register, type StateValue, type VMState } from '@vedette/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredEvent } from '../port.ts';
import { Scene, type StoreConformanceOptions } from './scene.ts';
import { address, coverage, type ScriptedObserver } from './scripted-observer.ts';

const vmCount = 3;
const hostCount = 3;
const states: readonly VMState[] = [
  'running',
  'paused',
  'stopped',
  'failed',
  'migrating_out',
  'migrating_in',
  'migrated_away',
  'absent',
  'unknown',
];

/** One thing that an observer publishes. */
type Step = { readonly host: number } & (
  | {
      readonly kind: 'state';
      readonly vm: number;
      readonly state: VMState;
      readonly held: boolean;
      readonly reborn: boolean;
    }
  | { readonly kind: 'addresses' | 'config' | 'guest' | 'conditions'; readonly vm: number; readonly value: number }
  | { readonly kind: 'snapshot'; readonly rows: ReadonlyArray<{ vm: number; state: VMState }>; readonly parts: number }
  | { readonly kind: 'host'; readonly up: boolean }
);

const host = fc.nat({ max: hostCount - 1 });
const vm = fc.nat({ max: vmCount - 1 });
const state = fc.constantFrom(...states);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('state' as const),
        host,
        vm,
        state,
        held: fc.boolean(),
        reborn: fc.constantFrom(false, false, false, false, true),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('addresses' as const, 'config' as const, 'guest' as const, 'conditions' as const),
        host,
        vm,
        value: fc.nat({ max: 3 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('snapshot' as const),
        host,
        rows: fc.uniqueArray(
          fc.record({ vm, state: fc.constantFrom<VMState>('running', 'stopped', 'migrating_out') }),
          {
            selector: (row) => row.vm,
            maxLength: vmCount,
          },
        ),
        parts: fc.nat({ max: 2 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('host' as const), host, up: fc.boolean() }) },
  ),
  { minLength: 1, maxLength: 24 },
);

/** How a history is delivered: an order with repetitions, cut into batches for several callers. */
const deliveries = fc.record({
  seed: fc.integer(),
  repeats: fc.array(fc.nat({ max: 1_000 }), { maxLength: 8 }),
  batch: fc.integer({ min: 1, max: 7 }),
  callers: fc.integer({ min: 1, max: 4 }),
  reopenAfter: fc.option(fc.nat({ max: 30 }), { nil: undefined, freq: 8 }),
});

/** F11: any order of delivery, any repetition, several callers at once. */
export function anyOrderConformance(options: StoreConformanceOptions): void {
  describe('any order', () => {
    test('F11: the same events end in the same sightings, and after all marks in the same truth', async () => {
      await using scene = await Scene.of(options);
      let run = 0;
      await fc.assert(
        fc.asyncProperty(steps, deliveries, async (history, delivery) => {
          run++;
          const inOrder = await Fleet.of(scene, `a${run}`);
          const shuffled = await Fleet.of(scene, `b${run}`);
          await scene.store.apply(inOrder.events(history));
          const delivered = shuffle(shuffled.events(history), delivery);
          await deliver(scene, delivered, delivery, options.durable);
          expect(await shuffled.sightings()).toEqual(await inOrder.sightings());
          await inOrder.confirmAll();
          await shuffled.confirmAll();
          expect(await shuffled.truths()).toEqual(await inOrder.truths());
        }),
        { numRuns: options.durable ? 60 : 200 },
      );
    });
  });
}

/** Three hosts of a realm of their own, so that many histories fit into one store. */
class Fleet {
  readonly #scene: Scene;
  readonly #prefix: string;
  readonly #observers: readonly ScriptedObserver[];

  private constructor(scene: Scene, prefix: string, observers: readonly ScriptedObserver[]) {
    this.#scene = scene;
    this.#prefix = prefix;
    this.#observers = observers;
  }

  static async of(scene: Scene, prefix: string): Promise<Fleet> {
    const ids = Array.from({ length: hostCount }, (_, at) => `${prefix}-h${at}`);
    return new Fleet(scene, prefix, await scene.hosts(ids, prefix));
  }

  /** The events of a history, each at the position where it stands in the stream. */
  events(history: readonly Step[]): StoredEvent[] {
    return history.flatMap((step) => this.#eventsOf(step)).map((event, at) => ({ event, position: at + 1 }));
  }

  /** What must not depend on the order: everything but marks (a fact about the commit) and documents (a cache). */
  async sightings(): Promise<unknown> {
    const all = await Promise.all(this.#vms().map((id) => this.#scene.store.vm(id)));
    const plain = all.map((detail) =>
      detail?.sightings
        .map(({ observer, registers, activation, term }) => ({ observer, registers, activation, term }))
        .toSorted((a, b) => (a.observer < b.observer ? -1 : 1)),
    );
    return this.#unprefixed(plain, (key) => key === 'document');
  }

  /** Whether a VM ran in its present incarnation depends on the order where several hosts speak of it (U3). */
  async truths(): Promise<unknown> {
    const all = await Promise.all(this.#vms().map((id) => this.#scene.store.vm(id)));
    const plain = all.map((detail) => {
      if (detail === undefined) return undefined;
      const sole = detail.sightings.length === 1 || detail.sightings.every((one) => !wasReborn(one.registers.state));
      return { truth: detail.truth, ...(sole ? { everRan: detail.everRan } : {}) };
    });
    return this.#unprefixed(plain);
  }

  /** Casts marks until nothing waits for one that these hosts could echo. */
  async confirmAll(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      const cast = await this.#scene.store.castMark();
      if (cast === undefined) return;
      const marks = this.#observers.map(({ id, version }) => ({ host: id, mark: cast.mark, version }));
      await this.#scene.store.applyCoverage(coverage(this.#prefix, hostCount, { marks }));
    }
  }

  #vms(): string[] {
    return Array.from({ length: vmCount }, (_, at) => `${this.#prefix}-v${at}`);
  }

  #eventsOf(step: Step): ObserverEvent[] {
    const observer = this.#observers[step.host] as ScriptedObserver;
    if (step.kind === 'host') return [observer.hostState(step.up ? 'up' : 'non_responsive')];
    if (step.kind === 'snapshot') {
      const rows = step.rows.map((row) => ({ vm: `${this.#prefix}-v${row.vm}`, state: row.state }));
      return observer.snapshot(rows, Math.max(1, Math.ceil(rows.length / (step.parts + 1))));
    }
    const id = `${this.#prefix}-v${step.vm}`;
    if (step.kind === 'state') return [observer.state(id, step.state, { held: step.held, reborn: step.reborn })];
    const { value } = step;
    if (step.kind === 'addresses') return [observer.addresses(id, value === 0 ? [] : [address(`10.0.0.${value}`)])];
    if (step.kind === 'config') return [observer.config(id, `name${value}`, String(value))];
    if (step.kind === 'guest') return [observer.guest(id, String(value))];
    return [observer.conditions(id, conditionNames.slice(0, value))];
  }

  #unprefixed(value: unknown, leaveOut: (key: string) => boolean = () => false): unknown {
    const text = JSON.stringify(value, (key, inner: unknown) => (leaveOut(key) ? undefined : inner));
    return JSON.parse(text.replaceAll(this.#prefix, ''));
  }
}

function wasReborn(state: Register<StateValue> | undefined): boolean {
  return state?.value.born !== undefined;
}

interface Delivery {
  readonly seed: number;
  readonly repeats: readonly number[];
  readonly batch: number;
  readonly callers: number;
  readonly reopenAfter: number | undefined;
}

function shuffle(events: readonly StoredEvent[], { seed, repeats }: Delivery): StoredEvent[] {
  const all = [...events, ...repeats.map((at) => events[at % events.length] as StoredEvent)];
  const shuffled: StoredEvent[] = [];
  let random = seed >>> 0;
  while (all.length > 0) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    shuffled.push(...all.splice(random % all.length, 1));
  }
  return shuffled;
}

async function deliver(scene: Scene, events: StoredEvent[], delivery: Delivery, durable: boolean): Promise<void> {
  const { batch, callers, reopenAfter } = delivery;
  const later = durable && reopenAfter !== undefined ? events.splice(reopenAfter) : [];
  await deliverAtOnce(scene, events, batch, callers);
  if (later.length === 0) return;
  await scene.reopen();
  await deliverAtOnce(scene, later, batch, callers);
}

async function deliverAtOnce(scene: Scene, events: StoredEvent[], batch: number, callers: number): Promise<void> {
  const caller = async (): Promise<void> => {
    while (events.length > 0) await scene.store.apply(events.splice(0, batch));
  };
  await Promise.all(Array.from({ length: callers }, caller));
}
