import { createHash } from 'node:crypto';
import type { HostFetcher, HostIdentity, SectionName } from '@vedette/fetcher';
import {
  type AgentVerb,
  agentVerbs,
  protocolVersion,
  type Question,
  type ReplyHead,
  readQuestion,
  writeCompleteReply,
  writeDeltaReply,
  writeDocument,
} from '@vedette/fetcher/agent-protocol';
import { phaseOf, VedetteError } from '@vedette/runtime';
import type { AgentContext } from './agent-context.ts';
import type { Beating } from './beats.ts';
import './errors.ts';
import { DeviceStats } from './device-stats.ts';
import type { HostHints } from './hint-teller.ts';
import { readRuntimeQuestion } from './runtime-question.ts';
import { SectionAnswers } from './section-answers.ts';
import { Source } from './source.ts';
import { type Changes, HostTable } from './table/host-table.ts';
import type { RecordedRow } from './table/recorded-row.ts';
import { toldRow } from './table/told-row.ts';

export interface ServedHost {
  readonly id: string;
  readonly fetcher: HostFetcher;
}

/** Later pages of a listing belong to a reading that has just been; see G1 of the protocol. */
const pageAgeMs = 10_000;

/**
 * The agent of one host: answers every verb of the protocol from its table and its source, and tells hints. No timer, no
 * promise and no closure per VM; of a host that nobody asks, one iteration of its source's hints.
 *
 * V1. A poll is answered from a reading of the source, never from the lack of one: where it cannot be read the answer is
 *     the source's own error, and heart-beats stop (I2).
 * V2. Whatever is asked ends with its caller's signal; so many are under way at a time, and no more (I6).
 */
export class HostAgent implements Beating {
  readonly id: string;
  readonly phaseMs: number;
  readonly table: HostTable;
  readonly #context: AgentContext;
  readonly #fetcher: HostFetcher;
  readonly #source: Source;
  readonly #hints: HostHints;
  readonly #sections: SectionAnswers;
  readonly #devices: DeviceStats;
  #following: Promise<void> | undefined;
  #underWay = 0;
  #beating = false;
  /** Nothing of this run has been taken in yet. */
  #runIsNew = true;

