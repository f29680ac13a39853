import fc from 'fast-check';
import {
  type AddressesValue,
  canonicalAddresses,
  type RegisterValues,
  type StateValue,
  stateClass,
  type Version,
  type VMState,
  zeroVersion,
} from '../../src/index.ts';

/** One event as the log of a bus holds it: what an observer published, at its place in the stream. */
export interface Logged {
  readonly observer: string;
  readonly position: number;
  readonly version: Version;
  /** A part of a snapshot is complete with its `snapshot` and `parts`; other events set registers of one VM. */
  readonly snapshot?: { readonly version: Version; readonly part: number; readonly parts: number };
  readonly rows: ReadonlyArray<{ readonly vm: string; readonly values: Partial<RegisterValues> }>;
}

/** What an observer may do next. */
export type Step =
  | {
      readonly kind: 'state';
      readonly vm: string;
      readonly state: VMState;
      readonly held: boolean;
      /** The VM was removed and defined anew before it was seen so (M8). */
      readonly reborn: boolean;
    }
  | { readonly kind: 'addresses'; readonly vm: string; readonly value: AddressesValue }
  | { readonly kind: 'snapshot'; readonly parts: number }
  | { readonly kind: 'restart' }
  /** The last event again, at a new place in the stream: an event in doubt was sent twice and stored twice. */
  | { readonly kind: 'repeat' };

/** An observer's own view, from which it publishes: the part of a host monitor that matters to merging. */
class Observer {
  readonly #id: string;
  readonly #vms = new Map<string, { state: StateValue; addresses: AddressesValue | undefined }>();
  #epoch = 1;
  #seq = 0;
  #last: Omit<Logged, 'position'> | undefined;

  constructor(id: string) {
    this.#id = id;
  }

  take(step: Step): ReadonlyArray<Omit<Logged, 'position'>> {
    if (step.kind === 'repeat') return this.#last === undefined ? [] : [this.#last];
    if (step.kind === 'restart') {
      this.#epoch++;
      this.#seq = 0;
      return [];
    }
    const events = this.#publish(step);
    this.#last = events.at(-1) ?? this.#last;
    return events;
  }

  #publish(step: Exclude<Step, { readonly kind: 'restart' | 'repeat' }>): ReadonlyArray<Omit<Logged, 'position'>> {
    if (step.kind === 'snapshot') return this.#snapshot(step.parts);
    const known = this.#vms.get(step.vm);
    if (step.kind === 'addresses') {
      if (known === undefined) return [];
      known.addresses = step.value;
      return [this.#event(this.#next(), step.vm, { addresses: step.value })];
    }
    if (known === undefined && stateClass(step.state) === 'left') return [];
    const version = this.#next();
    const state = nextState(known?.state, step, version);
    this.#vms.set(step.vm, { state, addresses: known?.addresses });
    return [this.#event(version, step.vm, { state })];
  }

  /** Names every VM that is there; of those that left, an event of their own has already told. */
  #snapshot(parts: number): ReadonlyArray<Omit<Logged, 'position'>> {
    const present = [...this.#vms].filter(([, { state }]) => stateClass(state.state) !== 'left');
    const versions = Array.from({ length: parts }, () => this.#next());
    const version = versions.at(-1) ?? zeroVersion;
    return versions.map((own, index) => ({
      observer: this.#id,
      version: own,
      snapshot: { version, part: index + 1, parts },
      rows: present
        .filter((_, row) => row % parts === index)
        .map(([vm, { state, addresses }]) => ({
          vm,
          values: addresses === undefined ? { state } : { state, addresses },
        })),
    }));
  }

  #event(version: Version, vm: string, values: Partial<RegisterValues>): Omit<Logged, 'position'> {
    return { observer: this.#id, version, rows: [{ vm, values }] };
  }

  #next(): Version {
    return { epoch: this.#epoch, seq: ++this.#seq };
  }
}

function nextState(
  before: StateValue | undefined,
  step: { state: VMState; held: boolean; reborn: boolean },
  version: Version,
): StateValue {
  const kind = stateClass(step.state);
  const wasActive = before !== undefined && stateClass(before.state) === 'active';
  const activated = kind === 'active' && (!wasActive || step.reborn);
  const born = step.reborn ? version : before?.born;
  const lastPresent = before === undefined || stateClass(before.state) === 'left' ? before?.lastPresent : before.state;
  return {
    state: step.state,
    reason: '',
    raw: { state: step.state, reason: '' },
    activation: activated ? version : (before?.activation ?? zeroVersion),
    held: activated ? step.held : (before?.held ?? false),
    ...(born === undefined ? {} : { born }),
    ...(kind === 'left' && lastPresent !== undefined ? { lastPresent } : {}),
  };
}

export const vms = ['v1', 'v2', 'v3'];
export const observers = ['h1', 'h2', 'h3'];

const states: readonly VMState[] = [
  'running',
  'running',
  'paused',
  'stopped',
  'failed',
  'migrating_out',
  'migrating_in',
  'migrated_away',
  'absent',
];
const addressLists = fc
  .subarray(['10.0.0.1', '10.0.0.2', '2001:db8::1'])
  .map((list) =>
    canonicalAddresses(list.map((address) => ({ address, mac: '', interface: '', source: 'agent' as const }))),
  );

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('state' as const),
      vm: fc.constantFrom(...vms),
      state: fc.constantFrom(...states),
      held: fc.boolean(),
      reborn: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('addresses' as const), vm: fc.constantFrom(...vms), value: addressLists }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('snapshot' as const), parts: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'repeat' as const }) },
);

/** What several observers published about the same VMs, in the order of the stream. */
export const logs: fc.Arbitrary<readonly Logged[]> = fc
  .array(fc.tuple(fc.constantFrom(...observers), step), { minLength: 1, maxLength: 30 })
  .map((steps) => {
    const all = new Map(observers.map((id) => [id, new Observer(id)]));
    const published = steps.flatMap(([id, next]) => all.get(id)?.take(next) ?? []);
    return published.map((event, index) => ({ ...event, position: index + 1 }));
  });
