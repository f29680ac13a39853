import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ObserverView, resolve, type Sighting, type VMState, vmStates } from '../src/index.ts';
import { contextOf, type SightingInput, sighting, view, type World } from './support/fleet.ts';
import { naiveResolve } from './support/naive-resolve.ts';

function resolved(sightings: readonly Sighting[], world: World) {
  const { deciding, ...resolution } = resolve(sightings, contextOf(world));
  return { ...resolution, decides: deciding?.observer };
}

const unreachable = view({ observable: false });
const removed = view({ observable: false, removed: true });
const activeStates = vmStates.filter(
  (state) => !['stopped', 'suspended', 'failed', 'migrated_away', 'absent', 'gone'].includes(state),
);

describe('resolve', () => {
  it('nobody has seen it: unknown, decided by nobody', () => {
    expect(resolved([], {})).toMatchObject({ state: 'unknown', decides: undefined });
    const stateless: Sighting = { ...sighting('h1', 'running'), registers: {} };
    expect(resolved([stateless], { h1: view() })).toMatchObject({ state: 'unknown', decides: undefined });
  });

  describe('R1: a provider', () => {
    const listed = sighting('@p', 'stopped', { term: 9 });

    it('decides for a VM that no hypervisor ever had', () => {
      expect(resolved([listed], { '@p': view() })).toMatchObject({ state: 'stopped', decides: '@p' });
      expect(resolved([sighting('@p', 'running')], { '@p': view() })).toMatchObject({
        state: 'running',
        decides: '@p',
      });
    });

    it('N4: that cannot be reached leaves it unknown with what it said last', () => {
      expect(resolved([listed], { '@p': unreachable })).toMatchObject({ state: 'unknown', lastState: 'stopped' });
    });

    it('whose complete listing lacks it decides that it is gone', () => {
      const lacking = sighting('@p', 'absent', { lastPresent: 'stopped' });
      expect(resolved([lacking], { '@p': view() })).toMatchObject({ state: 'gone', lastState: 'stopped' });
      expect(resolved([lacking, sighting('@q', 'running')], { '@p': view(), '@q': view() })).toMatchObject({
        state: 'running',
        decides: '@q',
      });
    });

    it.each(['running', 'stopped', 'absent'] as const)('never overrules a hypervisor that says %s', (state) => {
      const world = { h1: view(), '@p': view() };
      const alone = resolved([sighting('h1', state, { term: 1 })], world);
      for (const told of ['running', 'failed'] as const) {
        const both = resolved([sighting('h1', state, { term: 1 }), sighting('@p', told, { term: 9 })], world);
        expect([both.state, both.decides]).toEqual([alone.state, alone.decides]);
      }
    });
  });

  describe('R2: an observable active sighting', () => {
    it.each(activeStates)('%s wins over what is down or left, whatever the terms', (state) => {
      const others = [
        sighting('h0', 'stopped', { term: 9 }),
        sighting('h2', 'absent', { term: 8 }),
        sighting('h3', 'migrated_away', { term: 7 }),
        sighting('h4', 'suspended', { term: 6 }),
      ];
      const world = { h0: view(), h1: view(), h2: view(), h3: view(), h4: view() };
      expect(resolved([...others, sighting('h1', state, { term: 1 })], world)).toMatchObject({ state, decides: 'h1' });
    });

    it('S10: an unmapped raw state counts as active: it may be running', () => {
      const world = { h1: view(), h2: view() };
      expect(resolved([sighting('h1', 'unknown'), sighting('h2', 'stopped', { term: 3 })], world)).toMatchObject({
        state: 'unknown',
        decides: 'h1',
      });
    });

    it('wins over an active one on a host that cannot be asked', () => {
      const world = { h1: unreachable, h2: view() };
      const seen = [sighting('h1', 'running', { term: 9 }), sighting('h2', 'paused', { term: 1 })];
      expect(resolved(seen, world)).toMatchObject({ state: 'paused', decides: 'h2' });
    });

    it('of several, what arrives yields, and what leaves yields to a higher term', () => {
      const world = { h1: view(), h2: view() };
      for (const [moving, term] of [
        ['migrating_in', 9],
        ['migrating_out', 1],
      ] as const) {
        const seen = [sighting('h1', moving, { term }), sighting('h2', 'running', { term: 2 })];
        expect(resolved(seen, world)).toMatchObject({ state: 'running', decides: 'h2', contested: false });
      }
    });

    it('M1: what leaves does not yield to where it was before, which has not told yet that it left', () => {
      const world = { h1: view(), h2: view() };
      const seen = [sighting('h1', 'migrating_out', { term: 9 }), sighting('h2', 'running', { term: 1 })];
      expect(resolved(seen, world)).toMatchObject({ state: 'migrating_out', decides: 'h1', contested: false });
    });

    it('while all migrate the source is shown', () => {
      const seen = [sighting('h1', 'migrating_in', { term: 9 }), sighting('h2', 'migrating_out', { term: 1 })];
      expect(resolved(seen, { h1: view(), h2: view() })).toMatchObject({ state: 'migrating_out', decides: 'h2' });
    });

    it('else the highest term; of equal ones the smallest observer', () => {
      const world = { h1: view(), h2: view() };
      expect(
        resolved([sighting('h1', 'running', { term: 1 }), sighting('h2', 'paused', { term: 2 })], world),
      ).toMatchObject({ decides: 'h2', contested: true });
      expect(
        resolved([sighting('h2', 'paused', { term: 1 }), sighting('h1', 'running', { term: 1 })], world),
      ).toMatchObject({ decides: 'h1' });
    });
  });

  describe('R3: split brain', () => {
    const two = [
      sighting('h1', 'running', { term: 1, committedMark: 3 }),
      sighting('h2', 'running', { term: 2, committedMark: 5 }),
    ];

    it.each([
      [5, 9, 'one echoed only a mark cast before the other was committed'],
      [9, 5, 'the younger one echoed no mark cast after it was committed'],
      [0, 0, 'nobody echoed anything'],
    ])('is not declared at echoes %i and %i: %s', (first, second) => {
      const world = { h1: view({ echoedMark: first }), h2: view({ echoedMark: second }) };
      expect(resolved(two, world)).toMatchObject({ state: 'running', decides: 'h2', conflict: [], contested: true });
    });

    it('is declared once both have echoed a mark cast after both were committed', () => {
      const world = { h1: view({ echoedMark: 6 }), h2: view({ echoedMark: 7 }) };
      const verdict = resolved(two, world);
      expect(verdict).toMatchObject({ state: 'running', decides: 'h2', conflict: ['h1', 'h2'], contested: false });
      expect(verdict.detail).toBe('split_brain: active on h1, h2');
    });

    it('never concerns migrating or unreachable ones', () => {
      const world = {
        h1: view({ echoedMark: 9 }),
        h2: view({ echoedMark: 9 }),
        h3: view({ observable: false, echoedMark: 9 }),
      };
      const seen = [sighting('h1', 'running'), sighting('h2', 'migrating_out'), sighting('h3', 'running')];
      expect(resolved(seen, world)).toMatchObject({ conflict: [], contested: false, decides: 'h1' });
    });

    it('proved of two is not taken back when a third appears', () => {
      const third = sighting('h3', 'running', { term: 9, committedMark: 8 });
      const world = { h1: view({ echoedMark: 8 }), h2: view({ echoedMark: 8 }), h3: view({ echoedMark: 8 }) };
      expect(resolved([...two, third], world)).toMatchObject({
        decides: 'h3',
        conflict: ['h1', 'h2'],
        contested: true,
      });
      const later = { h1: view({ echoedMark: 9 }), h2: view({ echoedMark: 9 }), h3: view({ echoedMark: 9 }) };
      expect(resolved([...two, third], later)).toMatchObject({ conflict: ['h1', 'h2', 'h3'], contested: false });
    });
  });

  describe('R4: active only where nobody can look', () => {
    it('N6: is unknown with that last state', () => {
      expect(resolved([sighting('h1', 'paused')], { h1: unreachable })).toMatchObject({
        state: 'unknown',
        lastState: 'paused',
        decides: 'h1',
        detail: 'unobservable: h1 cannot be asked',
      });
    });

    it('N10: also where nobody watches the host, and where nobody knows it', () => {
      expect(resolved([sighting('h1', 'running')], { h1: unreachable })).toMatchObject({
        state: 'unknown',
        lastState: 'running',
      });
      expect(resolved([sighting('h1', 'running')], {})).toMatchObject({ state: 'unknown', lastState: 'running' });
    });

    it('yields to a down sighting of a higher term only', () => {
      const world = { h1: unreachable, h2: view() };
      const at = (term: number) =>
        resolved([sighting('h1', 'running', { term: 5 }), sighting('h2', 'stopped', { term })], world);
      expect(at(4)).toMatchObject({ state: 'unknown', lastState: 'running', decides: 'h1' });
      expect(at(5)).toMatchObject({ state: 'unknown', decides: 'h1' });
      expect(at(6)).toMatchObject({ state: 'stopped', decides: 'h2' });
    });

    it('does not yield to one that left, whatever its term', () => {
      const world = { h1: unreachable, h2: view({ echoedMark: 9 }) };
      const seen = [
        sighting('h1', 'running', { term: 5 }),
        sighting('h2', 'absent', { term: 9, lastPresent: 'running' }),
      ];
      expect(resolved(seen, world)).toMatchObject({ state: 'unknown', decides: 'h1' });
    });
  });

  describe('R5: the highest term', () => {
    it.each(['stopped', 'suspended', 'failed'] as const)(
      '%s is shown, or unknown with it where its host cannot be asked',
      (state) => {
        const seen = [sighting('h1', state, { term: 2, reason: 'shutdown' }), sighting('h2', 'stopped', { term: 1 })];
        expect(resolved(seen, { h1: view(), h2: view() })).toMatchObject({ state, decides: 'h1', detail: 'shutdown' });
        expect(resolved(seen, { h1: unreachable, h2: view() })).toMatchObject({
          state: 'unknown',
          lastState: state,
          decides: 'h1',
        });
      },
    );

    it('ties go to the smallest observer', () => {
      const world = { h1: view(), h2: view() };
      expect(resolved([sighting('h2', 'stopped'), sighting('h1', 'suspended')], world)).toMatchObject({
        state: 'suspended',
        decides: 'h1',
      });
    });

    it.each([
      ['migrated away', sighting('h1', 'migrated_away', { term: 2, lastPresent: 'migrating_out' }), 'migrating_out'],
      ['migrated away unseen', sighting('h1', 'migrated_away', { term: 2, lastPresent: 'running' }), 'running'],
      ['absent after migrating', sighting('h1', 'absent', { term: 2, lastPresent: 'migrating_out' }), 'migrating_out'],
    ])('%s is unknown, however many confirm, and never stopped elsewhere of a lower term', (_, left, lastState) => {
      const world = { h1: view({ echoedMark: 9 }), h2: view({ echoedMark: 9 }) };
      for (const seen of [[left], [left, sighting('h2', 'stopped', { term: 1 })]]) {
        expect(resolved(seen, world)).toMatchObject({ state: 'unknown', lastState, decides: 'h1', waitingFor: [] });
      }
    });

    it('moved: unknown until its provider says that it was deleted', () => {
      const left = sighting('h1', 'migrated_away', { term: 2, lastPresent: 'running' });
      const world = { h1: view(), '@p': view() };
      expect(resolved([left, sighting('@p', 'running')], world)).toMatchObject({
        state: 'unknown',
        lastState: 'running',
      });
      const elsewhere = sighting('h2', 'stopped', { term: 1 });
      expect(resolved([left, elsewhere, sighting('@p', 'absent')], { ...world, h2: view() })).toMatchObject({
        state: 'unknown',
      });
      expect(resolved([left, sighting('@p', 'absent')], world)).toMatchObject({
        state: 'gone',
        lastState: 'running',
        decides: 'h1',
      });
    });
  });

  describe('R6: absent', () => {
    const absent = sighting('h1', 'absent', { term: 5, committedMark: 3, lastPresent: 'running' });

    it('N3: is unknown, naming who has not answered, until all have echoed a later mark; then gone', () => {
      const world = { h1: view({ echoedMark: 4 }), h2: view({ echoedMark: 3 }), h3: view({ echoedMark: 4 }) };
      expect(resolved([absent], world)).toMatchObject({
        state: 'unknown',
        lastState: 'running',
        waitingFor: ['h2'],
        detail: 'absent: waiting for h2',
      });
      const all = { ...world, h2: view({ echoedMark: 4 }) };
      expect(resolved([absent], all)).toMatchObject({
        state: 'gone',
        lastState: 'running',
        waitingFor: [],
        decides: 'h1',
      });
    });

    it('M1: what another host said since the absence asks everybody anew: it may just have let go of the VM', () => {
      const left = sighting('h2', 'migrated_away', { term: 1, committedMark: 4, lastPresent: 'running' });
      const world = { h1: view({ echoedMark: 4 }), h2: view({ echoedMark: 4 }) };
      expect(resolved([absent, left], world)).toMatchObject({ state: 'unknown', waitingFor: ['h1', 'h2'] });
      const later = { h1: view({ echoedMark: 5 }), h2: view({ echoedMark: 5 }) };
      expect(resolved([absent, left], later)).toMatchObject({ state: 'gone' });
    });

    it('M3: another host from which it moved away, nobody knows when, keeps it from being gone', () => {
      const held = sighting('h2', 'migrated_away', { term: 0, lastPresent: 'migrating_out' });
      const world = { h1: view({ echoedMark: 9 }), h2: view({ echoedMark: 9 }) };
      expect(resolved([absent, held], world)).toMatchObject({ state: 'unknown', decides: 'h2' });
      const before = sighting('h2', 'migrated_away', { term: 1, lastPresent: 'migrating_out' });
      expect(resolved([absent, before], world)).toMatchObject({ state: 'gone' });
    });

    it('N3: an unreachable host that is watched holds it; a removed one, and one of another realm, do not', () => {
      const own = { h1: view({ echoedMark: 4 }) };
      expect(resolved([absent], { ...own, h2: view({ observable: false, echoedMark: 3 }) })).toMatchObject({
        state: 'unknown',
        waitingFor: ['h2'],
      });
      expect(resolved([absent], { ...own, h2: removed, h3: view({ realm: 'r2' }) })).toMatchObject({ state: 'gone' });
    });

    it('waits for its provider too, unless that was removed', () => {
      const world = { h1: view({ echoedMark: 4 }), '@p': view() };
      const listed = sighting('@p', 'running');
      expect(resolved([absent, listed], world)).toMatchObject({ state: 'unknown', waitingFor: ['@p'] });
      expect(resolved([absent, listed], { ...world, '@p': removed })).toMatchObject({ state: 'gone' });
      expect(resolved([absent, sighting('@p', 'absent')], world)).toMatchObject({ state: 'gone' });
    });

    it('once confirmed yields to a down sighting elsewhere', () => {
      const world = { h1: view({ echoedMark: 4 }), h2: view({ echoedMark: 4 }) };
      const seen = [absent, sighting('h2', 'stopped', { term: 1 })];
      expect(resolved(seen, world)).toMatchObject({ state: 'stopped', decides: 'h2' });
      expect(resolved(seen, { ...world, h2: view({ observable: false, echoedMark: 4 }) })).toMatchObject({
        state: 'unknown',
        lastState: 'stopped',
      });
      expect(resolved(seen, { ...world, h2: removed })).toMatchObject({
        state: 'unknown',
        lastState: 'stopped',
        detail: 'removed: h2 was removed',
      });
    });

    it('M8: everybody has confirmed it: defined anew elsewhere it is down at once, without another round', () => {
      const world = { h1: view({ echoedMark: 4 }), h2: view({ echoedMark: 4 }) };
      const defined = sighting('h2', 'stopped', { term: 0, committedMark: 9 });
      expect(resolved([absent, defined], world)).toMatchObject({ state: 'stopped', decides: 'h2' });
    });

    it('M6: what runs where nobody can look asks everybody anew, however old the absence is', () => {
      const world = {
        h1: view({ echoedMark: 4 }),
        h2: view({ echoedMark: 4 }),
        h3: view({ observable: false, echoedMark: 4 }),
      };
      const leftover = sighting('h2', 'stopped', { term: 3 });
      const hidden = sighting('h3', 'running', { term: 0, committedMark: 7 });
      expect(resolved([absent, leftover, hidden], world)).toMatchObject({
        state: 'unknown',
        waitingFor: ['h1', 'h2', 'h3'],
      });
    });

    it('names three at most', () => {
      const world = Object.fromEntries(['h1', 'h2', 'h3', 'h4', 'h5'].map((id) => [id, view()]));
      const verdict = resolved([absent], world);
      expect(verdict.detail).toBe('absent: waiting for h1, h2, h3 and 2 more');
      expect(verdict.waitingFor).toHaveLength(5);
    });
  });

  describe('R7, N11: decided by a removed host', () => {
    it.each<[VMState, SightingInput, VMState | undefined]>([
      ['running', {}, 'running'],
      ['stopped', {}, 'stopped'],
      ['absent', { lastPresent: 'paused' }, 'paused'],
      ['migrated_away', { lastPresent: 'migrating_out' }, 'migrating_out'],
      ['absent', {}, undefined],
    ])('%s is unknown, whatever marks are echoed', (state, input, lastState) => {
      const world = { h1: removed, h2: view({ echoedMark: 99 }) };
      expect(resolved([sighting('h1', state, input)], world)).toMatchObject({
        state: 'unknown',
        lastState,
        detail: 'removed: h1 was removed',
      });
    });

    it('until another sighting or its provider says more', () => {
      const world = { h1: removed, h2: view(), '@p': view() };
      const mine = sighting('h1', 'running', { term: 5 });
      expect(resolved([mine, sighting('h2', 'starting', { term: 1 })], world)).toMatchObject({
        state: 'starting',
        decides: 'h2',
      });
      expect(resolved([mine, sighting('h2', 'stopped', { term: 6 })], world)).toMatchObject({
        state: 'stopped',
        decides: 'h2',
      });
      expect(resolved([mine, sighting('@p', 'running')], world)).toMatchObject({
        state: 'unknown',
        lastState: 'running',
      });
      expect(resolved([mine, sighting('@p', 'absent')], world)).toMatchObject({ state: 'gone', lastState: 'running' });
    });
  });
});

