import { Worker } from 'node:worker_threads';
import { Semaphore, VedetteError } from '@vedette/runtime';
import '../../errors.ts';
import { errorOf } from './faults.ts';
import { closeRequest, openRequest, type ThreadReply, type ThreadRequest } from './messages.ts';

export interface ThreadOptions {
  /** The entry of the thread. */
  readonly entry: URL;
  /** Requests handed to the thread at once; the others wait here. */
  readonly inFlight: number;
  /** Requests that may wait; the next one is refused with VDT_STORE_BUSY. */
  readonly maxWaiting: number;
}

interface Call {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** One thread, asked by messages and answering each once; opens one file after another. */
export class Thread {
  readonly #worker: Worker;
  readonly #calls = new Map<number, Call>();
  readonly #turns: Semaphore;
  #lastId = 0;
  #lost: VedetteError | undefined;
  /** Calls of {@link ask} that have not settled yet. */
  #asking = 0;
  #allAnswered: (() => void) | undefined;

  constructor({ entry, inFlight, maxWaiting }: ThreadOptions) {
    this.#turns = new Semaphore({ permits: inFlight, maxWaiting });
    this.#worker = new Worker(entry);
    this.#worker.on('message', (reply: ThreadReply) => this.#answered(reply));
    this.#worker.on('error', (cause) => this.#ended(cause));
    this.#worker.on('exit', (code) => this.#ended(new Error(`the thread ended with code ${code}`)));
  }

  /** Whether it can be asked at all. */
  get alive(): boolean {
    return this.#lost === undefined;
  }

  /** Opens a file; resolves with what the thread found there, rejects with why it could not. */
  open<T>(file: { readonly path: string }): Promise<T> {
    return this.#send(openRequest, JSON.stringify([file]));
  }

  /** @throws VedetteError what the thread answers, VDT_STORE_BUSY, VDT_STORE_WORKER_LOST */
  async ask<T>(name: string, args: readonly unknown[]): Promise<T> {
    this.#asking++;
    try {
      const text = JSON.stringify(args);
      using _turn = await this.#turn();
      return await this.#send<T>(name, text);
    } finally {
      if (--this.#asking === 0) this.#allAnswered?.();
    }
  }

  /** Closes the file once everything asked before is answered. A lost thread holds none any more. */
  async close(): Promise<void> {
    if (this.#asking > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#allAnswered = resolve;
      await promise;
    }
    if (this.alive) await this.#send(closeRequest, '[]');
  }

  /** Ends the thread. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  async #turn(): Promise<Disposable> {
    try {
      return await this.#turns.acquire();
    } catch (cause) {
      throw new VedetteError('VDT_STORE_BUSY', { cause });
    }
  }

  #send<T>(name: string, args: string): Promise<T> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const request: ThreadRequest = { id: ++this.#lastId, name, args };
    return new Promise<T>((resolve, reject) => {
      this.#calls.set(request.id, { resolve: resolve as Call['resolve'], reject });
      this.#worker.postMessage(request);
    });
  }

  #answered(reply: ThreadReply): void {
    const call = this.#calls.get(reply.id);
    this.#calls.delete(reply.id);
    if ('error' in reply) call?.reject(errorOf(reply.error));
    else call?.resolve(reply.result as never);
  }

  #ended(cause: Error): void {
    this.#lost ??= new VedetteError('VDT_STORE_WORKER_LOST', { cause });
    for (const call of this.#calls.values()) call.reject(this.#lost);
    this.#calls.clear();
  }
}
