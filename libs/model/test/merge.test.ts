import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareVersions,
  mergeSighting,
  type Sighting,
  type SightingUpdate,
  type StateValue,
  type VMTruth,
  zeroVersion,
} from '../src/index.ts';
import { address, stateValue, truth, version, view, type World } from './support/fleet.ts';
import { type Logged, logs, observers, vms } from './support/histories.ts';
import { NaiveStore } from './support/naive-store.ts';

function told(seq: number, values: SightingUpdate['values'], position = seq * 10, mark = 0): SightingUpdate {
  return { version: version(seq), values, position, mark };
}

function merged(...updates: readonly SightingUpdate[]): Sighting {
  let held: Sighting | undefined;
  for (const update of updates) held = mergeSighting(held, 'h1', update).sighting;
  if (held === undefined) throw new Error('nothing was told');
  return held;
}

const running = (activation: number, over: Partial<StateValue> = {}): StateValue =>
  stateValue('running', { activation: version(activation), ...over });

describe('merge', () => {
  it('M1 of merge: each register takes the highest version it has met, apart from the others', () => {
    const sighting = merged(
      told(3, { state: running(3) }),
      told(5, { addresses: [address('10.0.0.5')] }),
      told(4, { addresses: [], conditions: ['nic'] }),
      told(2, { state: stateValue('stopped'), guest: { hash: 'a' } }),
    );
    expect(sighting.registers).toEqual({
      state: { version: version(3), value: running(3) },
      addresses: { version: version(5), value: [address('10.0.0.5')] },
      conditions: { version: version(4), value: ['nic'] },
      guest: { version: version(2), value: { hash: 'a' } },
    });
  });

  it('an equal version changes nothing: a redelivery is no news', () => {
    const update = told(3, { state: running(3) });
    const again = mergeSighting(merged(update), 'h1', update);
    expect(again.advanced).toEqual([]);
    expect(again.sighting).toEqual(merged(update));
  });

  it('M2 of merge, M8: of births the higher counts, also one that comes too late to set the register', () => {
    const born = (seq: number) => stateValue('stopped', { born: version(seq) });
    const late = merged(told(9, { state: stateValue('stopped') }), told(4, { state: born(4) }));
    expect([late.born, late.registers.state?.version]).toEqual([version(4), version(9)]);
    expect(merged(told(6, { state: born(6) }), told(4, { state: born(4) })).born).toEqual(version(6));
    expect(merged(told(4, { state: born(4) }), told(6, { addresses: [] })).born).toEqual(version(4));
    expect('born' in merged(told(4, { state: stateValue('stopped') }))).toBe(false);
  });

  it('says which registers advanced', () => {
    const held = merged(told(3, { state: running(3), addresses: [] }));
    expect(mergeSighting(held, 'h1', told(4, { state: running(3), conditions: [] })).advanced).toEqual([
      'state',
      'conditions',
    ]);
    expect(mergeSighting(held, 'h1', told(2, { state: running(2), guest: { hash: 'a' } })).advanced).toEqual(['guest']);
  });

  it('does not modify the sighting it is given', () => {
    const held = merged(told(3, { state: running(3) }));
    const before = structuredClone(held);
    mergeSighting(held, 'h1', told(4, { state: stateValue('stopped'), addresses: [] }));
    expect(held).toEqual(before);
  });

  it('I1: an epoch outranks every seq of the one before', () => {
    const newer = { version: version(1, 2), values: { state: stateValue('stopped') }, position: 50, mark: 0 };
    expect(merged(told(99, { state: running(9) }), newer).registers.state?.value.state).toBe('stopped');
    expect(merged(newer, told(99, { state: running(9) })).registers.state?.value.state).toBe('stopped');
  });

  describe('activation and term', () => {
    it('the term is the position of the first event that carries the activation', () => {
      expect(merged(told(3, { state: running(3) }), told(7, { state: running(3) }))).toMatchObject({
        activation: version(3),
        term: 30,
      });
    });

    it('also when that event comes late and its register is refused as old', () => {
      const late = mergeSighting(merged(told(7, { state: running(3) })), 'h1', told(3, { state: running(3) }));
      expect(late.advanced).toEqual([]);
      expect(late.sighting).toMatchObject({ activation: version(3), term: 30 });
    });

    it('a higher activation wins whatever its position, a lower one changes nothing', () => {
      const [first, second] = [told(3, { state: running(3) }, 90), told(5, { state: running(5) }, 40)];
      expect(merged(first, second)).toMatchObject({ activation: version(5), term: 40 });
      expect(merged(second, first)).toMatchObject({ activation: version(5), term: 40 });
    });

    it('of an activation whose event was held the term is 0: its position orders nothing', () => {
      expect(
        merged(told(3, { state: running(3, { held: true }) }), told(5, { state: running(3, { held: true }) })),
      ).toMatchObject({ term: 0 });
    });

    it('a VM that never was active has none', () => {
      expect(merged(told(3, { state: stateValue('stopped') }), told(4, { addresses: [] }))).toMatchObject({
        activation: zeroVersion,
        term: 0,
      });
    });

    it('going down keeps both', () => {
      const down = told(9, { state: stateValue('stopped', { activation: version(3) }) });
      expect(merged(told(3, { state: running(3) }), down)).toMatchObject({ activation: version(3), term: 30 });
    });
  });

  describe('the committed mark', () => {
    const at = (mark: number, seq: number, state: StateValue) => told(seq, { state }, seq, mark);

    it('is the highest cast when the present state was committed', () => {
      expect(merged(at(4, 3, running(3)), at(6, 5, stateValue('stopped')))).toMatchObject({ committedMark: 6 });
    });

    it('stays with registers that do not concern it, and with what is refused', () => {
      const updates = [at(4, 3, running(3)), told(5, { addresses: [] }, 50, 9), at(9, 2, stateValue('stopped'))];
      expect(merged(...updates)).toMatchObject({ committedMark: 4 });
    });

    it('M4: stays while the VM stays up: a snapshot or a pause takes no confirmation back', () => {
      const paused = stateValue('paused', { activation: version(3) });
      expect(merged(at(4, 3, running(3)), at(7, 5, running(3)), at(8, 6, paused))).toMatchObject({ committedMark: 4 });
    });

    it.each([
      ['another activation', running(5)],
      ['migrating', stateValue('migrating_out', { activation: version(3) })],
      ['down', stateValue('stopped', { activation: version(3) })],
      ['absent', stateValue('absent', { activation: version(3) })],
    ])('%s is to be confirmed anew', (_, state) => {
      expect(merged(at(4, 3, running(3)), at(7, 5, state))).toMatchObject({ committedMark: 7 });
    });

    it('absent again is to be confirmed again: it may have been back in between', () => {
      const absent = stateValue('absent', { activation: version(3) });
      expect(merged(at(4, 3, absent), at(7, 5, absent))).toMatchObject({ committedMark: 7 });
    });

    it('M2: back from migrating is to be confirmed anew', () => {
      const moving = stateValue('migrating_out', { activation: version(3) });
      expect(merged(at(4, 3, running(3)), at(5, 4, moving), at(8, 6, running(3)))).toMatchObject({ committedMark: 8 });
    });
  });
});

