import { isIdentifier } from '@vedette/model';
import type { HostIdentity } from '../host-port.ts';
import { malformed } from './documents.ts';
import { isCount } from './rows.ts';

/** What every reply begins with: whose it is, of which run, and as of when. */
export interface ReplyHead extends HostIdentity {
  /** Grows by each row recorded and each VM that left, within a boot. */
  readonly rev: number;
  /** Grows with what hints tell: the `rev` of the last change of a status or a section, or of a VM that left. */
  readonly stateRev: number;
}

/** @throws VedetteError VDT_FETCHER_MALFORMED */
export function readHead(members: Readonly<Record<string, unknown>>): ReplyHead {
  const { hostUuid, boot } = members;
  if (!isIdentifier(hostUuid)) throw malformed('/hostUuid', 'not an identifier');
  if (!isIdentifier(boot)) throw malformed('/boot', 'not an identifier');
  return { hostUuid, boot, ...readRevisions(members) };
}

/** @throws VedetteError VDT_FETCHER_MALFORMED */
export function readRevisions(members: Readonly<Record<string, unknown>>): {
  readonly rev: number;
  readonly stateRev: number;
} {
  const { rev, stateRev } = members;
  if (!isCount(rev)) throw malformed('/rev', 'not a revision');
  if (!isCount(stateRev) || stateRev > rev) throw malformed('/stateRev', 'not a revision up to rev');
  return { rev, stateRev };
}

/** A list of VMs; left out is empty. @throws VedetteError VDT_FETCHER_MALFORMED */
export function readVms(members: Readonly<Record<string, unknown>>, member: string): readonly string[] {
  const vms = members[member];
  if (vms === undefined) return none;
  if (!Array.isArray(vms)) throw malformed(`/${member}`, 'not a list');
  if (vms.length === 0) return none;
  const fault = vms.findIndex((vm) => !isIdentifier(vm));
  if (fault >= 0) throw malformed(`/${member}/${fault}`, 'not an identifier');
  return vms as string[];
}

const none: readonly string[] = Object.freeze([]);
