import type { ActorContext, Reply } from '@vedette/actor';
import type { PublishOutcome } from '@vedette/bus';
import { Backoff } from '@vedette/runtime';
import type { Opening } from '@vedette/store';
import type { HostActorArgs, HostActorDeps } from './host-actor-args.ts';
import type { DrainOutcome, HostMessage } from './host-messages.ts';
import { observedNow } from './knowledge.ts';
import type { Outbox } from './outbox.ts';

/**
 * Publishes what one host's outbox holds, and says when all of it is told: by echoing marks, and at the end.
 *
 * A4. A mark is echoed when a complete listing begun after it has been told and acknowledged.
 *
 * Outcomes and the timer `flush` come back as messages of the actor: {@link published} and {@link pump}.
 */
export class Telling {
  readonly #deps: HostActorDeps;
  readonly #args: HostActorArgs;
  readonly #context: ActorContext<HostMessage>;
  readonly #outbox: Outbox;
  readonly #epoch: number;
  readonly #publishBackoff: Backoff;
  #publishing = false;
  /** Answered by a listing, not yet told: its version is that of the last event before the echo. */
  #answeredMark = 0;
  #snapshotDue: boolean;
  readonly #draining: Reply<DrainOutcome>[] = [];

  constructor(
    deps: HostActorDeps,
    args: HostActorArgs,
    context: ActorContext<HostMessage>,
    outbox: Outbox,
    opening: Opening,
  ) {
    this.#deps = deps;
    this.#args = args;
    this.#context = context;
    this.#outbox = outbox;
    this.#epoch = opening.epoch;
    this.#publishBackoff = new Backoff({ initialMs: 50, maxMs: 2_000 }, deps.random);
    this.#snapshotDue = opening.firstContact || !opening.cleanEnd;
  }

  /** The snapshot that this run owes was not asked of the outbox yet. */
  get snapshotDue(): boolean {
    return this.#snapshotDue;
  }

  /** The highest mark that a listing answered, whether it is told already or not. */
  get answeredMark(): number {
    return this.#answeredMark;
  }

  /** It was asked to end. */
  get draining(): boolean {
    return this.#draining.length > 0;
  }

  /** Has the outbox tell the snapshot that is due. */
  tellDueSnapshot(): void {
    this.#snapshotDue = false;
    this.#outbox.requestSnapshot(observedNow(this.#context.clock, 'poll'));
  }

  /** A listing answered this mark: it is echoed once what the listing brought is told. */
  answer(mark: number): void {
    this.#answeredMark = Math.max(this.#answeredMark, mark);
  }

  /** Replies when everything observed is told. */
  drain(reply: Reply<DrainOutcome>): void {
    this.#draining.push(reply);
    this.pump();
  }

  /** Sends what there is to send; one publish at a time (A2). */
  pump(): void {
    if (this.#publishing) return;
    const { bus, config, counters } = this.#deps;
    const { clock, self, signal } = this.#context;
    const messages = this.#outbox.nextBatch(clock.now(), observedNow(clock, 'resync'));
    if (messages.length === 0) {
      this.#idle();
      return;
    }
    this.#publishing = true;
    bus.publish(messages, { timeoutMs: config.publishTimeoutMs, signal }).then(
      (outcomes) => self.offer({ kind: 'published', life: signal, outcomes }),
      (error: unknown) => {
        const doubt = error instanceof Error ? error : new Error(String(error));
        self.offer({
          kind: 'published',
          life: signal,
          outcomes: messages.map(() => ({ status: 'in_doubt', error: doubt })),
        });
      },
    );
    counters.events += messages.length;
  }

  /** Takes in what became of the publish under way, and sends what is next. */
  published(outcomes: readonly PublishOutcome[]): void {
    this.#publishing = false;
    for (const outcome of outcomes) {
      if (outcome.status !== 'refused') continue;
      this.#deps.counters.refused++;
      this.#deps.logger.error(
        { host: this.#args.host.id, err: outcome.error },
        'event refused for good; a snapshot follows',
      );
    }
    const inDoubt = this.#outbox.settle(outcomes);
    if (inDoubt) this.#deps.counters.publishFailures++;
    // What replaces a refused event may be refused as well: it must not go round at full speed.
    if (inDoubt || outcomes.some(({ status }) => status === 'refused')) {
      if (this.#outbox.settled) this.#allTold();
      this.#context.setTimer('flush', { kind: 'flush' }, this.#publishBackoff.nextDelayMs());
      return;
    }
    this.#publishBackoff.reset();
    this.#args.proof.snapshotTold ||= !this.#snapshotDue;
    this.pump();
  }

  /** Echoes the mark that was answered, and ends what waits for the end. */
  #allTold(): void {
    const echoed = this.#args.proof.echoed?.mark ?? 0;
    if (this.#answeredMark > echoed) {
      this.#args.proof.echoed = { mark: this.#answeredMark, version: this.#outbox.version };
      this.#deps.onProof(this.#args.proof);
    }
    for (const reply of this.#draining.splice(0)) reply.send({ clean: !this.#snapshotDue, epoch: this.#epoch });
  }

  /** Nothing can be sent now: come back for what is held back, if anything is. */
  #idle(): void {
    if (this.#outbox.settled) {
      this.#allTold();
      return;
    }
    const dueMs = this.#outbox.nextFlushMs();
    if (dueMs === undefined || this.#outbox.inFlight > 0) return;
    this.#context.setTimer('flush', { kind: 'flush' }, Math.max(0, dueMs - this.#context.clock.now()));
  }
}
