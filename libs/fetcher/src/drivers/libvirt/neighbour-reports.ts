import { errorCodes, remoteErrorOf } from '@vedette/libvirt';
import { type AddressReport, addressScope } from '@vedette/model';
import type { Neighbour, NeighbourTable } from './neighbours.ts';

/**
 * What neighbour tables say about one VM, reading after reading.
 *
 * C1. What has been seen stays until a table says otherwise: the kernel collects the entries of idle guests, which says
 *     nothing about their addresses (I2).
 * C2. A table says otherwise where, on the same link of the host, the address was asked in vain (FAILED), or another MAC
 *     has it and is confirmed.
 * C3. Or where the guest shows another address and this one no more: another of the same MAC, link, family and scope is
 *     confirmed now, and this one has not been for {@link givesWayMs}. So a guest that changed its address is known by
 *     both for a while; a guest that has several, all in use, keeps them.
 * C4. At most {@link reportsMax} of a VM: a guest can claim any number.
 */
export const givesWayMs = 600_000;
export const reportsMax = 64;

/** One address of a VM, and when a table last had it confirmed. */
export interface NeighbourReport extends AddressReport {
  readonly source: 'neighbour';
  /** The host's link. */
  readonly device: string;
  /** Monotonic ms, as far as the table tells; else when it was first seen. */
  readonly confirmedAtMs: number;
}

export interface NeighbourEvidence {
  /** Undefined: it could not be read, and all stays as it was. */
  readonly table: NeighbourTable | undefined;
  /** Of the domain's interfaces, in lower case. */
  readonly macs: readonly string[];
  /** What was returned for the reading before, in this run of the VM; nothing the first time. */
  readonly before: readonly NeighbourReport[];
  /** Monotonic. */
  readonly nowMs: number;
}

/** The addresses of one VM after a reading, sorted; each once per MAC and link. */
export function neighbourReports({ table, macs, before, nowMs }: NeighbourEvidence): readonly NeighbourReport[] {
  if (table === undefined) return before;
  const own = new Set(macs);
  const { byMac, failed, confirmedMac } = indexOf(table);
  const kept = new Map(before.filter(({ mac }) => own.has(mac)).map((report) => [keyOf(report), report]));
  const shown = new Set<string>();
  for (const entry of [...own].flatMap((mac) => byMac.get(mac) ?? [])) {
    if (entry.worth === 'confirmed') shown.add(classOf(entry));
    kept.set(keyOf(entry), reportOf(entry, kept.get(keyOf(entry)), nowMs));
  }
  const standing = [...kept.values()].filter((report) => {
    const place = placeOf(report);
    if (failed.has(place) || (confirmedMac.get(place) ?? report.mac) !== report.mac) return false;
    return nowMs - report.confirmedAtMs <= givesWayMs || !shown.has(classOf(report));
  });
  return bounded(standing);
}

interface TableIndex {
  readonly byMac: ReadonlyMap<string, readonly Neighbour[]>;
  /** Places (link and address) that were asked in vain. */
  readonly failed: ReadonlySet<string>;
  readonly confirmedMac: ReadonlyMap<string, string>;
}

/** One table serves all VMs of a host: it is gone through once, not once per VM. */
const indexes = new WeakMap<NeighbourTable, TableIndex>();

function indexOf(table: NeighbourTable): TableIndex {
  const held = indexes.get(table);
  if (held !== undefined) return held;
  const live = table.entries.filter(({ worth }) => worth !== 'failed');
  const index: TableIndex = {
    byMac: Map.groupBy(live, ({ mac }) => mac),
    failed: new Set(table.entries.filter(({ worth }) => worth === 'failed').map(placeOf)),
    confirmedMac: new Map(
      live.filter(({ worth }) => worth === 'confirmed').map((entry) => [placeOf(entry), entry.mac]),
    ),
  };
  indexes.set(table, index);
  return index;
}

function placeOf({ address, device }: Placed): string {
  return `${device} ${address}`;
}

function reportOf(entry: Neighbour, held: NeighbourReport | undefined, nowMs: number): NeighbourReport {
  const { address, mac, device, worth, confirmedS } = entry;
  const told = confirmedS === undefined ? undefined : nowMs - confirmedS * 1000;
  // An entry made just now is said to be confirmed a minute ago: never before what was known.
  const confirmedAtMs = Math.max(told ?? (worth === 'confirmed' ? nowMs : 0), held?.confirmedAtMs ?? told ?? nowMs);
  return { address, mac, interface: '', source: 'neighbour', device, confirmedAtMs };
}

type Placed = Pick<Neighbour, 'address' | 'mac' | 'device'>;

function keyOf({ address, mac, device }: Placed): string {
  return `${address} ${mac} ${device}`;
}

function classOf({ address, mac, device }: Placed): string {
  return `${mac} ${device} ${address.includes(':') ? 6 : 4} ${addressScope(address)}`;
}

/** Those that were confirmed last. */
function bounded(reports: readonly NeighbourReport[]): readonly NeighbourReport[] {
  const byKey = (a: NeighbourReport, b: NeighbourReport): number => (keyOf(a) < keyOf(b) ? -1 : 1);
  const latest = reports.toSorted((a, b) => b.confirmedAtMs - a.confirmedAtMs || byKey(a, b)).slice(0, reportsMax);
  return latest.sort(byKey);
}

/**
 * Whether libvirt's own address source `arp` is worth asking on a host that is reached over the network: it fails for
 * every domain alike where the daemon cannot read its kernel's table ("wrong nlmsg len", seen on kernel 6.18). Asked
 * for one domain first; once it has failed it is not asked again on that connection.
 */
export class ArpSource {
  #verdict: 'untried' | 'works' | 'unsupported' = 'untried';

  /** Undefined while untried: ask for one domain and say how it went before asking for others. */
  get works(): boolean | undefined {
    return this.#verdict === 'untried' ? undefined : this.#verdict === 'works';
  }

  answered(): void {
    this.#verdict = 'works';
  }

  /**
   * Takes in why it failed. Only libvirtd's own word about the source counts: neither a lost connection or deadline, nor
   * that this one domain is gone or not running, says anything about the host.
   */
  failed(error: unknown): void {
    const remote = remoteErrorOf(error);
    if (remote !== undefined && !aboutTheDomain.has(remote.code)) this.#verdict = 'unsupported';
  }

  /** For a new connection: the daemon may be another one. */
  reset(): void {
    this.#verdict = 'untried';
  }
}

const aboutTheDomain: ReadonlySet<number> = new Set([
  errorCodes.noDomain,
  errorCodes.operationInvalid,
  errorCodes.operationTimeout,
  errorCodes.resourceBusy,
]);
