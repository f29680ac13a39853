import {
  type Address,
  type AddressesValue,
  changeReason,
  type ObserverView,
  type ResolveContext,
  resolve,
  type Sighting,
  type StateValue,
  truthDifference,
  truthOf,
  type Version,
  type VMChangeReason,
  type VMState,
  type VMTruth,
  zeroVersion,
} from '../../src/index.ts';

/** Small makers: each test names only what it is about. */

export const version = (seq: number, epoch = 1): Version => ({ epoch, seq });

export function stateValue(state: VMState, over: Partial<StateValue> = {}): StateValue {
  return { state, reason: '', raw: { state, reason: '' }, activation: zeroVersion, held: false, ...over };
}

export function address(text: string, over: Partial<Address> = {}): Address {
  const family = text.includes(':') ? 'ipv6' : 'ipv4';
  return { address: text, family, scope: 'private', mac: '', interface: '', source: 'agent', ...over };
}

export interface SightingInput {
  readonly term?: number;
  readonly committedMark?: number;
  readonly lastPresent?: VMState;
  readonly reason?: string;
  readonly addresses?: AddressesValue;
  /** Version seq at which addresses were set; the activation is at seq 5. */
  readonly addressesAt?: number;
  readonly name?: string;
  readonly nameAt?: number;
}

/** A sighting whose VM became active at seq 5 and whose state was set at seq 10. */
export function sighting(observer: string, state: VMState, input: SightingInput = {}): Sighting {
  const {
    term = 0,
    committedMark = 0,
    lastPresent,
    reason = '',
    addresses,
    addressesAt = 10,
    name,
    nameAt = 10,
  } = input;
  const activation = version(5);
  const value = stateValue(state, { activation, reason, ...(lastPresent === undefined ? {} : { lastPresent }) });
  const config = { name: name ?? '', hashes: { info: '', config: '' } };
  return {
    observer,
    registers: {
      state: { version: version(10), value },
      ...(addresses === undefined ? {} : { addresses: { version: version(addressesAt), value: addresses } }),
      ...(name === undefined ? {} : { config: { version: version(nameAt), value: config } }),
    },
    activation,
    term,
    committedMark,
  };
}

export type World = Readonly<Record<string, ObserverView>>;

/** An observer that can be asked, unless said otherwise. */
export function view(over: Partial<ObserverView> = {}): ObserverView {
  return { observable: true, removed: false, realm: 'r1', echoedMark: 0, ...over };
}

/** What the store would answer: every host of the world is watched. */
export function contextOf(world: World): ResolveContext {
  return {
    observer: (id) => world[id],
    unanswered: (realm, mark) =>
      Object.entries(world)
        .filter(([id, host]) => !id.startsWith('@') && !host.removed && host.realm === realm && host.echoedMark <= mark)
        .map(([id]) => id)
        .sort(),
  };
}

export function truth(sightings: readonly Sighting[], world: World): VMTruth {
  return truthOf(resolve(sightings, contextOf(world)), sightings, (id) => world[id]);
}

/** What the fleet is told of a VM while sightings come in: the truths that differ, and their reasons. */
export class Told {
  readonly reasons: VMChangeReason[] = [];
  readonly states: VMState[] = [];
  last: VMTruth | undefined;

  hear(next: VMTruth): void {
    if (truthDifference(this.last, next) === undefined) return;
    this.reasons.push(changeReason(this.last, next));
    this.states.push(next.state);
    this.last = next;
  }
}

/** Every order of `items`. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}
