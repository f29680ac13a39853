import { describe, expect, it } from 'vitest';
import {
  type AddressesValue,
  mergeSighting,
  type RegisterValues,
  type Sighting,
  type StateValue,
  type VMState,
} from '../src/index.ts';
import { address, permutations, stateValue, Told, truth, version, view, type World } from './support/fleet.ts';

/**
 * The scenarios of docs/scenarios.md as far as they are decided here: what observers say, in every order in which it
 * can arrive, and what the fleet is told.
 */

interface Report {
  readonly host: string;
  readonly seq: number;
  readonly position: number;
  readonly values: Partial<RegisterValues>;
}

/** The fleet as the store sees it: sightings merged as they come, and the truth told after each report. */
class Fleet {
  readonly told = new Told();
  readonly #sightings = new Map<string, Sighting>();
  world: World;
  mark = 0;

  constructor(world: World) {
    this.world = world;
  }

  hear(...reports: readonly Report[]): this {
    for (const { host, seq, position, values } of reports) {
      const update = { version: version(seq), values, position, mark: this.mark };
      this.#sightings.set(host, mergeSighting(this.#sightings.get(host), host, update).sighting);
      this.look();
    }
    return this;
  }

  /** What is known of the hosts changed. */
  learn(world: World): this {
    this.world = { ...this.world, ...world };
    return this.look();
  }

  /** A mark is cast, and these hosts echo it at once. */
  castMark(...hosts: readonly string[]): this {
    this.mark++;
    const echoes = hosts.map((id) => [id, { ...(this.world[id] ?? view()), echoedMark: this.mark }] as const);
    return this.learn(Object.fromEntries(echoes));
  }

