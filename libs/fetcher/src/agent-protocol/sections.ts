import { type ConditionsValue, conditionNames, firstUncanonical } from '@vedette/model';
import type Type from 'typebox';
import type { GuestDetails, Section, SectionName, StatusDocument } from '../host-port.ts';
import { malformed, readDocument } from './documents.ts';
import type { ReplyHead } from './head.ts';
import { maxReplyBytes } from './limits.ts';
import { DocumentsReply, GuestReply } from './replies.ts';
import type { AgentVerb } from './subjects.ts';

/**
 * `getConfInfo`, `getConfig`, `getStatus`, `getGuestDetails`: the sections of the VMs asked for, in parts.
 *
 * P1. A reply has the sections that fit, in the order asked, at least one; `missing` names the VMs left, which are asked
 *     for again (S11). A VM that the agent does not know is `unavailable`, not missing.
 * P2. A section too large for a reply by itself is `unavailable`, with an `error` that says so.
 * P3. The hash is that of the content in the same reply. Equal content, equal hash, after a restart too.
 */
export const sectionVerbs = {
  info: 'getConfInfo',
  config: 'getConfig',
  status: 'getStatus',
  guest: 'getGuestDetails',
} as const satisfies Record<SectionName, AgentVerb>;

/** What is in a section's document. */
export interface SectionContents {
  readonly info: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly status: StatusDocument;
  readonly guest: GuestDetails;
}

export interface SectionsPart<T> extends ReplyHead {
  readonly sections: ReadonlyArray<readonly [vm: string, section: Section<T>]>;
  readonly missing: readonly string[];
}

/** A reply with as many sections as fit (P1). @param sectionOf undefined: cannot be had now */
export function writeSections(
  head: ReplyHead,
  vms: readonly string[],
  sectionOf: (vm: string) => Section<unknown> | undefined,
  maxBytes = maxReplyBytes,
): Buffer {
  const start = JSON.stringify({ ...headOf(head) }).slice(0, -1);
  let bytes = start.length + 64 + vms.reduce((sum, vm) => sum + 3 + Buffer.byteLength(vm), 0);
  const parts: string[] = [];
  for (const vm of vms) {
    const text = sectionText(vm, sectionOf(vm), maxBytes - bytes, parts.length === 0);
    if (text === undefined) break;
    bytes += Buffer.byteLength(text) + 1;
    parts.push(text);
  }
  const missing = JSON.stringify(vms.slice(parts.length));
  return Buffer.from(`${start},"sections":[${parts.join(',')}],"missing":${missing}}`);
}

function headOf({ hostUuid, boot, rev, stateRev }: ReplyHead): ReplyHead {
  return { hostUuid, boot, rev, stateRev };
}

/** Undefined: no room for it. P2: the first has to go out in some form. */
function sectionText(
  vm: string,
  section: Section<unknown> | undefined,
  room: number,
  isFirst: boolean,
): string | undefined {
  const text = JSON.stringify(wireSection(vm, section));
  if (Buffer.byteLength(text) + 1 <= room) return text;
  if (!isFirst) return undefined;
  return JSON.stringify({ vmId: vm, observed: 'unavailable', error: 'larger than a reply may be' });
}

function wireSection(vm: string, section: Section<unknown> | undefined): object {
  if (section === undefined) return { vmId: vm, observed: 'unavailable' };
  const { observed, hash, content } = section;
  return observed === 'ok' ? { vmId: vm, observed, hash, content } : { vmId: vm, observed };
}

/**
 * Reads a part of the sections named.
 *
 * @throws VedetteError VDT_FETCHER_MALFORMED, VDT_FETCHER_TOO_LARGE
 */
export function readSections<S extends SectionName>(name: S, payload: Uint8Array): SectionsPart<SectionContents[S]> {
  const reply = readDocument(name === 'guest' ? GuestReply : DocumentsReply, payload);
  const sections = reply.sections.map((section, at): readonly [string, Section<SectionContents[S]>] => [
    section.vmId,
    sectionOf(name, section, `/sections/${at}`),
  ]);
  return { ...headOf(reply), sections, missing: reply.missing };
}

type WireSection = Type.Static<typeof DocumentsReply | typeof GuestReply>['sections'][number];

function sectionOf<S extends SectionName>(name: S, wire: WireSection, path: string): Section<SectionContents[S]> {
  const { observed, hash, content } = wire;
  if ((observed === 'ok') !== (hash !== undefined && content !== undefined)) {
    throw malformed(path, 'hash and content belong to what is ok, and to nothing else');
  }
  if (content === undefined) return { observed, hash: '' };
  return { observed, hash: hash ?? '', content: contentOf(name, content, `${path}/content`) };
}

function contentOf<S extends SectionName>(name: S, content: object, path: string): SectionContents[S] {
  const read =
    name === 'guest'
      ? canonicalGuest(content as GuestDetails, path)
      : name === 'status'
        ? { ...content, conditions: conditionsOf(content as Readonly<Record<string, unknown>>, path) }
        : content;
  return read as SectionContents[S];
}

function canonicalGuest(guest: GuestDetails, path: string): GuestDetails {
  const fault = firstUncanonical(guest.addresses);
  if (fault >= 0) throw malformed(`${path}/addresses/${fault}`, 'not canonical, or out of order');
  return guest;
}

/** V1: an unknown condition is left out. */
function conditionsOf({ conditions }: Readonly<Record<string, unknown>>, path: string): ConditionsValue {
  if (!Array.isArray(conditions)) throw malformed(`${path}/conditions`, 'not a list');
  return [...conditionNames].sort().filter((condition) => conditions.includes(condition));
}
