import { escapeToken, unescapeToken } from '@vedette/model';

/**
 * Where agents are asked and where they tell. `host` is the name by which an agent serves: the same text as in the
 * host's URL `agent:<host>`, escaped as every identifier in a subject.
 */

/** What an agent may be asked. Which of them it serves, `hello` tells. */
export const agentVerbs = [
  'hello',
  'getAllRuntimeStats',
  'getConfInfo',
  'getConfig',
  'getStatus',
  'getGuestDetails',
  'getAllDeviceStats',
  'getStats',
  'getCapabilities',
  'start',
] as const;
export type AgentVerb = (typeof agentVerbs)[number];

const verbs: ReadonlySet<string> = new Set(agentVerbs);
const agentRoot = 'vedette.v1.agent';
const hintRoot = 'vedette.v1.hint';

export function agentSubject(host: string, verb: AgentVerb): string {
  return `${agentRoot}.${escapeToken(host)}.${verb}`;
}

/**
 * What an agent serves: every verb, those it does not know too, which it answers with VDT_FETCHER_UNSUPPORTED. A verb
 * that nobody serves looks like an agent that is away.
 */
export function agentPattern(host: string): string {
  return `${agentRoot}.${escapeToken(host)}.*`;
}

/** Who is asked for what; undefined for a subject that is not of this protocol, `verb` undefined for an unknown one. */
export function parseAgentSubject(
  subject: string,
): { readonly host: string; readonly verb: AgentVerb | undefined } | undefined {
  if (!subject.startsWith(`${agentRoot}.`)) return undefined;
  const [token = '', verb = '', ...rest] = subject.slice(agentRoot.length + 1).split('.');
  const host = unescapeToken(token);
  if (host === undefined || rest.length > 0) return undefined;
  return { host, verb: isAgentVerb(verb) ? verb : undefined };
}

function isAgentVerb(verb: string): verb is AgentVerb {
  return verbs.has(verb);
}

/** Where one host's agent tells hints and heart-beats; volatile. */
export function hintSubject(host: string): string {
  return `${hintRoot}.${escapeToken(host)}`;
}

/** The hints of all hosts. */
export const hintPattern = `${hintRoot}.*`;
