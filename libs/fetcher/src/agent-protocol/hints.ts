import { isIdentifier } from '@vedette/model';
import type { RuntimeRow } from '../host-port.ts';
import { malformed, readMembers } from './documents.ts';
import { readRevisions, readVms } from './head.ts';
import { maxReplyBytes } from './limits.ts';
import { isCount, type RowLayout, readRows } from './rows.ts';
import { rowsText } from './runtime-stats.ts';

/**
 * What an agent tells by itself, on the hint subject of its host; volatile.
 *
 * N1. A hint, at once when a status or a section changed or a VM left: the new rows, `prev` the stateRev before it, and
 *     `stateRev` after it. Hints form a chain: whoever misses one sees it in the next `prev`, or in the next heart-beat.
 * N2. One that advances `stateRev` and tells neither rows nor VMs that left says: something changed, ask.
 * N3. A heart-beat, every 3 s: `prev` and `stateRev` are equal, and nothing is told. It says that the host lives and that
 *     the agent can read it: an agent that cannot (its libvirtd is away) sends none.
 */
export interface HintMessage {
  readonly boot: string;
  readonly rev: number;
  readonly stateRev: number;
  readonly prev: number;
  readonly rows: readonly RuntimeRow[];
  readonly left: readonly string[];
}

/** A hint as it goes out; where its rows do not fit it goes without them (N2). */
export function writeHint(hint: HintMessage, maxBytes = maxReplyBytes): Buffer {
  const { rows, left } = hint;
  const start = hintStart(hint);
  const whole = Buffer.from(`${start},"rows":${rowsText(rows)},"left":${JSON.stringify(left)}}`);
  return whole.length <= maxBytes ? whole : Buffer.from(`${start},"rows":[],"left":[]}`);
}

export function writeHeartBeat({ boot, rev, stateRev }: Pick<HintMessage, 'boot' | 'rev' | 'stateRev'>): Buffer {
  return Buffer.from(`${hintStart({ boot, rev, stateRev, prev: stateRev })},"rows":[],"left":[]}`);
}

function hintStart({ boot, rev, stateRev, prev }: Pick<HintMessage, 'boot' | 'rev' | 'stateRev' | 'prev'>): string {
  return `{"boot":${JSON.stringify(boot)},"rev":${rev},"stateRev":${stateRev},"prev":${prev}`;
}

export function isHeartBeat({ prev, stateRev }: Pick<HintMessage, 'prev' | 'stateRev'>): boolean {
  return prev === stateRev;
}

/**
 * Reads a hint. Rows of a boot whose layout is not known are left out: such a hint is not taken by its rows anyway.
 *
 * @throws VedetteError VDT_FETCHER_MALFORMED, VDT_FETCHER_TOO_LARGE
 */
export function readHint(payload: Uint8Array, layoutOf: (boot: string) => RowLayout | undefined): HintMessage {
  const members = readMembers(payload);
  const { boot, prev } = members;
  if (!isIdentifier(boot)) throw malformed('/boot', 'not an identifier');
  const { rev, stateRev } = readRevisions(members);
  if (!isCount(prev) || prev > stateRev) throw malformed('/prev', 'not a revision up to stateRev');
  const layout = layoutOf(boot);
  const rows = layout === undefined ? [] : readRows(members.rows ?? [], layout, rev);
  return { boot, rev, stateRev, prev, rows, left: readVms(members, 'left') };
}
