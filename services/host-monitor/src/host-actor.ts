import { type ActorContext, type ActorDefinition, type Behaviour, defineActor } from '@vedette/actor';
import type { Hint, HostDescription, RuntimeStats } from '@vedette/fetcher';
import { escapeToken } from '@vedette/model';
import { Backoff, hash32, VedetteError } from '@vedette/runtime';
import type { Opening } from '@vedette/store';
import { pumpHints } from './hint-pump.ts';
import type { HostActorArgs, HostActorDeps } from './host-actor-args.ts';
import { HostHealth, type HostHealthChange } from './host-health.ts';
import type { HostMessage, HostRequest, PollUnderWay, SectionsFetched } from './host-messages.ts';
import { HostIdentityGuard } from './identity.ts';
import { entriesOf, type Observation, observedNow, type VMEntry } from './knowledge.ts';
import { Listings } from './listing.ts';
import { Outbox } from './outbox.ts';
import { failureReason } from './reasons.ts';
import { SectionFetches } from './section-fetches.ts';
import { Telling } from './telling.ts';

/**
 * One host, watched: polls, hints and sections come in, events go out.
 *
 * A1. The observer's epoch and registers come from the store once, at the start; no database in the loop (I1).
 * A2. One poll, one fetch per section group and one publish are under way at a time; each has its own deadline and
 *     none waits for another, so that a hung agent delays nothing but itself (I6).
 *
 * A3 is stated and kept in {@link Listings}, A4 in {@link Telling}.
 */

const mailboxCapacity = 1024;

/** The definition of the actor that watches one host. Opens the observer at each start, and at each restart anew. */
export function hostActor(deps: HostActorDeps): ActorDefinition<HostMessage, HostActorArgs> {
  return defineActor<HostMessage, HostActorArgs>({
    kind: 'host',
    mailbox: { capacity: mailboxCapacity, overflow: 'reject' },
    create: async (args, context) => {
      const opening = await deps.open(args.host.id);
      return new HostBehaviour(deps, args, context, opening);
    },
  });
}

class HostBehaviour implements Behaviour<HostMessage> {
  readonly #deps: HostActorDeps;
  readonly #args: HostActorArgs;
  readonly #context: ActorContext<HostMessage>;
  readonly #opening: Opening;
  readonly #entries: Map<string, VMEntry>;
  readonly #outbox: Outbox;
  readonly #listings: Listings;
  readonly #fetches: SectionFetches;
  readonly #telling: Telling;
  readonly #health: HostHealth;
  readonly #identity: HostIdentityGuard;
  readonly #backoff: Backoff;
  readonly #phaseMs: number;
  #polls = 0;
  #polling = false;
  #pollAgain = false;
  /** A listing of this run was believed. */
  #listedOnce = false;
  #mark = 0;
  #describedBoot: string | undefined;
  #description: HostDescription | undefined;

  constructor(deps: HostActorDeps, args: HostActorArgs, context: ActorContext<HostMessage>, opening: Opening) {
    const { config } = deps;
    this.#deps = deps;
    this.#args = args;
    this.#context = context;
    this.#opening = opening;
    this.#entries = entriesOf(opening);
    const origin = {
      host: args.host.id,
      epoch: opening.epoch,
      source: `/vedette/host-monitor/${escapeToken(deps.member)}`,
      wallNow: () => context.clock.wallNow(),
    };
    this.#outbox = new Outbox(origin, config, this.#entries, { firstContact: opening.firstContact });
    this.#listings = new Listings(this.#entries, this.#outbox, deps.counters);
    this.#fetches = new SectionFetches(deps, args, context, this.#entries, this.#outbox);
    this.#telling = new Telling(deps, args, context, this.#outbox, opening);
    this.#health = new HostHealth(config, opening.hostState, context.clock.now());
    this.#identity = new HostIdentityGuard(opening.hostUuid);
    this.#backoff = new Backoff({ initialMs: config.pollIntervalMs, maxMs: config.backoffMaxMs }, deps.random);
    this.#phaseMs = hash32(args.host.id) % config.pollIntervalMs;
    pumpHints(args.fetcher, context, deps.counters);
    this.#startPoll();
  }

