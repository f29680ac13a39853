import type { FleetEvent, ObserverEvent } from '@vedette/model';

/** What is written down of a run: what was done to the guests and the hosts, and what was told of them. */

/** What is done to one guest; `kill_unseen` kills its QEMU while libvirtd is down. */
export const deedNames = [
  'start',
  'destroy',
  'shutdown',
  'suspend',
  'resume',
  'reset',
  'save',
  'migrate',
  'migrate_aborted',
  'kill',
  'kill_unseen',
  'hang',
  'unhang',
  'recreate',
  'undefine',
  'define',
  'create',
] as const;
export type DeedName = (typeof deedNames)[number];

/** The state of a guest on each host, in the canonical words, as read from virsh; `absent` where it is not defined. */
export type Placement = Readonly<Record<string, string>>;

/** One thing done to one guest. Truth went from `before` to `after` at some time between `beganMs` and `endedMs`. */
export interface Deed {
  readonly vm: string;
  readonly name: DeedName;
  /** Where the guest was, or was put. */
  readonly host: string;
  /** The other side of a migration. */
  readonly to?: string;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly before: Placement;
  readonly after: Placement;
  /** What virsh said when it refused; the deed then changed what `after` says, often nothing. */
  readonly refused?: string;
}

export type TroubleName =
  | 'libvirtd_restart'
  | 'libvirtd_kill'
  | 'libvirtd_freeze'
  | 'monitor_restart'
  | 'monitor_crash';

/**
 * A span in which a host could not be watched; the monitor's own troubles are of every host. A `stall` nobody made: the
 * process that watches, which is that of the churn, did not run.
 */
export interface Trouble {
  readonly name: TroubleName | 'kill_unseen' | 'stall';
  readonly hosts: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
}

export type AnyEvent = ObserverEvent | FleetEvent;

/** An event with the monotonic time at which a subscriber had it. */
export interface Heard {
  readonly atMs: number;
  readonly event: AnyEvent;
}

/** Everything between two quiet points at which store and virsh agreed. */
export interface Round {
  readonly hosts: readonly string[];
  /** Where each guest was at the beginning. */
  readonly before: ReadonlyMap<string, Placement>;
  readonly deeds: readonly Deed[];
  readonly troubles: readonly Trouble[];
  readonly heard: readonly Heard[];
}