  constructor({ id, fetcher }: ServedHost, context: AgentContext) {
    const { config, clock, counters, signal, followBoot } = context;
    this.id = id;
    this.phaseMs = phaseOf(id, config.intervalMs);
    this.#context = context;
    this.#fetcher = fetcher;
    this.table = new HostTable({ deadBand: config.deadBandPoints, leftLimit: config.leftLimit });
    this.#hints = context.teller.host(id, this.table);
    this.#sections = new SectionAnswers(fetcher, config);
    this.#devices = new DeviceStats(fetcher, config, clock);
    this.#source = new Source({
      ...{ fetcher, table: this.table, clock, counters, signal, followBoot },
      readTimeoutMs: config.readTimeoutMs,
      onChanges: (changes) => this.#changed(changes),
      onNewRun: (identity) => this.#newRun(identity),
      onReadable: (error) => this.#readable(error),
    });
  }

  /** Whether its last reading was good. */
  get isReadable(): boolean {
    return this.#source.ageMs() !== undefined;
  }

  /** @throws VedetteError of this agent, of the protocol's doors, or of the source */
  answer(verb: AgentVerb | undefined, payload: Uint8Array, signal: AbortSignal): Uint8Array | Promise<Uint8Array> {
    this.#follow();
    if (verb === undefined) throw new VedetteError('VDT_FETCHER_UNSUPPORTED', { message: 'a verb that is not known' });
    if (verb === 'getAllRuntimeStats') return this.#runtimeStats(readRuntimeQuestion(payload), signal);
    return this.#admitted(() => this.#asked(verb, payload, signal));
  }

  /** Its turn: a heart-beat, for which the source is read where that is the rule. */
  beat(): void {
    const { config, counters } = this.#context;
    this.#follow();
    this.#devices.tidy();
    const ageMs = this.#source.ageMs();
    const isRead = ageMs !== undefined && (!config.readForHeartBeats || ageMs < config.intervalMs / 2);
    if (isRead) {
      this.#hints.beat();
      return;
    }
    if (this.#beating) {
      counters.heartBeatsWithheld++;
      return;
    }
    this.#beating = true;
    this.#source.read().then(
      () => {
        this.#beating = false;
        if (!this.#context.signal.aborted) this.#hints.beat();
      },
      () => {
        this.#beating = false;
        counters.heartBeatsWithheld++;
      },
    );
  }

  /** Ends what is under way, once the context's signal has aborted. */
  async close(): Promise<void> {
    await this.#fetcher.close();
    await this.#following;
  }

  /** From its first turn or question on: thousands of hosts begun at once would hold the process up. */
  #follow(): void {
    this.#following ??= this.#source.follow();
  }

  // ---- Listings ----------------------------------------------------------------------------------------------

  #runtimeStats(question: Question<'getAllRuntimeStats'>, signal: AbortSignal): Uint8Array | Promise<Uint8Array> {
    const ageMs = this.#source.ageMs();
    const maxAgeMs = question.page === undefined ? this.#context.config.maxAgeMs : pageAgeMs;
    if (ageMs !== undefined && ageMs < maxAgeMs) return this.#listing(question);
    return this.#admitted(async () => {
      await ended(this.#source.read(), signal);
      return this.#listing(question);
    });
  }

  #listing({ since, page }: Question<'getAllRuntimeStats'>): Uint8Array {
    const { table } = this;
    const { maxReplyBytes } = this.#context.config;
    const head = this.#head();
    const known = since?.boot === head.boot ? since.rev : undefined;
    const { unreadable, checksum } = table;
    const delta = known === undefined || page !== undefined ? undefined : table.delta(known);
    if (delta !== undefined) {
      const rows = this.#told(delta.rows, known, false);
      const reply = writeDeltaReply(head, { rows: [...rows], left: delta.left, unreadable, checksum }, maxReplyBytes);
      if (reply !== undefined) return reply;
    }
    const rows = this.#told(table.rows(page), known, true);
    return writeCompleteReply(head, { rows, unreadable, checksum }, maxReplyBytes);
  }

  *#told(
    rows: readonly RecordedRow[],
    known: number | undefined,
    whole: boolean,
  ): Generator<ReturnType<typeof toldRow>> {
    const nowS = Math.floor(this.#context.clock.now() / 1_000);
    for (const row of rows) yield toldRow(row, known, whole, nowS);
  }

  #head(): ReplyHead {
    const { rev, stateRev } = this.table;
    return { hostUuid: this.#source.identity?.hostUuid ?? '', boot: this.#hints.boot, rev, stateRev };
  }

  // ---- The other verbs ---------------------------------------------------------------------------------------

  async #asked(
    verb: Exclude<AgentVerb, 'getAllRuntimeStats'>,
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (this.#source.identity === undefined) await ended(this.#source.read(), signal);
    switch (verb) {
      case 'hello':
        readQuestion(verb, payload);
        return this.#hello();
      case 'getConfInfo':
        return this.#sectionsOf('info', readQuestion(verb, payload).vmIds, signal);
      case 'getConfig':
        return this.#sectionsOf('config', readQuestion(verb, payload).vmIds, signal);
      case 'getStatus':
        return this.#sectionsOf('status', readQuestion(verb, payload).vmIds, signal);
      case 'getGuestDetails':
        return this.#sectionsOf('guest', readQuestion(verb, payload).vmIds, signal);
      case 'getAllDeviceStats':
        return this.#devices.answer(() => this.#head(), readQuestion(verb, payload).page, signal);
      case 'getStats':
        readQuestion(verb, payload);
        return writeDocument({ sample: await this.#fetcher.hostStats(this.#call(signal)), ...this.#head() });
      case 'getCapabilities':
        readQuestion(verb, payload);
        return this.#capabilities(signal);
      case 'start':
        return this.#start(readQuestion(verb, payload), signal);
    }
  }

  #hello(): Uint8Array {
    const { guestAgent } = this.#fetcher.capabilities;
    const { version, config } = this.#context;
    return writeDocument({
      ...this.#head(),
      agent: { name: 'vedette-agent', version, protocol: protocolVersion },
      verbs: this.#canStart ? agentVerbs : agentVerbs.filter((verb) => verb !== 'start'),
      delta: true,
      hints: config.tellHints,
      heartBeatMs: config.tellHints ? config.intervalMs : 0,
      guestAgent,
    });
  }

  #sectionsOf(section: SectionName, vms: readonly string[], signal: AbortSignal): Promise<Uint8Array> {
    return this.#sections.answer(() => this.#head(), section, vms, signal);
  }

  async #capabilities(signal: AbortSignal): Promise<Uint8Array> {
    const { hostUuid, hostname, capabilities, unfit } = await this.#fetcher.describe(this.#call(signal));
    // Another host than the one listed: whoever asked must not take this description for that one's.
    if (hostUuid !== this.#source.identity?.hostUuid) this.#source.readSoon();
    return writeDocument({ ...this.#head(), hostUuid, hostname, capabilities, unfit });
  }

  get #canStart(): boolean {
    return this.#context.starts && this.#fetcher.capabilities.start;
  }

  async #start({ vmId, intentId, notAfter }: Question<'start'>, signal: AbortSignal): Promise<Uint8Array> {
    if (!this.#canStart) throw new VedetteError('VDT_FETCHER_UNSUPPORTED');
    const { intents, clock, config } = this.#context;
    const request = { vm: vmId, intentId, notAfter };
    // Not bound to who asks: it goes on, and is answered to the next one who asks with this intent.
    const carryOut = () =>
      this.#fetcher.start(request, { timeoutMs: config.startTimeoutMs, signal: this.#context.signal });
    const { outcome, detail } = await ended(intents.answer(this.id, request, clock.wallNow(), carryOut), signal);
    return writeDocument({ ...this.#head(), outcome, detail: detail.slice(0, 1_024) });
  }

  #call(signal: AbortSignal): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    return { timeoutMs: this.#context.config.readTimeoutMs, signal };
  }

  /** V2 */
  async #admitted(work: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const { config, counters } = this.#context;
    if (this.#underWay >= config.maxRequestsPerHost) {
      counters.requestsRefused++;
      throw new VedetteError('VDT_AGENT_BUSY');
    }
    this.#underWay++;
    try {
      return await work();
    } finally {
      this.#underWay--;
    }
  }

  // ---- What the source tells ---------------------------------------------------------------------------------

  #newRun({ hostUuid, boot }: HostIdentity): void {
    const { run, followBoot } = this.#context;
    const source = followBoot ? `${hostUuid} ${boot}` : hostUuid;
    // The same source, the same name: two that answer in turn show as two (N1).
    this.#hints.beginRun(`${run}-${createHash('sha1').update(source).digest('hex').slice(0, 8)}`);
    this.#runIsNew = true;
  }

  #changed(changes: Changes): void {
    if (this.#runIsNew) {
      this.#runIsNew = false;
      this.#hints.skip();
      return;
    }
    this.#hints.add(changes);
  }

  #readable(error: unknown): void {
    const { logger } = this.#context;
    if (error === undefined) {
      logger.info({ host: this.id }, 'the hypervisor is read again');
      this.#hints.ask(); // monitors that were told of the outage ask rarely by now
      return;
    }
    const about = VedetteError.is(error) ? { reason: error.message, action: error.action } : { err: error };
    logger.warn({ host: this.id, ...about }, 'the hypervisor cannot be read; it is asked again');
  }
}

/** Settles as `work` does, or rejects at the abort of the signal; what `work` does later is for others. */
async function ended<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
