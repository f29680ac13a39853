import {
  compareVersions,
  mergeSighting,
  type Sighting,
  stateClass,
  type Version,
  zeroVersion,
} from '../../src/index.ts';
import type { Logged } from './histories.ts';

/**
 * The least that a store has to do around `mergeSighting`: one sighting per observer and VM, the newest complete
 * snapshot of each observer, and absence derived from the two when reading.
 */
export class NaiveStore {
  readonly #sightings = new Map<string, Map<string, Sighting>>();
  readonly #snapshots = new Map<string, Version>();
  readonly #parts = new Map<string, Set<number>>();

  apply({ observer, version, position, rows, snapshot }: Logged): void {
    for (const { vm, values } of rows) {
      const ofVm = this.#sightings.get(vm) ?? new Map<string, Sighting>();
      this.#sightings.set(vm, ofVm);
      const update = { version: snapshot?.version ?? version, values, position, mark: 0 };
      ofVm.set(observer, mergeSighting(ofVm.get(observer), observer, update).sighting);
    }
    if (snapshot !== undefined) this.#complete(observer, snapshot);
  }

  #complete(observer: string, { version, part, parts }: NonNullable<Logged['snapshot']>): void {
    const key = `${observer}/${version.epoch}/${version.seq}`;
    const seen = this.#parts.get(key) ?? new Set();
    this.#parts.set(key, seen.add(part));
    const newest = this.#snapshots.get(observer) ?? zeroVersion;
    if (seen.size === parts && compareVersions(version, newest) > 0) this.#snapshots.set(observer, version);
  }

  /** Every sighting of a VM by observer id, with what the newest complete snapshots lack shown as absent. */
  sightings(vm: string): readonly Sighting[] {
    return [...(this.#sightings.get(vm)?.values() ?? [])]
      .map((sighting) => this.#visible(sighting))
      .sort((a, b) => (a.observer < b.observer ? -1 : 1));
  }

  #visible(sighting: Sighting): Sighting {
    const { state } = sighting.registers;
    const newest = this.#snapshots.get(sighting.observer) ?? zeroVersion;
    if (state === undefined || stateClass(state.value.state) === 'left') return sighting;
    if (compareVersions(state.version, newest) >= 0) return sighting;
    const value = { ...state.value, state: 'absent' as const, lastPresent: state.value.state };
    return { ...sighting, registers: { ...sighting.registers, state: { version: newest, value } } };
  }
}
