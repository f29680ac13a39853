import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { CheckpointRequest } from './checkpoint-thread.ts';
import { Prepared } from './statements.ts';

/** What the thread is at, in the cell that both threads share. */
export const checkpointState = { idle: 0, working: 1, ended: 2 } as const;

/** Pages written ahead before they are moved into the file: 32 MiB, so that a page changed often is moved once. */
export const pagesWrittenAhead = 8_192;
/** The thread gets this long to end: longer than moving 256 MiB takes on a slow disk. */
const endWithinMs = 60_000;

/**
 * The log of what is written ahead, moved into the file by a thread of its own: random writes and a wait for the disk
 * would otherwise hold up a batch every few thousand events. The thread begins when the log is long for the first time.
 *
 * C1. While batches come without a pause the log is never moved to its end, and so grows. At
 *     {@link mostPagesWrittenAhead} the writing connection moves the little that is left itself, and begins it anew.
 * C2. A thread that fails costs nothing but that: what it could not move stays in the log.
 */
export class Checkpoints implements Disposable {
  readonly #path: string;
  readonly #length: Prepared;
  readonly #state = new Int32Array(new SharedArrayBuffer(4));
  #worker: Worker | undefined;

  constructor(database: DatabaseSync, path: string) {
    this.#path = path;
    this.#length = new Prepared(database, 'PRAGMA wal_checkpoint(NOOP)');
  }

  /** A transaction was committed. */
  committed(): void {
    if (Atomics.load(this.#state, 0) !== checkpointState.idle) return;
    const [, pages, moved] = this.#length.get() as readonly [busy: number, pages: number, moved: number];
    if (pages - moved < pagesWrittenAhead) return;
    Atomics.store(this.#state, 0, checkpointState.working);
    this.#worker ??= this.#start();
    this.#worker.postMessage('move' satisfies CheckpointRequest);
  }

  /** Waits until the thread has let go of the file. */
  [Symbol.dispose](): void {
    if (this.#worker === undefined) return;
    this.#worker.postMessage('end' satisfies CheckpointRequest);
    for (;;) {
      const state = Atomics.load(this.#state, 0);
      if (state === checkpointState.ended || Atomics.wait(this.#state, 0, state, endWithinMs) === 'timed-out') break;
    }
    this.#worker = undefined;
  }

  #start(): Worker {
    const workerData = { path: this.#path, state: this.#state };
    const worker = new Worker(new URL('./checkpoint-thread.ts', import.meta.url), { workerData });
    worker.unref();
    // C2; the state tells whoever waits for its end.
    worker.on('error', () => this.#lost());
    return worker;
  }

  #lost(): void {
    Atomics.store(this.#state, 0, checkpointState.ended);
    Atomics.notify(this.#state, 0);
  }
}

/** 256 MiB. */
export const mostPagesWrittenAhead = 8 * pagesWrittenAhead;
