import type { VMState } from '@vedette/model';

/** A state in libvirt's own numbers (virDomainState) and the words that inovex's exporter puts beside them. */
export interface LibvirtState {
  readonly code: number;
  readonly text: string;
  /** No process runs for it: it has no devices to ask. */
  readonly down: boolean;
}

const noState = { code: 0, text: 'no state', down: false };
const running = { code: 1, text: 'the domain is running', down: false };
const paused = { code: 3, text: 'the domain is paused by user', down: false };
const shutdown = { code: 4, text: 'the domain is being shut down', down: false };
const shutoff = { code: 5, text: 'the domain is shut off', down: true };
const suspended = { code: 7, text: 'the domain is suspended by guest power management', down: false };

/**
 * Samples carry our states, not the raw ones, so this is the way back. Where several raw states became one of ours it
 * is the one seen longest: a guest runs through nearly all of its migration, and a crashed QEMU leaves 5, not 6.
 */
const states: Readonly<Record<VMState, LibvirtState>> = {
  starting: paused,
  running,
  paused,
  paused_error: paused,
  saving: paused,
  suspended: shutoff,
  restoring: paused,
  migrating_out: running,
  migrating_in: paused,
  migrated_away: shutoff,
  rebooting: running,
  stopping: shutdown,
  stopped: shutoff,
  failed: shutoff,
  pm_suspended: suspended,
  not_responding: running,
  absent: noState,
  gone: noState,
  unknown: noState,
};

export function libvirtState(state: VMState): LibvirtState {
  return states[state];
}
