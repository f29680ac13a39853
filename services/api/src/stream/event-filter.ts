import type { FleetEvent, ObserverEvent } from '@vedette/model';
import type { EventsQuery } from '../queries.ts';

type Wanted = ReadonlySet<string> | undefined;

/** Which events a stream carries: those that pass each filter given. */
export class EventFilter {
  readonly #vms: Wanted;
  readonly #hosts: Wanted;
  readonly #realms: Wanted;
  readonly #names: Wanted;

  constructor({ vm, host, realm, name }: EventsQuery) {
    this.#vms = setOf(vm);
    this.#hosts = setOf(host);
    this.#realms = setOf(realm);
    this.#names = setOf(name);
  }

  /** A VM's event belongs to where it is and to where it was. */
  passesFleet(name: string, data: FleetEvent['data']): boolean {
    if (!passes(this.#names, name)) return false;
    if (!('vm' in data)) {
      return this.#vms === undefined && passes(this.#hosts, data.host) && passes(this.#realms, data.realm);
    }
    const { previous } = data;
    return (
      passes(this.#vms, data.vm) &&
      passes(this.#hosts, data.host, previous.host, ...data.conflict) &&
      passes(this.#realms, data.realm, previous.realm)
    );
  }

  passesObserver(name: string, data: ObserverEvent['data']): boolean {
    if (!passes(this.#names, name) || !passes(this.#hosts, data.host)) return false;
    return passes(this.#vms, 'vm' in data ? data.vm : undefined);
  }
}

function setOf(values: readonly string[] | undefined): Wanted {
  return values === undefined ? undefined : new Set(values);
}

function passes(wanted: Wanted, ...values: ReadonlyArray<string | undefined>): boolean {
  return wanted === undefined || values.some((value) => value !== undefined && wanted.has(value));
}
