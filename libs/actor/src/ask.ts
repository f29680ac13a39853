import { type Clock, type Timer, VedetteError } from '@vedette/runtime';
import './errors.ts';

/** Where the answer to one question goes; travels inside the message, may be kept and used after the handler ended. */
export interface Reply<R> {
  /** Answers. False, and counted as a late reply, when nobody waits any more or an answer was given before. */
  send(value: R): boolean;
  /** Answers with an error, which the asker's promise rejects with. False as for {@link send}. */
  fail(error: unknown): boolean;
}

export interface AskOptions {
  /** How long to wait for the answer, time in the mailbox included. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The questions put to one actor that have no answer yet. Made at the first of them. */
export class AskBook {
  readonly #actor: { readonly path: string };
  #open: Set<Ask> | undefined;
  /** Answers that came when nobody waited any more, ever. */
  lateReplies = 0;

  constructor(actor: { readonly path: string }) {
    this.#actor = actor;
  }

  get path(): string {
    return this.#actor.path;
  }

  get openAsks(): number {
    return this.#open?.size ?? 0;
  }

  add(ask: Ask): void {
    this.#open ??= new Set();
    this.#open.add(ask);
  }

  delete(ask: Ask): void {
    this.#open?.delete(ask);
    if (this.#open?.size === 0) this.#open = undefined;
  }

  /** Gives up every open question, or only those whose message was handed to the behaviour, or was not yet. */
  giveUp(which: 'all' | 'taken' | 'queued', error: VedetteError): void {
    if (this.#open === undefined) return;
    for (const ask of [...this.#open]) {
      if (which === 'all' || ask.taken === (which === 'taken')) ask.giveUp(error);
    }
  }
}

/** One question: an entry of the mailbox, and the patience of its asker. */
export class Ask {
  /** What the behaviour is handed. */
  readonly message: unknown;
  /** Whether it has been handed over. */
  taken = false;
  readonly #book: AskBook;
  readonly #signal: AbortSignal | undefined;
  readonly #answer = Promise.withResolvers<unknown>();
  #timer: Timer | undefined;
  #closed = false;

  /** Makes the message; what `question` throws is thrown here. */
  constructor(book: AskBook, question: (reply: Reply<never>) => unknown, signal: AbortSignal | undefined) {
    this.#book = book;
    this.#signal = signal;
    this.message = question(new ReplyPort(this));
  }

  /** Begins to wait: from here until it is closed it holds one timer, one abort listener and its place in the book. */
  open(clock: Clock, timeoutMs: number): Promise<unknown> {
    if (this.#closed) return this.#answer.promise;
    this.#book.add(this);
    this.#timer = clock.setTimer(() => {
      const message = `${this.#book.path} did not answer within ${timeoutMs} ms`;
      this.giveUp(new VedetteError('VDT_ACTOR_ASK_DEADLINE', { message }));
    }, timeoutMs);
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    return this.#answer.promise;
  }

  /** Notes that the behaviour is handed the message; false if nobody waits for the answer any more. */
  take(): boolean {
    this.taken = true;
    return !this.#closed;
  }

  answer(value: unknown): boolean {
    if (!this.#close()) return this.#late();
    this.#answer.resolve(value);
    return true;
  }

  answerWithError(error: unknown): boolean {
    return this.giveUp(error) || this.#late();
  }

  /** Gives it up because its message lost its place in the mailbox. */
  drop(): void {
    if (this.#closed) return;
    const message = `the message to ${this.#book.path} was dropped before it was handled`;
    this.giveUp(new VedetteError('VDT_ACTOR_MESSAGE_DROPPED', { message }));
  }

  /** Lets the asker's promise reject; false, and nothing else, if it was closed before. */
  giveUp(error: unknown): boolean {
    if (!this.#close()) return false;
    this.#answer.reject(error);
    return true;
  }

  readonly #onAbort = (): void => {
    this.giveUp(this.#signal?.reason);
  };

  #late(): false {
    this.#book.lateReplies++;
    return false;
  }

  #close(): boolean {
    if (this.#closed) return false;
    this.#closed = true;
    this.#timer?.cancel();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#book.delete(this);
    return true;
  }
}

/** What travels in the message. Not the mailbox's entry itself: it may be sent on as a message of its own. */
class ReplyPort implements Reply<unknown> {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  send(value: unknown): boolean {
    return this.#ask.answer(value);
  }

  fail(error: unknown): boolean {
    return this.#ask.answerWithError(error);
  }
}
