import type { AsyncHandler, Sample, SyncHandler } from './workload.ts';

/** Both sides leave the event loop to others after this many messages. */
const MESSAGES_PER_SLICE = 8192;

/** One target: its handler, and an array of which the first `count` places hold waiting messages. */
export interface Target<H> {
  readonly handler: H;
  readonly messages: (Sample | undefined)[];
  count: number;
  ready: boolean;
}

/**
 * What actors are measured against: the least that hands messages to many targets, in order, one at a time for each.
 *
 * Every target has an array of messages and stands in a list of ready targets while the array is not empty. The list is
 * worked off by the primitives the actors use: a microtask at first, then `setImmediate` after every slice. There is
 * no bound, no counter, no fairness, no context, no failure handling, no question, no timer and no stop; a rejected
 * promise would end the process. Arrays keep their places when they are emptied: of the forms tried (`shift`,
 * `length = 0`, a new array) this is the fastest.
 */
export abstract class BareQueues<H> {
  readonly targets: Target<H>[];
  #ready: Target<H>[] = [];
  #awake = false;

  constructor(handlers: readonly H[]) {
    this.targets = handlers.map((handler) => ({ handler, messages: [], count: 0, ready: false }));
  }

  cast(target: Target<H>, message: Sample): void {
    target.messages[target.count++] = message;
    if (target.ready) return;
    target.ready = true;
    this.#ready.push(target);
    if (this.#awake) return;
    this.#awake = true;
    queueMicrotask(this.#run);
  }

  /** Hands over what waits, and what is cast meanwhile; returns how many messages waited. */
  protected abstract drain(target: Target<H>): number;

  readonly #run = (): void => {
    const ready = this.#ready;
    this.#ready = [];
    let left = MESSAGES_PER_SLICE;
    let at = 0;
    while (at < ready.length && left > 0) left -= this.drain(ready[at++] as Target<H>);
    if (at < ready.length) this.#ready = ready.slice(at).concat(this.#ready);
    this.#awake = this.#ready.length > 0;
    if (this.#awake) setImmediate(this.#run);
  };
}

export class BareSyncQueues extends BareQueues<SyncHandler> {
  protected override drain(target: Target<SyncHandler>): number {
    const { messages, handler } = target;
    for (let at = 0; at < target.count; at++) {
      handler.handle(messages[at] as Sample);
      messages[at] = undefined;
    }
    const { count } = target;
    target.count = 0;
    target.ready = false;
    return count;
  }
}

export class BareAsyncQueues extends BareQueues<AsyncHandler> {
  protected override drain(target: Target<AsyncHandler>): number {
    const { count } = target;
    void this.#drainInOrder(target);
    return count;
  }

  async #drainInOrder(target: Target<AsyncHandler>): Promise<void> {
    const { messages, handler } = target;
    for (let at = 0; at < target.count; at++) {
      await handler.handle(messages[at] as Sample);
      messages[at] = undefined;
    }
    target.count = 0;
    target.ready = false;
  }
}