  handle(message: HostMessage): void {
    if ('life' in message && message.life !== this.#context.signal) return;
    switch (message.kind) {
      case 'poll':
        this.#startPoll();
        break;
      case 'polled':
        this.#polled(message.poll, message.stats);
        break;
      case 'poll-failed':
        this.#pollFailed(message.error);
        break;
      case 'described':
        this.#described(message.description);
        break;
      case 'sections':
        this.#sectionsFetched(message);
        break;
      case 'hint':
        this.#hinted(message.hint);
        break;
      case 'flush':
        this.#telling.pump();
        break;
      case 'published':
        this.#telling.published(message.outcomes);
        break;
      default:
        this.#asked(message);
    }
  }

  #asked(request: HostRequest): void {
    switch (request.kind) {
      case 'mark':
        this.#mark = Math.max(this.#mark, request.mark);
        this.#startPoll();
        break;
      case 'snapshot':
        if (this.#telling.snapshotDue) break; // one follows by itself, once there is a listing to tell
        this.#outbox.requestSnapshot(this.#observation('resync'));
        this.#telling.pump();
        break;
      case 'documents':
        this.#fetches.askDocuments(request.vms);
        break;
      case 'superseded':
        if (request.epoch >= this.#opening.epoch) throw new VedetteError('VDT_MONITOR_SUPERSEDED');
        break;
      case 'drain':
        this.#context.cancelTimer('poll');
        this.#telling.drain(request.reply);
    }
  }

  // ---- Polling -----------------------------------------------------------------------------------------------

  #startPoll(): void {
    if (this.#telling.draining) return;
    if (this.#polling) {
      this.#pollAgain = true;
      this.#deps.counters.pollsSkipped++;
      return;
    }
    this.#polling = true;
    this.#pollAgain = false;
    this.#deps.counters.polls++;
    const poll = { number: ++this.#polls, mark: this.#mark };
    const { pollTimeoutMs } = this.#deps.config;
    const { since } = this.#listings;
    const options = {
      timeoutMs: pollTimeoutMs,
      signal: this.#context.signal,
      ...(since === undefined ? {} : { since }),
    };
    const { self, signal } = this.#context;
    this.#args.fetcher.runtimeStats(options).then(
      (stats) => self.offer({ kind: 'polled', life: signal, poll, stats }),
      (error: unknown) => self.offer({ kind: 'poll-failed', life: signal, error }),
    );
  }

  /** At the host's own phase, so that thousands of hosts spread evenly and stay where they are. */
  #scheduleNextPoll(): void {
    if (this.#telling.draining) return;
    if (this.#pollAgain) {
      this.#startPoll();
      return;
    }
    const { pollIntervalMs } = this.#deps.config;
    if (this.#health.failures > 0) {
      this.#context.setTimer('poll', { kind: 'poll' }, this.#backoff.nextDelayMs());
      return;
    }
    this.#backoff.reset();
    const sincePhaseMs = (this.#context.clock.now() - this.#phaseMs + pollIntervalMs) % pollIntervalMs;
    this.#context.setTimer('poll', { kind: 'poll' }, pollIntervalMs - sincePhaseMs);
  }

  #pollFailed(error: unknown): void {
    this.#polling = false;
    this.#deps.counters.pollFailures++;
    this.#unobservable(failureReason(error));
    this.#scheduleNextPoll();
    this.#telling.pump();
  }

  /** The host could not be seen: its reachability may change, no register does (I2). */
  #unobservable(reason: string): void {
    this.#announce(this.#health.failed(this.#context.clock.now(), reason, this.#entries.size), 'poll');
  }

  #polled(poll: PollUnderWay, stats: RuntimeStats): void {
    this.#polling = false;
    const verdict = this.#identity.check(stats);
    if (verdict.kind === 'believe') this.#listed(poll, stats);
    else if (verdict.kind === 'ask-again') this.#askAgain();
    else this.#conflicting(verdict.reason);
    this.#scheduleNextPoll();
    this.#telling.pump();
  }

