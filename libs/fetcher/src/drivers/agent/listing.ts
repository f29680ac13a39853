import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';
import { type RuntimeStatsReply, readRuntimeStats, writeRuntimeStatsRequest } from '../../agent-protocol/index.ts';
import type { FetchOptions, HostFetcher, RuntimeRow, RuntimeStats } from '../../host-port.ts';
import type { KnownRows } from './known-rows.ts';
import type { Questions } from './questions.ts';

type ListingOptions = Parameters<HostFetcher['runtimeStats']>[0];
type Since = NonNullable<ListingOptions['since']>;
type Reply = ReturnType<typeof readRuntimeStats>;

/**
 * Lists a host as the port has it: a delta where the asker's `since` can be followed, else all, in as many pages as it
 * takes. A delta that agrees, which is nearly every poll of a fleet, is one question and one wait.
 */
export async function listHost(questions: Questions, known: KnownRows, options: ListingOptions): Promise<RuntimeStats> {
  const { since } = options;
  const left = questions.begin(options);
  const followed = since !== undefined && known.canFollow(since) ? since : undefined;
  const question = writeRuntimeStatsRequest(followed === undefined ? {} : { since: followed });
  const payload = await questions.ask('getAllRuntimeStats', question, options);
  const reply = readRuntimeStats(payload, (boot) => known.layoutOf(boot));
  if (reply.complete)
    return reply.next === undefined ? whole(known, reply, reply) : pages(questions, known, reply, left);
  if (followed === undefined || reply.boot !== followed.boot) {
    throw new VedetteError('VDT_FETCHER_MALFORMED', { path: '/complete', message: 'a delta that was not asked for' });
  }
  // Whose rows these are is for the reader to judge; they are not those of the host that was listed.
  if (reply.hostUuid !== known.hostUuid) return deltaStats(reply, reply.rows, reply.left, false);
  const verdict = known.takeDelta(reply);
  if (verdict === 'newer') return askAgain(questions, known, reply, followed, left);
  return deltaStats(reply, reply.rows, reply.left, verdict === 'agrees');
}

type Listed = Pick<RuntimeStatsReply, 'rows' | 'unreadable'>;

function whole(known: KnownRows, first: Reply, { rows, unreadable }: Listed): RuntimeStats {
  const { hostUuid, boot, rev, layout } = first;
  known.takeComplete(first, { rows, unreadable, layout });
  return { hostUuid, boot, rev, complete: true, rows, left: [], agrees: true, unreadable };
}

async function pages(
  questions: Questions,
  known: KnownRows,
  first: Reply,
  left: () => FetchOptions,
): Promise<RuntimeStats> {
  const rows = [...first.rows];
  const unreadable = [...first.unreadable];
  await questions.pages('getAllRuntimeStats', first.next, left, (payload) => {
    const page = readRuntimeStats(payload, () => first.layout);
    checkSameRun(page, first);
    rows.push(...page.rows);
    unreadable.push(...page.unreadable);
    return page.next;
  });
  return whole(known, first, { rows, unreadable });
}

/** A reply that a hint has overtaken proves nothing (K2); the next one is mostly as new as the hint. */
async function askAgain(
  questions: Questions,
  known: KnownRows,
  overtaken: Reply,
  since: Since,
  left: () => FetchOptions,
): Promise<RuntimeStats> {
  const payload = await questions.ask('getAllRuntimeStats', writeRuntimeStatsRequest({ since }), left());
  const again = readRuntimeStats(payload, (boot) => known.layoutOf(boot));
  const isSame = !again.complete && again.boot === overtaken.boot && again.hostUuid === overtaken.hostUuid;
  const reply = isSame ? again : overtaken;
  const agrees = isSame && known.takeDelta(again) === 'agrees';
  const gone = reply.left.filter((vm) => !known.isNewer(vm, reply.rev));
  return deltaStats(reply, reply.rows, gone, agrees);
}

function deltaStats(
  { hostUuid, boot, rev, unreadable }: RuntimeStatsReply,
  rows: readonly RuntimeRow[],
  left: readonly string[],
  agrees: boolean,
): RuntimeStats {
  return { hostUuid, boot, rev, complete: false, rows, left, agrees, unreadable };
}

function checkSameRun(page: RuntimeStatsReply, first: RuntimeStatsReply): void {
  if (page.complete && page.boot === first.boot && page.hostUuid === first.hostUuid) return;
  throw new VedetteError('VDT_FETCHER_PARTIAL', { message: 'another run of the agent answered before all was listed' });
}
