import type { FleetHostState, VMState } from '@vedette/model';

/** What an output can be given: the streams of the process, or a test's stand-in. */
export interface OutputStream {
  /** False: full; more is welcome after `drain`. */
  write(text: string): unknown;
  once?(event: 'drain', listener: () => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** A way to set text off; `plain` is none. */
export type Tone = keyof typeof codes | 'plain';

/** Puts text into a tone, or leaves it as it is where colours are not wanted. */
export type Paint = (tone: Tone, text: string) => string;

/** Colours only for a terminal, and only without NO_COLOR (no-color.org) and where it is not a dumb one. */
export function paintFor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>): Paint {
  const wanted = stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  return wanted ? colours : plain;
}

/** No colours. */
export const plain: Paint = (_tone, text) => text;

const colours: Paint = (tone, text) => {
  if (tone === 'plain' || text === '') return text;
  const end = tone === 'bold' || tone === 'dim' ? 22 : 39;
  return `\u{1b}[${codes[tone]}m${text}\u{1b}[${end}m`;
};

/** Calm where nothing needs a person: colours say how much attention a state asks for. */
const vmTones: Readonly<Record<VMState, Tone>> = {
  running: 'green',
  starting: 'cyan',
  saving: 'cyan',
  restoring: 'cyan',
  migrating_out: 'cyan',
  migrating_in: 'cyan',
  migrated_away: 'dim',
  rebooting: 'cyan',
  stopping: 'cyan',
  paused: 'yellow',
  paused_error: 'red',
  failed: 'red',
  not_responding: 'red',
  unknown: 'yellow',
  suspended: 'dim',
  stopped: 'dim',
  pm_suspended: 'dim',
  absent: 'dim',
  gone: 'dim',
};

const hostTones: Readonly<Record<FleetHostState, Tone>> = {
  up: 'green',
  connecting: 'cyan',
  non_operational: 'red',
  non_responsive: 'red',
  unwatched: 'yellow',
  removed: 'dim',
};

export function vmTone(state: VMState): Tone {
  return vmTones[state];
}

export function hostTone(state: FleetHostState): Tone {
  return hostTones[state];
}
