import { isIdentifier } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import type { RuntimeRow } from '../host-port.ts';
import { malformed, readMembers } from './documents.ts';
import { type ReplyHead, readHead, readVms } from './head.ts';
import { maxReplyBytes } from './limits.ts';
import { type RowLayout, readLayout, readRows, rowFields, wireRow } from './rows.ts';
import { isSpoken, protocolVersion } from './versions.ts';

/**
 * `getAllRuntimeStats`: every VM of a host, or what changed.
 *
 * G1. A complete reply names every VM, in pages where it is large: in the order of their ids by UTF-16 code units, each
 *     page after the last VM of the one before (`next`), and each as of its own reading. A monitor asks for changes since
 *     the `rev` of the *first* page, so that nothing between the pages is missed.
 * G2. A delta names the VMs whose rows were recorded after `since.rev`, and those that left. What cannot be told as a
 *     delta in one reply is answered completely.
 * G3. `checksum` is the SetChecksum of (vmId, rev of its row) over every VM that a complete reply would have rows for
 *     now. A VM that cannot be read now is in `unreadable` of every reply, and in no row and no checksum; when it can be
 *     read again its row is recorded anew.
 * G4. Asking changes nothing that another who asks could see.
 */
export interface RuntimeStatsRequest {
  /** What the asker has: the boot and `rev` of the last reply to it. Left out: nothing. */
  readonly since?: { readonly boot: string; readonly rev: number };
  /** `next` of the page before. */
  readonly page?: string;
}

export interface RuntimeStatsReply extends ReplyHead {
  readonly complete: boolean;
  readonly rows: readonly RuntimeRow[];
  /** Those that left after `since.rev` and are not back; empty in a complete reply. */
  readonly left: readonly string[];
  readonly unreadable: readonly string[];
  /** 16 hex digits. */
  readonly checksum: string;
  /** There are more: ask with it as `page`. */
  readonly next?: string;
}

const checksumForm = /^[0-9a-f]{16}$/;

export function writeRuntimeStatsRequest({ since, page }: RuntimeStatsRequest): Buffer {
  if (page !== undefined) return Buffer.from(JSON.stringify({ page }));
  if (since === undefined) return Buffer.from('{}');
  return Buffer.from(`{"since":{"boot":${JSON.stringify(since.boot)},"rev":${since.rev}}}`);
}

/**
 * Reads a reply; the rows of a delta as the layout of its boot has them, which the last complete reply told.
 *
 * @param layoutOf the layout known of a boot; undefined: none is
 * @throws VedetteError VDT_FETCHER_MALFORMED, VDT_FETCHER_TOO_LARGE; VDT_FETCHER_UNSUPPORTED: its protocol is too far
 *   from ours
 */
export function readRuntimeStats(
  payload: Uint8Array,
  layoutOf: (boot: string) => RowLayout | undefined,
): RuntimeStatsReply & { readonly layout: RowLayout } {
  const members = readMembers(payload);
  const head = readHead(members);
  const { complete, checksum, next } = members;
  if (typeof complete !== 'boolean') throw malformed('/complete', 'not true or false');
  if (typeof checksum !== 'string' || !checksumForm.test(checksum)) throw malformed('/checksum', 'not 16 hex digits');
  if (complete) checkProtocol(members.protocol);
  const layout = complete || members.fields !== undefined ? readLayout(members.fields) : layoutOf(head.boot);
  if (layout === undefined) throw malformed('/fields', 'is missing, and was never told in this boot');
  const reply = {
    hostUuid: head.hostUuid,
    boot: head.boot,
    rev: head.rev,
    stateRev: head.stateRev,
    complete,
    rows: readRows(members.rows, layout, head.rev),
    left: readVms(members, 'left'),
    unreadable: readVms(members, 'unreadable'),
    checksum,
    layout,
  };
  if (next === undefined) return reply;
  if (!complete || !isIdentifier(next)) throw malformed('/next', 'not the last VM of a page of a complete reply');
  return { ...reply, next };
}

function checkProtocol(version: unknown): void {
  if (!Number.isSafeInteger(version)) throw malformed('/protocol', 'not a version');
  if (isSpoken(version as number)) return;
  throw new VedetteError('VDT_FETCHER_UNSUPPORTED', {
    path: '/protocol',
    message: `the agent speaks version ${String(version)} of the protocol, this monitor ${protocolVersion} and its neighbours`,
    action: 'bring agent and monitor to versions that are at most one apart',
  });
}

/** What an agent's table says now, for {@link writeCompleteReply}. */
export interface CompleteListing {
  /** In the order of their ids, only those after `page` where one was asked for. */
  readonly rows: Iterable<RuntimeRow>;
  readonly unreadable: readonly string[];
  readonly checksum: string;
}

/** A complete reply, or as many VMs of it as fit, with `next`; at least one. */
export function writeCompleteReply(head: ReplyHead, listing: CompleteListing, maxBytes = maxReplyBytes): Buffer {
  const { unreadable, checksum } = listing;
  const start = `${headText(head)},"complete":true,"protocol":${protocolVersion},"fields":${fieldsText},"rows":[`;
  const lists = `],"left":[],"unreadable":${JSON.stringify(unreadable)},"checksum":"${checksum}"`;
  let bytes = start.length + lists.length + 128; // and `next`
  let rows = '';
  let last = '';
  for (const row of listing.rows) {
    const text = JSON.stringify(wireRow(row));
    bytes += Buffer.byteLength(text) + 1;
    if (bytes > maxBytes && last !== '') {
      return Buffer.from(`${start}${rows}${lists},"next":${JSON.stringify(last)}}`);
    }
    rows = last === '' ? text : `${rows},${text}`;
    last = row.vm;
  }
  return Buffer.from(`${start}${rows}${lists}}`);
}

/** A delta; undefined where it does not fit: the answer is then a complete reply (G2). */
export function writeDeltaReply(
  head: ReplyHead,
  delta: Pick<RuntimeStatsReply, 'rows' | 'left' | 'unreadable' | 'checksum'>,
  maxBytes = maxReplyBytes,
): Buffer | undefined {
  const { rows, left, unreadable, checksum } = delta;
  const away = unreadable.length === 0 ? '' : `,"unreadable":${JSON.stringify(unreadable)}`;
  const reply = Buffer.from(
    `${headText(head)},"complete":false,"rows":${rowsText(rows)},"left":${JSON.stringify(left)}${away},"checksum":"${checksum}"}`,
  );
  return reply.length > maxBytes ? undefined : reply;
}

const fieldsText = JSON.stringify(rowFields);

function headText({ hostUuid, boot, rev, stateRev }: ReplyHead): string {
  return `{"hostUuid":${JSON.stringify(hostUuid)},"boot":${JSON.stringify(boot)},"rev":${rev},"stateRev":${stateRev}`;
}

export function rowsText(rows: readonly RuntimeRow[]): string {
  return rows.length === 0 ? '[]' : JSON.stringify(rows.map(wireRow));
}
