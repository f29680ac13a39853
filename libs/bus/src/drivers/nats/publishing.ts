import type { Msg } from '@nats-io/transport-node';
import { type Timer, VedetteError } from '@vedette/runtime';
import { oversize } from '../../checks.ts';
import type { CallOptions, OutgoingMessage, PublishOutcome } from '../../port.ts';
import { type Linked, LinkedList } from '../memory/linked-list.ts';
import type { Waiting } from './inbox.ts';
import { ApiFault, apiCodes, readAnswer } from './jetstream.ts';
import type { Link } from './link.ts';
import type { NatsLimits } from './options.ts';
import type { Storage } from './storage.ts';
import { messageIdHeaders, replyKinds } from './wire.ts';

const stored: PublishOutcome = Object.freeze({ status: 'stored' });

/** One call of `publish` until all of its messages have an outcome. */
class PublishJob implements Linked<PublishJob> {
  previous: PublishJob | undefined = undefined;
  next: PublishJob | undefined = undefined;
  readonly messages: readonly OutgoingMessage[];
  readonly outcomes: PublishOutcome[];
  /** The first message that was not yet sent. */
  cursor = 0;
  /** Messages without an outcome. */
  missing: number;
  readonly sent = new Set<SentMessage>();
  waiting: { readonly resolve: () => void; readonly timer: Timer; readonly stopListening: () => void } | undefined;

  constructor(messages: readonly OutgoingMessage[]) {
    this.messages = messages;
    this.outcomes = new Array<PublishOutcome>(messages.length);
    this.missing = messages.length;
  }

  settle(at: number, outcome: PublishOutcome): void {
    this.outcomes[at] = outcome;
    this.missing--;
  }
}

/** One message on its way to the stream. */
class SentMessage implements Waiting {
  readonly job: PublishJob;
  readonly at: number;
  readonly bytes: number;
  number = 0;
  readonly #lane: PublishLane;

  constructor(lane: PublishLane, job: PublishJob, at: number, bytes: number) {
    this.#lane = lane;
    this.job = job;
    this.at = at;
    this.bytes = bytes;
  }

  get subject(): string {
    return (this.job.messages[this.at] as OutgoingMessage).subject;
  }

  onReply(message: Msg): void {
    this.#lane.onAnswer(this, outcomeOf(message));
  }

  /** The lane ends its jobs itself. */
  fail(): undefined {
    return undefined;
  }
}

/**
 * The publishes of one connection, sent in the order of their calls and not one by one: as many as the limits allow are
 * on their way at once, and the stream keeps their order. One that fails while later ones are on their way already may
 * be stored after them when it is sent again (B1).
 */
export class PublishLane {
  readonly #link: Link;
  readonly #limits: NatsLimits;
  readonly #storage: Storage;
  /** Jobs with messages not yet sent, in order. */
  readonly #held = new LinkedList<PublishJob>();
  #heldMessages = 0;
  /** Jobs with everything sent, some of it not yet answered. */
  readonly #unanswered = new LinkedList<PublishJob>();
  #pendingAcks = 0;
  #pendingBytes = 0;
  #onEmpty: (() => void) | undefined;
  /** Called when the stream does not answer although it should. */
  readonly #onNoStream: () => void;

  constructor(link: Link, limits: NatsLimits, storage: Storage, onNoStream: () => void) {
    this.#link = link;
    this.#limits = limits;
    this.#storage = storage;
    this.#onNoStream = onNoStream;
  }

