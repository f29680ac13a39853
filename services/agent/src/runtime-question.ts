import { type Question, readQuestion } from '@vedette/fetcher/agent-protocol';

type RuntimeQuestion = Question<'getAllRuntimeStats'>;

/** As monitors write it, thousands of times a second: what a schema would make of it is in the pattern. */
const usual = /^\{"since":\{"boot":"([A-Za-z0-9._-]{1,64})","rev":([0-9]{1,15})\}\}$/;
const longest = 200;

/**
 * The question of a poll: the protocol's own door, and before it a short way for what monitors usually send.
 *
 * @throws VedetteError as readQuestion
 */
export function readRuntimeQuestion(payload: Uint8Array): RuntimeQuestion {
  if (payload.byteLength > longest) return readQuestion('getAllRuntimeStats', payload);
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('latin1');
  if (text === '{}') return {};
  const [, boot, rev] = usual.exec(text) ?? [];
  if (boot === undefined) return readQuestion('getAllRuntimeStats', payload);
  return { since: { boot, rev: Number(rev) } };
}
