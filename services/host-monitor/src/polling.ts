import type { ActorContext } from '@vedette/actor';
import type { RuntimeStats } from '@vedette/fetcher';
import { Backoff, hash32 } from '@vedette/runtime';
import { stretchedIntervalMs } from './config.ts';
import { HeartBeats } from './heart-beats.ts';
import type { HostActorArgs, HostActorDeps } from './host-actor-args.ts';
import type { HostMessage } from './host-messages.ts';
import type { GateTicket } from './listing-gate.ts';
import { untilTurnMs } from './phases.ts';

/** What of its host decides when the next poll is due. */
export interface PolledHost {
  /** What the next poll may take as known; undefined: it must list the whole. */
  readonly since: { readonly boot: string; readonly rev: number } | undefined;
  /** Attempts that failed since the last good answer. */
  readonly failures: number;
  /** Nobody waits for a listing, and nothing is missing that only the next one would bring. */
  readonly content: boolean;
}

/**
 * When one host is polled, and the poll itself.
 *
 * L1. One poll is under way at a time. One that is wanted meanwhile follows at once, whatever the number of wishes.
 * L2. A host that answers is polled at its own turn, so that thousands of hosts spread evenly and stay where they are;
 *     one that does not, after a backoff with jitter.
 * L3. While heart-beats prove the state (B1) and the host is content, its turn comes rarely; it is polled again at once
 *     when they stop, and at the ordinary rhythm from then on. Never without heart-beats, nor after a failure.
 * L4. A poll out of turn needs a place in the monitor's budget, a whole listing one in its gate: no number of hosts that
 *     want the same in the same instant makes a herd. The first poll of a run needs the gate only. A place is given
 *     back when the sections that the listing made wanted have come too.
 *
 * Outcomes, a place in the gate and the timer `poll` come back as messages of the actor.
 */
export class Polling {
  readonly #deps: HostActorDeps;
  readonly #args: HostActorArgs;
  readonly #context: ActorContext<HostMessage>;
  readonly #host: PolledHost;
  readonly #beats: HeartBeats | undefined;
  readonly #backoff: Backoff;
  readonly #hash: number;
  readonly #rareMs: number;
  #asked = 0;
  #underWay = false;
  #again = false;
  /** Waited for, or held by the poll under way. */
  #place: GateTicket | undefined;
  /** Held by what the last whole listing led to. */
  #kept: GateTicket | undefined;
  /** When the next poll is due, monotonic; the timer may come earlier, to look after the heart-beats. */
  #dueMs = 0;
  /** The wait after a failure was cut short. */
  #hastened = false;
  #ended = false;

  constructor(deps: HostActorDeps, args: HostActorArgs, context: ActorContext<HostMessage>, host: PolledHost) {
    const { config, random } = deps;
    const { heartBeats, push } = args.fetcher.capabilities;
    this.#deps = deps;
    this.#args = args;
    this.#context = context;
    this.#host = host;
    this.#rareMs = stretchedIntervalMs(config);
    this.#beats = heartBeats && push ? new HeartBeats(config.heartBeatMs) : undefined;
    this.#backoff = new Backoff({ initialMs: config.pollIntervalMs, maxMs: config.backoffMaxMs }, random);
    this.#hash = hash32(args.host.id);
    args.proof.stretched = false;
  }

