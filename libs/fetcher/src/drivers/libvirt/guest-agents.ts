import type { TypedParams } from '@vedette/libvirt';
import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';
import { agentGuestInfo, agentReport } from './guest-details.ts';

const askTimeoutMs = 10_000;
/** An agent that is due so soon is asked now, as a part of the interval: listings, which look for it, come seldom. */
const earlyShare = 0.1;
/** After failures an agent is asked less often, by this factor at most. */
const rarestFactor = 16;
/** An agent that says that all addresses are gone is asked again so soon. */
const doubtMs = 3_000;

/**
 * Asks guest agents, on the session's connection for them: four at a time, each bounded in time (see AgentCalls).
 *
 * - G1 Every agent is asked once an interval, counted from question to question and spread by domain; one that connects
 *   at once.
 * - G2 One that fails is asked after two intervals, then four, up to 16: an agent that hangs keeps libvirtd waiting for
 *   seconds each time, and most that fail are not there. It is asked as often as others once it connects or answers.
 * - G3 A domain that is stopping, or whose QEMU does not respond, is not asked: the answer would be about a guest that is
 *   being taken apart, or none.
 */
export class GuestAgents {
  readonly #context: DriverContext;
  readonly #intervalMs: number;

  constructor(context: DriverContext, intervalMs: number) {
    this.#context = context;
    this.#intervalMs = intervalMs;
  }

  /** Begins what is due; never waits. */
  round(entries: readonly DomainEntry[]): void {
    if (!this.#context.session.agentAllowed) return;
    const soonMs = this.#context.clock.now() + this.#intervalMs * earlyShare;
    for (const entry of entries) {
      const asks = entry.definition?.hasAgentChannel === true && entry.agentDueMs <= soonMs;
      if (asks && mayBeAsked(entry)) void this.#ask(entry);
    }
  }

  /** G1: it has just connected. */
  connected(entry: DomainEntry): void {
    entry.agentFailures = 0;
    if (this.#context.session.agentAllowed && mayBeAsked(entry)) void this.#ask(entry);
  }

  /** Never rejects: an agent that does not answer is the usual case while a guest boots, and says nothing (I2). */
  async #ask(entry: DomainEntry): Promise<void> {
    const { clock, session, signal, tell } = this.#context;
    const { id } = entry.domain;
    const askedMs = clock.now();
    entry.askingAgent = true;
    // Both are asked: an old agent knows of one only. The calls are made one after the other in any case.
    const call = { timeoutMs: askTimeoutMs, signal };
    const [interfaces, info] = await Promise.all([
      session.agent.interfaceAddresses(entry.domain, call).catch(() => undefined),
      session.agent.guestInfo(entry.domain, agentGuestInfo, call).catch((): TypedParams => new Map()),
    ]);
    entry.askingAgent = false;
    const answered = interfaces !== undefined || info.size > 0;
    entry.agentFailures = answered ? 0 : entry.agentFailures + 1;
    entry.agentDueMs = askedMs + this.#intervalMs * Math.min(rarestFactor, 2 ** entry.agentFailures);
    if (!answered || entry.domain.id !== id) return;
    const said = entry.agentSaid(agentReport(interfaces, info));
    if (said === 'doubtful') entry.agentDueMs = clock.now() + Math.min(doubtMs, this.#intervalMs);
    if (said === 'changed') tell(entry);
  }
}

function mayBeAsked(entry: DomainEntry): boolean {
  return entry.isActive && !entry.isStopping && entry.monitor === 'answers' && !entry.askingAgent;
}
