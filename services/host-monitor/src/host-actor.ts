import { type ActorContext, type ActorDefinition, type Behaviour, defineActor } from '@vedette/actor';
import type { Hint, RuntimeStats } from '@vedette/fetcher';
import { escapeToken } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import type { Opening } from '@vedette/store';
import { Describing } from './describing.ts';
import { pumpHints } from './hint-pump.ts';
import type { HostActorArgs, HostActorDeps } from './host-actor-args.ts';
import { HostHealth, type HostHealthChange } from './host-health.ts';
import type { HostMessage, HostOutcome, HostRequest, PollUnderWay, SectionsFetched } from './host-messages.ts';
import { HostIdentityGuard } from './identity.ts';
import { type Observation, observedNow, takeOpening } from './knowledge.ts';
import { Listings } from './listing.ts';
import { Outbox } from './outbox.ts';
import { type PolledHost, Polling } from './polling.ts';
import { failureReason, isBusAway } from './reasons.ts';
import { Samples } from './samples.ts';
import { SectionFetches } from './section-fetches.ts';
import { Telling } from './telling.ts';
import { HostVMs } from './vm-table/index.ts';

/**
 * One host, watched: polls, hints and sections come in, events go out.
 *
 * A1. The observer's epoch and registers come from the store once, at the start; no database in the loop (I1).
 * A2. One poll, one fetch per section group, one question for samples of each kind and one publish are under way at a
 *     time; each has its own deadline and none waits for another, so that a hung agent delays nothing but itself (I6).
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
  /** Without its VMs: they are in the entries, and there are many of them. */
  readonly #opening: Pick<Opening, 'epoch' | 'firstContact' | 'hostState'>;
  readonly #entries: HostVMs;
  readonly #outbox: Outbox;
  readonly #listings: Listings;
  readonly #fetches: SectionFetches;
  readonly #telling: Telling;
  readonly #samples: Samples;
  readonly #describing: Describing;
  readonly #health: HostHealth;
  readonly #identity: HostIdentityGuard;
  readonly #polling: Polling;
  /** When a listing of this run was last believed; monotonic. */
  #listedMs: number | undefined;
  /** It is the turn of the samples, which wait for a poll under way. */
  #sampleDue = false;
  /** The last answer was the host's own. While it was not, hinted rows and descriptions are somebody else's too (I2). */
  #believed = false;

  constructor(deps: HostActorDeps, args: HostActorArgs, context: ActorContext<HostMessage>, opening: Opening) {
    const { config } = deps;
    this.#deps = deps;
    this.#args = args;
    this.#context = context;
    const { epoch, firstContact, hostState } = opening;
    this.#opening = { epoch, firstContact, hostState };
    this.#entries = new HostVMs(deps.vms);
    takeOpening(this.#entries, opening);
    const origin = {
      host: args.host.id,
      epoch: opening.epoch,
      source: `/vedette/host-monitor/${escapeToken(deps.member)}`,
      wallNow: () => context.clock.wallNow(),
    };
    this.#outbox = new Outbox(origin, config, this.#entries, { firstContact: opening.firstContact });
    this.#listings = new Listings(this.#entries, this.#outbox, deps.counters, context.clock);
    this.#fetches = new SectionFetches(deps, args, context, this.#entries, this.#outbox);
    this.#telling = new Telling(deps, args, context, this.#outbox, opening);
    this.#samples = new Samples(deps, args, context, this.#entries, opening.epoch);
    this.#describing = new Describing(deps, args, context);
    this.#health = new HostHealth(config, opening.hostState, context.clock.now());
    this.#identity = new HostIdentityGuard(opening.hostUuid);
    this.#polling = new Polling(deps, args, context, this.#polled());
    this.#reportSight();
    pumpHints(args.fetcher, context, deps.counters);
    this.#polling.begin();
  }

  handle(message: HostMessage): void {
    if ('life' in message && message.life !== this.#context.signal) return;
    this.#handle(message);
    // Nobody else holds an entry: none is to be told, in doubt or asked for.
    if (this.#outbox.settled && !this.#fetches.underWay) this.#entries.rest(this.#context.clock.now());
  }

  dispose(): void {
    this.#entries.clear();
  }

  #handle(message: HostMessage): void {
    switch (message.kind) {
      case 'poll':
        this.#polling.due();
        break;
      case 'sample':
        this.#sampleDue = true;
        if (!this.#polling.freshen()) this.#sample();
        break;
      case 'describe':
        this.#describing.again();
        break;
      case 'hint':
        this.#hinted(message.hint);
        break;
      case 'flush':
        this.#telling.pump();
        break;
      default:
        if ('life' in message) this.#cameBack(message);
        else this.#asked(message);
    }
  }

  #cameBack(outcome: HostOutcome): void {
    switch (outcome.kind) {
      case 'granted':
        this.#polling.granted(outcome.place);
        break;
      case 'polled':
        this.#answered(outcome.poll, outcome.stats);
        break;
      case 'poll-failed':
        this.#pollFailed(outcome.error);
        break;
      case 'described':
        this.#described(outcome);
        break;
      case 'sections':
        this.#sectionsFetched(outcome);
        break;
      case 'published':
        this.#telling.published(outcome.outcomes);
        break;
      case 'host-sampled':
        this.#samples.hostSampled(outcome.sample, outcome.error);
        break;
      case 'devices-sampled':
        this.#samples.devicesSampled(outcome.devices, outcome.error);
    }
  }

  #asked(request: HostRequest): void {
    switch (request.kind) {
      case 'mark':
        this.#polling.atOnce();
        break;
      case 'hope':
        this.#polling.hasten();
        break;
      case 'snapshot':
        if (this.#telling.snapshotDue) break; // one follows by itself, once there is a listing to tell
        this.#outbox.requestSnapshot(this.#observation('resync'));
        this.#telling.pump();
        break;
      case 'documents':
        this.#fetches.askDocuments(request.vms);
        this.#polling.review();
        break;
      case 'superseded':
        if (request.epoch >= this.#opening.epoch) throw new VedetteError('VDT_MONITOR_SUPERSEDED');
        break;
      case 'drain':
        for (const timer of ['sample', 'describe']) this.#context.cancelTimer(timer);
        this.#polling.end();
        this.#sampleDue = false;
        this.#telling.drain(request.reply);
    }
  }

  // ---- Polling -----------------------------------------------------------------------------------------------

  /** What decides when the next poll is due. */
  #polled(): PolledHost {
    const [listings, health, telling, fetches] = [this.#listings, this.#health, this.#telling, this.#fetches];
    const { proof } = this.#args;
    return {
      get since() {
        return listings.since;
      },
      get failures() {
        return health.failures;
      },
      get content() {
        const marksAnswered = proof.heardMark <= telling.answeredMark;
        return listings.since !== undefined && marksAnswered && !telling.snapshotDue && fetches.content;
      },
    };
  }

  /** The poll's outcome was taken in. */
  #pollEnded(): void {
    this.#reportSight();
    if (!this.#fetches.underWay) this.#polling.giveWay();
    this.#polling.next();
    if (this.#sampleDue) this.#sample();
    this.#telling.pump();
  }

  #sample(): void {
    this.#sampleDue = false;
    this.#samples.sample(this.#believed, this.#listedMs ?? Number.NEGATIVE_INFINITY);
  }

  #pollFailed(error: unknown): void {
    this.#polling.cameBack();
    this.#deps.counters.pollFailures++;
    const { sight } = this.#deps;
    sight.look();
    const { sightedMs } = sight;
    if (sightedMs === undefined || isBusAway(error)) {
      this.#deps.counters.blindFailures++;
      this.#health.failedUnseen();
    } else {
      const reason = failureReason(error);
      this.#unobservable(reason, sightedMs);
      if (this.#health.counted === 1) this.#logOutage(reason, error);
    }
    this.#pollEnded();
  }

  /** Once an outage, for whoever set the host up: the fleet is told only after the grace. */
  #logOutage(reason: string, error: unknown): void {
    const about = { host: this.#args.host.id, reason };
    if (VedetteError.is(error)) {
      this.#deps.logger.warn({ ...about, action: error.action }, 'the host does not answer; it is asked again');
    } else this.#deps.logger.error({ ...about, err: error }, 'the host could not be asked; it is asked again');
  }

  /** The host could not be seen: its reachability may change, no register does (I2). */
  #unobservable(reason: string, sightedMs: number): void {
    this.#announce(this.#health.failed(this.#context.clock.now(), reason, this.#entries.size, sightedMs), 'poll');
  }

  /** What the monitor as a whole makes of failures (I2). */
  #reportSight(): void {
    this.#args.inSight.report(this.#health.inSight, this.#health.failures > 0);
  }

  #answered(poll: PollUnderWay, stats: RuntimeStats): void {
    this.#polling.cameBack();
    const verdict = this.#identity.check(stats);
    this.#believed = verdict.kind === 'believe';
    if (verdict.kind === 'believe') this.#listed(poll, stats);
    else if (verdict.kind === 'ask-again') this.#askAgain();
    else this.#conflicting(verdict.reason);
    this.#pollEnded();
  }

  #askAgain(): void {
    this.#listings.askWhole();
    this.#polling.lost();
    this.#polling.wantAgain();
  }

  #conflicting(reason: string): void {
    this.#deps.counters.identityConflicts++;
    this.#listings.askWhole();
    this.#polling.lost();
    const nowMs = this.#context.clock.now();
    this.#announce(this.#health.judged(`identity_conflict: ${reason}`, nowMs) ?? this.#health.answered(nowMs), 'poll');
  }

  #listed(poll: PollUnderWay, stats: RuntimeStats): void {
    const nowMs = this.#context.clock.now();
    const observation = this.#observation('poll');
    const first = this.#listedMs === undefined;
    this.#listedMs = nowMs;
    this.#proved(nowMs, first);
    const { pollAgain, answers } = this.#listings.take(poll.number, stats, observation);
    if (pollAgain) this.#polling.wantAgain();
    this.#polling.listed(poll.number);
    this.#args.proof.vms = this.#entries.size;
    if (answers) this.#telling.answer(poll.mark);
    this.#describing.listed(stats.boot);
    this.#fetches.listed(poll.number);
    if (stats.complete && this.#telling.snapshotDue) this.#trySnapshot();
  }

  #proved(nowMs: number, first: boolean): void {
    this.#args.proof.provedMs = nowMs;
    this.#judge(nowMs);
    if (!first) return;
    this.#samples.schedule();
    this.#deps.onProof(this.#args.proof);
  }

  /** The host has just answered. Its first state ever waits for its description, which is told with it. */
  #judge(nowMs: number): void {
    const { unfit = '' } = this.#describing.description ?? {};
    if (this.#opening.hostState === undefined && !this.#describing.answered) this.#health.seen(nowMs);
    else this.#announce(this.#health.judged(unfit, nowMs) ?? this.#health.answered(nowMs), 'poll');
  }

  // ---- Hints -------------------------------------------------------------------------------------------------

  #hinted(hint: Hint): void {
    if (hint.kind === 'alive') {
      this.#alive();
      return;
    }
    this.#deps.counters.hints++;
    if (hint.kind === 'poll') {
      this.#polling.lost();
      this.#polling.atOnce();
      return;
    }
    // Before the first listing nobody knows whose rows these are (identity), nor what they add to.
    if (!this.#believed) {
      this.#polling.atOnce();
      return;
    }
    this.#listings.takeHinted(hint.rows, this.#polling.last, this.#observation('push'));
    this.#fetches.fetchWanted();
    this.#polling.review();
    this.#telling.pump();
  }

  /** A heart-beat proves as much as a poll without changes, of a host whose state is known. */
  #alive(): void {
    const proves = this.#polling.beat();
    if (!proves || !this.#believed) return;
    const nowMs = this.#context.clock.now();
    this.#args.proof.provedMs = nowMs;
    this.#health.alive(nowMs);
  }

  // ---- Sections ----------------------------------------------------------------------------------------------

  #sectionsFetched(fetched: SectionsFetched): void {
    this.#fetches.fetched(fetched);
    if (!this.#fetches.underWay) this.#polling.giveWay();
    this.#polling.review();
    if (this.#telling.snapshotDue) this.#trySnapshot();
    this.#telling.pump();
  }

  /** The first snapshot tells names and addresses too: it waits for the first sections, or for their failure. */
  #trySnapshot(): void {
    if (this.#fetches.underWay && this.#opening.firstContact) return;
    this.#telling.tellDueSnapshot();
  }

  // ---- The host itself ---------------------------------------------------------------------------------------

  #described({ boot, description }: Extract<HostOutcome, { readonly kind: 'described' }>): void {
    const first = !this.#describing.answered;
    const isNew = this.#describing.described(boot, description, this.#identity.hostUuid);
    if (!this.#believed || !(isNew || first)) return;
    const { unfit = '' } = this.#describing.description ?? {};
    this.#announce(this.#health.judged(unfit, this.#context.clock.now()), 'poll');
    this.#telling.pump();
  }

  #announce(change: ReturnType<HostHealth['answered']>, via: 'poll'): void {
    if (change === undefined) return;
    const { hostUuid } = this.#identity;
    const { description } = this.#describing;
    const announced: HostHealthChange = {
      ...change,
      ...this.#observation(via),
      vms: this.#entries.size,
      ...(hostUuid === undefined ? {} : { hostUuid }),
      ...(description === undefined ? {} : { capabilities: description.capabilities }),
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
