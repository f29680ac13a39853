import type { Behaviour } from '../src/index.ts';

/** What is sent. Made once and sent again and again, so that neither side's figure contains its making. */
export interface Sample {
  readonly amount: number;
}

/** Counts the handled messages of one round, for both sides alike. */
export class Round {
  #left = 0;
  #finished = Promise.withResolvers<void>();

  begin(messages: number): Promise<void> {
    this.#left = messages;
    this.#finished = Promise.withResolvers<void>();
    return this.#finished.promise;
  }

  handledOne(): void {
    if (--this.#left === 0) this.#finished.resolve();
  }
}

/** The least a handler does: change its own state. */
export class SyncHandler implements Behaviour<Sample> {
  #sum = 0;
  readonly #round: Round;

  constructor(round: Round) {
    this.#round = round;
  }

  handle(sample: Sample): void {
    this.#sum += sample.amount;
    this.#round.handledOne();
  }

  get sum(): number {
    return this.#sum;
  }
}

/** The same behind one promise that is ready at once. */
export class AsyncHandler implements Behaviour<Sample> {
  #sum = 0;
  readonly #round: Round;

  constructor(round: Round) {
    this.#round = round;
  }

  async handle(sample: Sample): Promise<void> {
    this.#sum += sample.amount;
    this.#round.handledOne();
  }

  get sum(): number {
    return this.#sum;
  }
}