describe('F11: any order, any repetition, any number of writers', () => {
  const world: World = {
    h1: view({ echoedMark: 1 }),
    h2: view({ observable: false }),
    h3: view({ echoedMark: 1 }),
  };

  interface Outcome {
    readonly sightings: readonly Sighting[];
    readonly truth: VMTruth;
  }

  function outcome(store: NaiveStore): readonly Outcome[] {
    return vms.map((vm) => {
      const sightings = store.sightings(vm);
      return { sightings, truth: truth(sightings, world) };
    });
  }

  function inOrder(log: readonly Logged[]): readonly Outcome[] {
    const store = new NaiveStore();
    for (const event of log) store.apply(event);
    return outcome(store);
  }

  it('ends in the same sightings and the same truth in every order, with repetitions', () => {
    const deliveries = logs.chain((log) =>
      fc.tuple(
        fc.constant(log),
        fc
          .subarray([...log])
          .chain((again) => fc.shuffledSubarray([...log, ...again], { minLength: log.length + again.length })),
      ),
    );
    fc.assert(
      fc.property(deliveries, ([log, delivered]) => {
        expect(inOrder(delivered)).toEqual(inOrder(log));
      }),
      { numRuns: 500 },
    );
  });

  /**
   * Several writers over one store: each takes a batch from its own queue, applies it in one transaction, and may die
   * between commit and acknowledgement, whereupon the batch is delivered again to somebody else.
   */
  function byWriters(log: readonly Logged[], writers: number, choices: readonly number[]): NaiveStore {
    const store = new NaiveStore();
    const queues = Array.from({ length: writers }, (): Logged[] => []);
    let turn = 0;
    const choice = (below: number): number => (choices[turn++ % choices.length] ?? 0) % below;
    for (const event of log) queues[choice(writers)]?.push(event);
    let deaths = 20;
    while (queues.some((queue) => queue.length > 0)) {
      const batch = queues[choice(writers)]?.splice(0, 1 + choice(4)) ?? [];
      for (const event of batch) store.apply(event);
      const dies = deaths > 0 && batch.length > 0 && choice(5) === 0;
      if (dies) queues[choice(writers)]?.unshift(...batch);
      deaths -= dies ? 1 : 0;
      if (batch.length === 0) turn++;
    }
    return store;
  }

  it('ends in the same sightings and the same truth with several writers that die and take over', () => {
    const runs = fc.tuple(logs, fc.integer({ min: 2, max: 4 }), fc.array(fc.nat(99), { minLength: 17, maxLength: 17 }));
    fc.assert(
      fc.property(runs, ([log, writers, choices]) => {
        expect(outcome(byWriters(log, writers, choices))).toEqual(inOrder(log));
      }),
      { numRuns: 300 },
    );
  });

  it('the truth does not depend on the order in which a store lists its sightings', () => {
    const orders = logs.chain((log) =>
      fc.tuple(fc.constant(log), fc.shuffledSubarray(observers, { minLength: observers.length })),
    );
    fc.assert(
      fc.property(orders, ([log, order]) => {
        for (const { sightings, truth: expected } of inOrder(log)) {
          const listed = order.flatMap((id) => sightings.filter(({ observer }) => observer === id));
          expect(truth(listed, world)).toEqual(expected);
        }
      }),
    );
  });

  it('histories are worth the name: they bring up, move, stop, hold and lose VMs, in snapshots of several parts', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(logs, (log) => {
        for (const { snapshot, rows, version: own } of log) {
          if ((snapshot?.parts ?? 0) > 1) seen.add('parts');
          if (own.epoch > 1) seen.add('epochs');
          for (const { values } of rows) {
            if (values.state === undefined) continue;
            seen.add(values.state.state);
            if (values.state.held) seen.add('held');
            expect(compareVersions(values.state.activation, snapshot?.version ?? own)).toBeLessThanOrEqual(0);
          }
        }
      }),
    );
    expect([...seen]).toEqual(
      expect.arrayContaining(['parts', 'epochs', 'held', 'migrated_away', 'absent', 'stopped']),
    );
  });
});