describe('resolve, compared with its rules applied by hand', () => {
  const small = fc.nat(3);
  const observerView: fc.Arbitrary<ObserverView> = fc
    .record({
      observable: fc.boolean(),
      removed: fc.boolean(),
      realm: fc.constantFrom('r1', 'r1', 'r2'),
      echoedMark: small,
    })
    .map((one) => ({ ...one, observable: one.observable && !one.removed }));
  const observers = ['h1', 'h2', 'h3', 'h4', '@p', '@q'];
  const worlds: fc.Arbitrary<World> = fc
    .tuple(fc.tuple(...observers.map(() => observerView)), fc.subarray(observers, { minLength: 4 }))
    .map(([views, known]) =>
      Object.fromEntries(observers.flatMap((id, at) => (known.includes(id) ? [[id, views[at] ?? view()]] : []))),
    );
  const states = vmStates.filter((state) => state !== 'gone');
  const sightingOf = (observer: string): fc.Arbitrary<Sighting> =>
    fc
      .record({
        state: fc.oneof(
          fc.constantFrom<VMState>('running', 'stopped', 'absent', 'migrating_out', 'migrating_in', 'migrated_away'),
          fc.constantFrom(...states),
        ),
        term: small,
        committedMark: small,
        lastPresent: fc.constantFrom<VMState | undefined>(undefined, 'running', 'migrating_out', 'stopped'),
      })
      .map(({ state, term, committedMark, lastPresent }) => {
        const left = state === 'absent' || state === 'migrated_away';
        return sighting(observer, state, {
          term,
          committedMark,
          ...(left && lastPresent !== undefined ? { lastPresent } : {}),
        });
      });
  const fleets = fc
    .tuple(worlds, fc.subarray(observers, { maxLength: 4 }))
    .chain(([world, seen]) => fc.tuple(fc.constant(world), fc.tuple(...seen.map(sightingOf))));

  it('agrees on small fleets of every kind', () => {
    fc.assert(
      fc.property(fleets, ([world, sightings]) => {
        const { state, lastState, deciding, conflict, detail, waitingFor } = resolve(sightings, contextOf(world));
        const expected = naiveResolve(sightings, world);
        expect({
          state,
          lastState,
          deciding: deciding?.observer,
          conflict,
          waitingFor: [...waitingFor].sort(),
        }).toEqual({
          state: expected.state,
          lastState: expected.lastState,
          deciding: expected.deciding,
          conflict: expected.conflict,
          waitingFor: [...expected.waitingFor].sort(),
        });
        if (expected.why !== '') expect(detail.split(':')[0]).toBe(expected.why);
      }),
      { numRuns: 5000 },
    );
  });

  it('does not depend on the order of sightings and modifies none', () => {
    const shuffled = fleets.chain(([world, sightings]) =>
      fc.tuple(
        fc.constant(world),
        fc.constant(sightings),
        fc.shuffledSubarray(sightings, { minLength: sightings.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([world, sightings, other]) => {
        const before = structuredClone(sightings);
        expect(resolve(other, contextOf(world))).toEqual(resolve(sightings, contextOf(world)));
        expect(sightings).toEqual(before);
      }),
    );
  });

  it('I2: never calls dead what somebody sees alive, nor gone what a host still has', () => {
    fc.assert(
      fc.property(fleets, ([world, sightings]) => {
        const { state } = resolve(sightings, contextOf(world));
        const hosts = sightings.filter(({ observer }) => !observer.startsWith('@'));
        const stateOf = (one: Sighting) => one.registers.state?.value.state ?? 'unknown';
        const alive = hosts.some(
          (one) => activeStates.includes(stateOf(one)) && world[one.observer]?.observable === true,
        );
        if (alive) expect(activeStates).toContain(state);
        const presentWhereAsked = hosts.some(
          (one) => !['absent', 'migrated_away'].includes(stateOf(one)) && world[one.observer]?.observable === true,
        );
        if (state === 'gone') expect(presentWhereAsked).toBe(false);
        const downSeen = hosts.some((one) => ['stopped', 'suspended', 'failed'].includes(stateOf(one)));
        if (['stopped', 'suspended', 'failed'].includes(state) && hosts.length > 0) expect(downSeen).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