  look(): this {
    this.told.hear(truth([...this.#sightings.values()], this.world));
    return this;
  }

  get now() {
    const last = this.told.last;
    if (last === undefined) throw new Error('nothing was told');
    return last;
  }
}

/** A state that host reports at seq, activated at another seq of its own. */
function says(
  host: string,
  position: number,
  seq: number,
  state: VMState,
  activation: number,
  over: Partial<StateValue> = {},
): Report {
  return { host, seq, position, values: { state: stateValue(state, { activation: version(activation), ...over }) } };
}

const addresses = (host: string, position: number, seq: number, value: AddressesValue): Report => ({
  host,
  seq,
  position,
  values: { addresses: value },
});
const askable = (...hosts: readonly string[]): World => Object.fromEntries(hosts.map((id) => [id, view()]));
const unreachable = view({ observable: false });
const dead: readonly VMState[] = ['stopped', 'failed', 'suspended', 'gone'];

describe('M1: live migration', () => {
  const before = [says('h1', 1, 1, 'running', 1), addresses('h1', 2, 2, [address('10.0.0.1')])];
  const reports = [
    says('h1', 10, 10, 'migrating_out', 1),
    says('h2', 11, 1, 'migrating_in', 1),
    says('h2', 12, 2, 'running', 1),
    says('h1', 13, 11, 'migrated_away', 1, { lastPresent: 'migrating_out' }),
  ];
  const orders = permutations(reports);

  it('M1: in each of the 24 orders of reports one VMChanged(migrated), and never stopped or gone', () => {
    expect(orders).toHaveLength(24);
    for (const order of orders) {
      const { told, now } = new Fleet(askable('h1', 'h2')).hear(...before, ...order);
      expect(told.reasons.filter((reason) => reason === 'migrated')).toHaveLength(1);
      expect(told.states.filter((state) => dead.includes(state))).toEqual([]);
      expect(now).toMatchObject({ state: 'running', host: 'h2', conflict: [], addresses: [address('10.0.0.1')] });
    }
  });

  it('M1: also with every report delivered twice', () => {
    for (const order of orders) {
      const { told, now } = new Fleet(askable('h1', 'h2')).hear(...before, ...order, ...order);
      expect(told.reasons.filter((reason) => reason === 'migrated')).toHaveLength(1);
      expect(now).toMatchObject({ state: 'running', host: 'h2' });
    }
  });

  it.each(['migrating_out', 'migrating_in', 'migrated_away'])(
    'M1: also where nobody polled in time to see %s',
    (missed) => {
      const seen = reports.filter(({ values }) => values.state?.state !== missed);
      const withoutLeaving =
        missed === 'migrated_away' ? [says('h1', 13, 11, 'absent', 1, { lastPresent: 'migrating_out' })] : [];
      for (const order of permutations([...seen, ...withoutLeaving])) {
        const { told, now } = new Fleet(askable('h1', 'h2')).hear(...before, ...order);
        expect(told.reasons.filter((reason) => reason === 'migrated')).toHaveLength(1);
        expect(told.states.filter((state) => dead.includes(state))).toEqual([]);
        expect(now).toMatchObject({ state: 'running', host: 'h2' });
      }
    },
  );

  it('M1: with the source unreachable during the move, in every order', () => {
    for (const order of orders) {
      const fleet = new Fleet({ ...askable('h2'), h1: view() }).hear(...before);
      fleet
        .learn({ h1: unreachable })
        .hear(...order)
        .learn({ h1: view() });
      expect(fleet.told.states.filter((state) => dead.includes(state))).toEqual([]);
      expect(fleet.now).toMatchObject({ state: 'running', host: 'h2' });
    }
  });

  it('M1: in order the observers tell the whole move and the fleet only where the VM runs', () => {
    const { told } = new Fleet(askable('h1', 'h2')).hear(...before, ...reports);
    expect(told.reasons).toEqual(['discovered', 'addresses', 'state', 'migrated']);
    expect(told.states).toEqual(['running', 'running', 'migrating_out', 'running']);
  });

  it('M1: and back again: each move is told once', () => {
    const back = [
      says('h2', 20, 5, 'migrating_out', 1),
      says('h1', 21, 20, 'migrating_in', 20),
      says('h1', 22, 21, 'running', 20),
      says('h2', 23, 6, 'migrated_away', 1, { lastPresent: 'migrating_out' }),
    ];
    for (const order of permutations(back)) {
      const { told, now } = new Fleet(askable('h1', 'h2')).hear(...before, ...reports, ...order);
      expect(told.reasons.filter((reason) => reason === 'migrated')).toHaveLength(2);
      expect(now).toMatchObject({ state: 'running', host: 'h1' });
    }
  });
});

describe('M2: migration aborted', () => {
  it('M2: in every order the VM is back to running on the source, and was nowhere else', () => {
    const reports = [
      says('h1', 10, 10, 'migrating_out', 1),
      says('h2', 11, 1, 'migrating_in', 1),
      says('h1', 12, 11, 'running', 1, { reason: 'migration_canceled' }),
      says('h2', 13, 2, 'absent', 1, { lastPresent: 'migrating_in' }),
    ];
    for (const order of permutations(reports)) {
      const { told, now } = new Fleet(askable('h1', 'h2')).hear(says('h1', 1, 1, 'running', 1), ...order);
      expect(told.reasons).not.toContain('migrated');
      expect(told.states.filter((state) => dead.includes(state) || state === 'unknown')).toEqual([]);
      expect(now).toMatchObject({ state: 'running', host: 'h1' });
    }
  });
});

describe('M3: the destination is not there to be seen', () => {
  const leaving = [
    says('h1', 1, 1, 'running', 1),
    says('h1', 10, 10, 'migrating_out', 1),
    says('h1', 13, 11, 'migrated_away', 1, { lastPresent: 'migrating_out' }),
  ];

  it.each<[string, World, readonly Report[]]>([
    ['died during the migration', { h2: unreachable }, [says('h2', 11, 1, 'migrating_in', 1)]],
    ['is silent', { h2: unreachable }, []],
    ['has no owner', { h2: view({ observable: false, echoedMark: 0 }) }, []],
    ['is not yet discovered', {}, []],
  ])('M3: it %s: unknown, not gone, however many marks the others echo', (_, world, reports) => {
    const fleet = new Fleet({ ...askable('h1', 'h3'), ...world }).hear(...leaving, ...reports);
    fleet.castMark('h1', 'h3').castMark('h1', 'h3');
    expect(fleet.now).toMatchObject({ state: 'unknown', lastState: expect.stringMatching(/^migrating/) as string });
    expect(fleet.told.states.filter((state) => dead.includes(state))).toEqual([]);
  });

  it('M3: unknown also where the source says no more than that the VM is absent', () => {
    const absent = says('h1', 13, 11, 'absent', 1, { lastPresent: 'migrating_out' });
    const fleet = new Fleet(askable('h1', 'h2')).hear(...leaving.slice(0, 2), absent).castMark('h1', 'h2');
    expect(fleet.now).toMatchObject({ state: 'unknown', lastState: 'migrating_out' });
  });

  it('M3: once the destination speaks, the VM has migrated', () => {
    const fleet = new Fleet(askable('h1', 'h2')).hear(...leaving, says('h2', 20, 1, 'running', 1));
    expect(fleet.told.reasons.slice(-2)).toEqual(['unknown', 'migrated']);
    expect(fleet.now).toMatchObject({ state: 'running', host: 'h2' });
  });
});

describe('M4: the same VM on two hosts', () => {
  const both = [says('h1', 1, 1, 'running', 1), says('h2', 5, 1, 'running', 1)];

  it('M4: split brain only once both have echoed a mark cast after both were committed', () => {
    const fleet = new Fleet(askable('h1', 'h2')).castMark('h1', 'h2').hear(...both);
    expect(fleet.now).toMatchObject({ state: 'running', host: 'h2', conflict: [] });
    fleet.castMark('h1');
    expect(fleet.now.conflict).toEqual([]);
    fleet.castMark('h2');
    expect(fleet.now).toMatchObject({ state: 'running', host: 'h2', conflict: ['h1', 'h2'] });
    expect(fleet.told.reasons.filter((reason) => reason === 'split_brain')).toHaveLength(1);
  });

  it('M4: told once, though both are paused and seen again by snapshots', () => {
    const fleet = new Fleet(askable('h1', 'h2')).hear(...both).castMark('h1', 'h2');
    fleet.hear(says('h1', 20, 9, 'running', 1), says('h2', 21, 9, 'running', 1), says('h1', 22, 10, 'paused', 1));
    expect(fleet.now.conflict).toEqual(['h1', 'h2']);
    expect(fleet.told.reasons.filter((reason) => reason === 'split_brain')).toHaveLength(1);
  });

  it('M4: over when one of them stops', () => {
    const fleet = new Fleet(askable('h1', 'h2')).hear(...both).castMark('h1', 'h2');
    fleet.hear(says('h2', 20, 9, 'stopped', 1));
    expect(fleet.now).toMatchObject({ state: 'running', host: 'h1', conflict: [] });
  });

  it('M4: nothing where the poll of one host was merely late', () => {
    const fleet = new Fleet(askable('h1', 'h2')).hear(...both);
    fleet.hear(says('h1', 6, 2, 'migrated_away', 1, { lastPresent: 'running' })).castMark('h1', 'h2');
    expect(fleet.told.reasons).toEqual(['discovered', 'migrated']);
    expect(fleet.now).toMatchObject({ state: 'running', host: 'h2', conflict: [] });
  });
});

describe('late words of the old host', () => {
  it('M5: stopped, or addresses removed, after running on the new host: running and addresses stay', () => {
    const here = [address('10.0.0.1')];
    const late = [
      says('h1', 20, 10, 'stopped', 1),
      addresses('h1', 21, 11, []),
      says('h2', 10, 1, 'running', 1),
      addresses('h2', 11, 2, here),
    ];
    for (const order of permutations(late)) {
      const fleet = new Fleet(askable('h1', 'h2')).hear(says('h1', 1, 1, 'running', 1), addresses('h1', 2, 2, here));
      fleet.hear(...order);
      expect(fleet.now).toMatchObject({ state: 'running', host: 'h2', addresses: here });
    }
    const inOrder = new Fleet(askable('h1', 'h2')).hear(says('h1', 1, 1, 'running', 1), addresses('h1', 2, 2, here));
    inOrder.hear(...late.slice(2), ...late.slice(0, 2));
    expect(inOrder.told.reasons).toEqual(['discovered', 'addresses', 'migrated']);
  });

  it('M6: a leftover stopped definition does not hide a VM on a host that cannot be reached', () => {
    const fleet = new Fleet(askable('h1', 'h2')).hear(says('h1', 1, 1, 'running', 1), says('h1', 2, 2, 'stopped', 1));
    fleet.hear(says('h2', 5, 1, 'running', 1));
    expect(fleet.now).toMatchObject({ state: 'running', host: 'h2' });
    fleet.learn({ h2: unreachable });
    expect(fleet.now).toMatchObject({ state: 'unknown', lastState: 'running', host: 'h2' });
  });

  it('M7: last running on a dead host, started on another, stopped there: stopped', () => {
    const fleet = new Fleet(askable('h1', 'h2')).hear(says('h1', 1, 1, 'running', 1)).learn({ h1: unreachable });
    expect(fleet.now).toMatchObject({ state: 'unknown', lastState: 'running' });
    fleet.hear(says('h2', 5, 1, 'running', 1), says('h2', 6, 2, 'stopped', 1));
    expect(fleet.now).toMatchObject({ state: 'stopped', host: 'h2' });
    expect(fleet.told.reasons).toEqual(['discovered', 'unknown', 'migrated', 'stopped']);
  });
});

describe('not seeing is not a change', () => {
  const absent = says('h1', 9, 9, 'absent', 1, { lastPresent: 'running' });

  it('N3: absent from a complete listing: unknown, then gone once, after all others have confirmed', () => {
    const fleet = new Fleet(askable('h1', 'h2', 'h3')).hear(says('h1', 1, 1, 'running', 1));
    fleet.castMark('h1', 'h2', 'h3').hear(absent);
    expect(fleet.now).toMatchObject({ state: 'unknown', lastState: 'running' });
    fleet.castMark('h1', 'h2');
    expect(fleet.now).toMatchObject({ state: 'unknown', lastState: 'running' });
    fleet.castMark('h3').castMark('h1', 'h2', 'h3');
    expect(fleet.now).toMatchObject({ state: 'gone', lastState: 'running' });
    expect(fleet.told.reasons).toEqual(['discovered', 'unknown', 'gone']);
  });

  it('N3: a host that does not answer holds it until it answers or is removed', () => {
    for (const end of [view({ echoedMark: 9 }), view({ observable: false, removed: true })]) {
      const fleet = new Fleet({ ...askable('h1'), h2: unreachable }).hear(says('h1', 1, 1, 'running', 1), absent);
      fleet.castMark('h1').castMark('h1');
      expect(fleet.now.state).toBe('unknown');
      expect(fleet.learn({ h2: end }).now.state).toBe('gone');
    }
  });

  it('N3: found elsewhere before everybody has answered: migrated, never gone', () => {
    const fleet = new Fleet(askable('h1', 'h2')).hear(
      says('h1', 1, 1, 'running', 1),
      absent,
      says('h2', 12, 1, 'running', 1),
    );
    expect(fleet.castMark('h1', 'h2').now).toMatchObject({ state: 'running', host: 'h2' });
    expect(fleet.told.reasons).toEqual(['discovered', 'unknown', 'migrated']);
  });

  it('N6: an unreachable host leaves the last state known; on return only true differences are told', () => {
    const fleet = new Fleet(askable('h1')).hear(says('h1', 1, 1, 'paused', 1)).learn({ h1: unreachable });
    expect(fleet.now).toMatchObject({ state: 'unknown', lastState: 'paused', host: 'h1' });
    fleet.learn({ h1: view() });
    expect(fleet.told.reasons).toEqual(['discovered', 'unknown', 'recovered']);
    expect(fleet.now).toMatchObject({ state: 'paused', host: 'h1' });
  });

  it('N11: a removed host leaves its VMs unknown, whatever marks are echoed', () => {
    const fleet = new Fleet(askable('h1', 'h2')).hear(says('h1', 1, 1, 'running', 1));
    fleet
      .learn({ h1: view({ observable: false, removed: true }) })
      .castMark('h2')
      .castMark('h2');
    expect(fleet.now).toMatchObject({ state: 'unknown', lastState: 'running' });
    expect(fleet.told.reasons).toEqual(['discovered', 'unknown']);
  });

  it('S1: one change of state, one VMChanged; a second delivery tells nothing', () => {
    const paused = says('h1', 2, 2, 'paused', 1, { reason: 'user' });
    const fleet = new Fleet(askable('h1')).hear(says('h1', 1, 1, 'running', 1), paused, paused);
    expect(fleet.told.reasons).toEqual(['discovered', 'state']);
    expect(fleet.now).toMatchObject({ state: 'paused', detail: 'user' });
  });
});