  /** The last poll begun, and whether its answer is still to come. */
  get last(): { readonly number: number; readonly underWay: boolean } {
    return { number: this.#asked, underWay: this.#underWay };
  }

  /** The first poll of this run. */
  begin(): void {
    this.#begin();
  }

  /** Somebody wants to know now: polls at once, or at the host's own turn where too many want it (L4). */
  atOnce(): void {
    if (this.#ended || this.#place?.state === 'waiting') return;
    if (this.#underWay) {
      this.#again = true;
      this.#deps.counters.pollsSkipped++;
      return;
    }
    if (this.#deps.atOnce.take(this.#context.clock.now())) {
      this.#begin();
      return;
    }
    this.#deps.counters.pollsPutOff++;
    this.#waitForTurn();
  }

  /** The answer did not settle everything: another poll follows it. */
  wantAgain(): void {
    this.#again = true;
  }

  /** The timer `poll`; one that was set before a poll began means nothing any more. */
  due(): void {
    if (this.#ended || this.#underWay || this.#place !== undefined) return;
    const nowMs = this.#context.clock.now();
    if (!this.#args.proof.stretched || nowMs >= this.#dueMs) {
      this.#begin();
      return;
    }
    if (this.#stopped(nowMs)) {
      this.#deps.counters.heartBeatsMissed++;
      this.#args.proof.stretched = false;
      this.atOnce();
    } else this.#waitRarely(nowMs, this.#dueMs);
  }

  /** A place in the gate. */
  granted(place: GateTicket): void {
    if (place !== this.#place || this.#ended) this.#deps.gate.leave(place);
    else this.#ask();
  }

  /** The poll under way has ended, well or not. */
  cameBack(): void {
    this.#underWay = false;
    this.#kept = this.#place;
    this.#place = undefined;
  }

  /** Nothing that a listing led to is under way any more. */
  giveWay(): void {
    if (this.#kept !== undefined) this.#deps.gate.leave(this.#kept);
    this.#kept = undefined;
  }

  /** After everything that a poll's answer says was taken in: what comes next. */
  next(): void {
    if (this.#ended) return;
    this.#hastened = false;
    if (this.#host.failures > 0) {
      this.#args.proof.stretched = false;
      if (this.#again) this.atOnce();
      else this.#setTimer(this.#backoff.nextDelayMs());
      return;
    }
    this.#backoff.reset();
    if (this.#again) this.atOnce();
    else this.#schedule();
  }

  /** The host is content no longer, or is again: its next turn may be another one. */
  review(): void {
    if (this.#beats === undefined || !this.#isWaiting || this.#host.failures > 0) return;
    const rare = this.#mayWait(this.#context.clock.now());
    if (rare !== this.#args.proof.stretched) this.#schedule();
  }

  /**
   * While polls are rare: has the host polled before something is told that only polls bring. Returns whether an
   * answer is on its way.
   */
  freshen(): boolean {
    if (!this.#args.proof.stretched || this.#ended) return false;
    if (!this.#underWay && this.#place === undefined) this.#begin();
    return true;
  }

  // ---- Heart-beats -------------------------------------------------------------------------------------------

  /** A heart-beat came. Returns whether it proves the state, as a poll without changes would. */
  beat(): boolean {
    if (this.#beats === undefined) return false;
    this.#deps.counters.heartBeats++;
    this.#beats.beat(this.#context.clock.now());
    if (this.#host.failures > 0) this.hasten();
    else if (!this.#args.proof.stretched) this.review();
    return this.#beats.prove;
  }

  /** Hints were lost, or nobody knows any more whose they are. */
  lost(): void {
    this.#beats?.lost(this.#asked);
    this.#args.proof.stretched = false;
  }

  /** The answer to that poll was believed and taken in. */
  listed(poll: number): void {
    this.#beats?.listed(poll);
  }

  /** There is hope again for a host that does not answer: its next attempt is at its own turn, not after the backoff. */
  hasten(): void {
    if (this.#hastened || !this.#isWaiting || this.#host.failures === 0) return;
    this.#hastened = true;
    this.#backoff.reset();
    this.#waitForTurn();
  }

  /** No poll is begun any more. */
  end(): void {
    this.#ended = true;
    this.#args.proof.stretched = false;
    this.#context.cancelTimer('poll');
    if (this.#place?.state === 'waiting') this.#deps.gate.leave(this.#place);
    this.giveWay();
  }

  // ---- Waiting -----------------------------------------------------------------------------------------------

  get #isWaiting(): boolean {
    return !this.#ended && !this.#underWay && this.#place === undefined;
  }

  #stopped(nowMs: number): boolean {
    return this.#beats === undefined || nowMs >= this.#beats.stopMs;
  }

  /** L3 */
  #mayWait(nowMs: number): boolean {
    if (this.#beats === undefined || !this.#beats.prove || this.#stopped(nowMs)) return false;
    return this.#rareMs > this.#deps.config.pollIntervalMs && this.#host.content;
  }

  #schedule(): void {
    const nowMs = this.#context.clock.now();
    if (this.#mayWait(nowMs)) {
      this.#args.proof.stretched = true;
      this.#waitRarely(nowMs, nowMs + untilTurnMs(this.#hash, this.#rareMs, nowMs));
    } else this.#waitForTurn();
  }

  #waitRarely(nowMs: number, dueMs: number): void {
    this.#dueMs = dueMs;
    const stopMs = this.#beats?.stopMs ?? dueMs;
    this.#setTimer(Math.min(dueMs, stopMs) - nowMs);
  }

  #waitForTurn(): void {
    this.#args.proof.stretched = false;
    this.#setTimer(untilTurnMs(this.#hash, this.#deps.config.pollIntervalMs, this.#context.clock.now()));
  }

  #setTimer(delayMs: number): void {
    this.#context.setTimer('poll', { kind: 'poll' }, delayMs);
  }

  // ---- The poll ----------------------------------------------------------------------------------------------

  #begin(): void {
    if (this.#ended) return;
    this.#again = false;
    this.giveWay();
    if (this.#host.since !== undefined) {
      this.#ask();
      return;
    }
    const { self, signal } = this.#context;
    const place: GateTicket = this.#deps.gate.enter(() => self.offer({ kind: 'granted', life: signal, place }));
    this.#place = place;
    if (place.state === 'held') this.#ask();
  }

  #ask(): void {
    this.#underWay = true;
    this.#deps.counters.polls++;
    const poll = { number: ++this.#asked, mark: this.#args.proof.heardMark };
    const { since } = this.#host;
    const { self, signal } = this.#context;
    const options = {
      timeoutMs: this.#deps.config.pollTimeoutMs,
      signal,
      ...(since === undefined ? {} : { since }),
    };
    this.#args.fetcher.runtimeStats(options).then(
      (stats: RuntimeStats) => self.offer({ kind: 'polled', life: signal, poll, stats }),
      (error: unknown) => self.offer({ kind: 'poll-failed', life: signal, error }),
    );
  }
}