  #askAgain(): void {
    this.#listings.askWhole();
    this.#pollAgain = true;
  }

  #conflicting(reason: string): void {
    this.#deps.counters.identityConflicts++;
    this.#listings.askWhole();
    const nowMs = this.#context.clock.now();
    this.#announce(this.#health.judged(`identity_conflict: ${reason}`, nowMs) ?? this.#health.answered(nowMs), 'poll');
  }

  #listed(poll: PollUnderWay, stats: RuntimeStats): void {
    const nowMs = this.#context.clock.now();
    const observation = this.#observation('poll');
    this.#proved(nowMs);
    const { pollAgain, answers } = this.#listings.take(poll.number, stats, observation);
    if (pollAgain) this.#pollAgain = true;
    this.#args.proof.vms = this.#entries.size;
    if (answers) this.#telling.answer(poll.mark);
    if (this.#describedBoot !== stats.boot) this.#describe(stats.boot);
    this.#fetches.fetchWanted();
    if (stats.complete && this.#telling.snapshotDue) this.#trySnapshot();
  }

  #proved(nowMs: number): void {
    const first = !this.#listedOnce;
    this.#listedOnce = true;
    this.#args.proof.provedMs = nowMs;
    const unfit = this.#description?.unfit ?? '';
    this.#announce(this.#health.judged(unfit, nowMs) ?? this.#health.answered(nowMs), 'poll');
    if (first) this.#deps.onProof(this.#args.proof);
  }

  // ---- Hints -------------------------------------------------------------------------------------------------

  #hinted(hint: Hint): void {
    this.#deps.counters.hints++;
    if (hint.kind === 'poll') {
      this.#startPoll();
      return;
    }
    // Before the first listing nobody knows whose rows these are (identity), nor what they add to.
    if (!this.#listedOnce) {
      this.#startPoll();
      return;
    }
    const poll = { number: this.#polls, underWay: this.#polling };
    this.#listings.takeHinted(hint.rows, poll, this.#observation('push'));
    this.#fetches.fetchWanted();
    this.#telling.pump();
  }

  // ---- Sections ----------------------------------------------------------------------------------------------

  #sectionsFetched(fetched: SectionsFetched): void {
    this.#fetches.fetched(fetched);
    if (this.#telling.snapshotDue) this.#trySnapshot();
    this.#telling.pump();
  }

  /** The first snapshot tells names and addresses too: it waits for the first sections, or for their failure. */
  #trySnapshot(): void {
    if (this.#fetches.underWay && this.#opening.firstContact) return;
    this.#telling.tellDueSnapshot();
  }

  // ---- The host itself ---------------------------------------------------------------------------------------

  #describe(boot: string): void {
    this.#describedBoot = boot;
    const { self, signal } = this.#context;
    this.#args.fetcher.describe({ timeoutMs: this.#deps.config.pollTimeoutMs, signal }).then(
      (description) => self.offer({ kind: 'described', life: signal, description }),
      (error: unknown) => {
        this.#deps.logger.debug({ host: this.#args.host.id, err: error }, 'host not described');
        self.offer({ kind: 'described', life: signal, description: undefined });
      },
    );
  }

  #described(description: HostDescription | undefined): void {
    if (description === undefined) {
      this.#describedBoot = undefined; // asked again at the next listing
      return;
    }
    this.#description = description;
    this.#announce(this.#health.judged(description.unfit, this.#context.clock.now()), 'poll');
    this.#telling.pump();
  }

  #announce(change: ReturnType<HostHealth['answered']>, via: 'poll'): void {
    if (change === undefined) return;
    const { hostUuid } = this.#identity;
    const announced: HostHealthChange = {
      ...change,
      ...this.#observation(via),
      vms: this.#entries.size,
      ...(hostUuid === undefined ? {} : { hostUuid }),
      ...(this.#description === undefined ? {} : { capabilities: this.#description.capabilities }),
    };
    this.#deps.logger.info(
      { host: this.#args.host.id, from: change.from, to: change.to, reason: change.reason },
      'host state',
    );
    this.#outbox.observeHost(announced);
  }

  #observation(via: Observation['via']): Observation {
    return observedNow(this.#context.clock, via);
  }
}
