import { compareVersions, type HostSnapshot, type RegisterValues, type Version } from '@vedette/model';
import { addApplied } from './applied.ts';
import type { ObserverRecord, PartialSnapshot } from './records.ts';

/** Snapshots of one observer that are followed at once; older ones are given up, the next complete one repairs. */
const maxPartial = 4;

/** The register values that one part sets of its VMs, in order; what was not observed is left out. */
export function* snapshotRows(
  columns: HostSnapshot['data']['columns'],
): Generator<{ readonly vm: string; readonly values: Partial<RegisterValues> }> {
  for (const [at, vm] of columns.vm.entries()) {
    const { [at]: state } = columns.state;
    const { [at]: raw } = columns.raw;
    const { [at]: activation } = columns.activation;
    if (state === undefined || raw === undefined || activation === undefined) continue;
    const info = columns.infoHash[at] ?? '';
    const config = columns.configHash[at] ?? '';
    const guest = columns.guestHash[at] ?? '';
    const addresses = columns.addresses[at] ?? undefined;
    const born = columns.born?.[at] ?? undefined;
    yield {
      vm,
      values: {
        state: {
          state,
          reason: columns.reason[at] ?? '',
          raw,
          activation,
          held: columns.held[at] ?? false,
          ...(born === undefined ? {} : { born }),
        },
        conditions: columns.conditions[at] ?? [],
        ...(addresses === undefined ? {} : { addresses }),
        // A register's hashes are all that says that it was observed; a name alone comes from the listing.
        ...(info === '' && config === '' ? {} : { config: { name: columns.name[at] ?? '', hashes: { info, config } } }),
        ...(guest === '' ? {} : { guest: { hash: guest } }),
      },
    };
  }
}

/**
 * Takes in that one part has come. Returns the snapshot's version when it was the last missing one of a snapshot
 * newer than every complete one; parts may come in any order, repeated, and mixed with those of other snapshots.
 */
export function partArrived(observer: ObserverRecord, data: HostSnapshot['data']): Version | undefined {
  const { snapshot, part, parts } = data;
  if (part > parts || compareVersions(snapshot, observer.snapshot) <= 0) return undefined;
  const partial = partialOf(observer, snapshot, parts);
  addApplied(partial.seen, part);
  if (partial.seen.through < parts) return undefined;
  observer.partial = observer.partial.filter(({ version }) => compareVersions(version, snapshot) > 0);
  observer.snapshot = snapshot;
  return snapshot;
}

function partialOf(observer: ObserverRecord, version: Version, parts: number): PartialSnapshot {
  const held = observer.partial.find((one) => compareVersions(one.version, version) === 0 && one.parts === parts);
  if (held !== undefined) return held;
  const partial = { version, parts, seen: { through: 0, beyond: [] } };
  const newestFirst = [...observer.partial, partial].sort((a, b) => compareVersions(b.version, a.version));
  observer.partial = newestFirst.slice(0, maxPartial);
  return partial;
}