  /** See `Bus.publish`; subjects and options were checked. */
  async publish(messages: readonly OutgoingMessage[], options: CallOptions): Promise<readonly PublishOutcome[]> {
    const job = new PublishJob(messages);
    if (!this.#link.connected) fill(job, new VedetteError('VDT_BUS_DISCONNECTED'));
    else if (this.#held.size > 0 && this.#heldMessages + messages.length > this.#limits.maxWaitingMessages) {
      const message = `${this.#heldMessages} messages wait for the broker already`;
      fill(job, new VedetteError('VDT_BUS_FULL', { message, action: 'publish less at once; look at the broker' }));
    } else {
      this.#hold(job);
      this.#pump();
      if (job.missing > 0) await this.#wait(job, options);
    }
    this.#count(job);
    return job.outcomes;
  }

  /** Ends every publish under way: what has no outcome is in doubt. */
  giveUp(error: VedetteError): void {
    for (const job of [...this.#unanswered, ...this.#held]) this.#abandon(job, error);
  }

  /** The broker said that it lets nobody like us publish to this subject. */
  refuse(subject: string): void {
    const message = `the broker does not let this client publish to ${subject}`;
    const error = new VedetteError('VDT_BUS_REFUSED', { message });
    for (const job of [...this.#unanswered, ...this.#held]) {
      for (const sent of [...job.sent]) if (sent.subject === subject) this.onAnswer(sent, { status: 'refused', error });
    }
  }

  /** Resolves when no publish is under way. */
  empty(): Promise<void> {
    if (this.#held.size + this.#unanswered.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  onAnswer(sent: SentMessage, outcome: PublishOutcome): void {
    const { job } = sent;
    this.#forget(sent);
    if (outcome.status === 'in_doubt' && VedetteError.is(outcome.error, 'VDT_BUS_UNAVAILABLE')) this.#onNoStream();
    job.settle(sent.at, outcome);
    if (job.missing === 0) this.#finish(job);
    this.#pump();
  }

  // ---- Sending -----------------------------------------------------------------------------------------------

  #hold(job: PublishJob): void {
    this.#held.append(job);
    this.#heldMessages += job.messages.length;
  }

  #pump(): void {
    for (let job = this.#held.first; job !== undefined; job = this.#held.first) {
      while (job.cursor < job.messages.length) {
        const message = job.messages[job.cursor] as OutgoingMessage;
        if (!this.#hasRoom(message)) return;
        this.#send(job, message);
        job.cursor++;
        this.#heldMessages--;
      }
      this.#held.remove(job);
      this.#unanswered.append(job);
      if (job.missing === 0) this.#finish(job);
    }
  }

  #hasRoom({ payload }: OutgoingMessage): boolean {
    if (this.#pendingAcks === 0) return true;
    if (this.#pendingAcks >= this.#limits.maxPendingAcks) return false;
    return this.#pendingBytes + payload.byteLength <= this.#limits.maxPendingBytes;
  }

  #send(job: PublishJob, message: OutgoingMessage): void {
    const { subject, id, payload } = message;
    const error = oversize(payload, this.#link.maxPayloadBytes) ?? this.#notKept(subject);
    if (error !== undefined) {
      job.settle(job.cursor, { status: 'refused', error });
      return;
    }
    const sent = new SentMessage(this, job, job.cursor, payload.byteLength);
    sent.number = this.#link.inbox.register(sent);
    const reply = this.#link.inbox.replyTo(replyKinds.store, sent.number, 0);
    try {
      this.#link.publish(subject, payload, { reply, headers: messageIdHeaders(id) });
    } catch (cause) {
      this.#link.inbox.forget(sent.number);
      const why = `with its id of ${id.length} characters the message is larger than the broker takes`;
      job.settle(job.cursor, {
        status: 'refused',
        error: new VedetteError('VDT_BUS_PAYLOAD_TOO_LARGE', { message: why, cause }),
      });
      return;
    }
    job.sent.add(sent);
    this.#pendingAcks++;
    this.#pendingBytes += sent.bytes;
  }

  #notKept(subject: string): VedetteError | undefined {
    if (this.#storage.keeps(subject)) return undefined;
    const { name, subjects } = this.#storage.options;
    return new VedetteError('VDT_BUS_REFUSED', {
      message: `stream ${name} does not keep ${subject}, only ${subjects.join(' ')}`,
      action: 'send it as a volatile message, or add its subject to the stream (stream.subjects)',
    });
  }

  #forget(sent: SentMessage): void {
    this.#link.inbox.forget(sent.number);
    sent.job.sent.delete(sent);
    this.#pendingAcks--;
    this.#pendingBytes -= sent.bytes;
  }

  // ---- The end of a job --------------------------------------------------------------------------------------

  #wait(job: PublishJob, options: CallOptions): Promise<void> {
    const { timeoutMs, signal } = options;
    return new Promise((resolve) => {
      const end = (error: VedetteError): void => {
        this.#abandon(job, error);
        this.#pump();
      };
      const onAbort = (): void => end(new VedetteError('VDT_BUS_CANCELLED', { cause: signal?.reason }));
      signal?.addEventListener('abort', onAbort, { once: true });
      const message = `the broker did not confirm within ${timeoutMs} ms`;
      const timer = this.#link.clock.setTimer(() => end(new VedetteError('VDT_BUS_DEADLINE', { message })), timeoutMs);
      job.waiting = { resolve, timer, stopListening: () => signal?.removeEventListener('abort', onAbort) };
    });
  }

  #abandon(job: PublishJob, error: VedetteError): void {
    for (const sent of [...job.sent]) this.#forget(sent);
    const unsent = job.messages.length - job.cursor;
    if (unsent > 0) {
      this.#held.remove(job);
      this.#heldMessages -= unsent;
      job.cursor = job.messages.length;
      this.#unanswered.append(job);
    }
    fill(job, error);
    this.#finish(job);
  }

  #finish(job: PublishJob): void {
    this.#unanswered.remove(job);
    job.waiting?.timer.cancel();
    job.waiting?.stopListening();
    job.waiting?.resolve();
    if (this.#held.size + this.#unanswered.size > 0) return;
    this.#onEmpty?.();
    this.#onEmpty = undefined;
  }

  #count(job: PublishJob): void {
    for (const { status } of job.outcomes) {
      if (status === 'stored') this.#link.counters.published++;
      else this.#link.counters.publishFailed++;
    }
  }
}

/** Puts in doubt whatever of the job has no outcome. */
function fill(job: PublishJob, error: VedetteError): void {
  for (let at = 0; at < job.messages.length; at++) {
    if (job.outcomes[at] === undefined) job.settle(at, { status: 'in_doubt', error });
  }
}

// ---- What the broker answered --------------------------------------------------------------------------------

function outcomeOf(message: Msg): PublishOutcome {
  if (message.headers?.code === 503) {
    const why = 'no stream answers: it has no leader at this moment, or was removed';
    return { status: 'in_doubt', error: new VedetteError('VDT_BUS_UNAVAILABLE', { message: why }) };
  }
  try {
    const { seq } = readAnswer<{ readonly seq?: number }>(message.data);
    // nats-server 2.10 calls a repetition of what no majority has yet a duplicate, of no sequence.
    return seq === 0 ? notYetStored : stored;
  } catch (error) {
    return error instanceof ApiFault ? outcomeOfFault(error) : unreadable(error);
  }
}

const notYetStored: PublishOutcome = Object.freeze({
  status: 'in_doubt',
  error: new VedetteError('VDT_BUS_UNAVAILABLE', { message: 'the stream has the message, and no majority of it yet' }),
});

const noRoom: readonly number[] = [
  apiCodes.storeFailed,
  apiCodes.insufficientStorage,
  apiCodes.insufficientResources,
  apiCodes.memoryExceeded,
];

function outcomeOfFault(fault: ApiFault): PublishOutcome {
  const { message } = fault;
  if (fault.code === apiCodes.messageTooLarge) {
    return { status: 'refused', error: new VedetteError('VDT_BUS_PAYLOAD_TOO_LARGE', { message, cause: fault }) };
  }
  if (noRoom.includes(fault.code)) {
    const action = 'look at which group does not acknowledge, and at the size of the stream; send again later';
    return { status: 'in_doubt', error: new VedetteError('VDT_BUS_FULL', { message, action, cause: fault }) };
  }
  if (fault.status < 500) {
    return { status: 'refused', error: new VedetteError('VDT_BUS_REFUSED', { message, cause: fault }) };
  }
  return { status: 'in_doubt', error: new VedetteError('VDT_BUS_UNAVAILABLE', { message, cause: fault }) };
}

function unreadable(cause: unknown): PublishOutcome {
  const message = 'what the broker answered cannot be read';
  return { status: 'in_doubt', error: new VedetteError('VDT_BUS_UNAVAILABLE', { message, cause }) };
}
