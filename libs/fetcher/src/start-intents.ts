import type { StartOutcome, StartRequest } from './host-port.ts';

/** Intents remembered, the oldest forgotten first. */
const DEFAULT_LIMIT = 4_096;

interface Intent {
  readonly vm: string;
  readonly outcome: Promise<StartOutcome>;
}

/**
 * The starts that one process carried out, by their intents: the same intent is answered again, and carried out once
 * (I8). A start that rejected is forgotten: nobody knows what came of it, so whoever asks again has to look first.
 * It remembers as long as it lives; what must outlive a restart is for its owner to keep.
 */
export class StartIntents {
  readonly #limit: number;
  readonly #intents = new Map<string, Intent>();

  constructor(options: { readonly limit?: number } = {}) {
    this.#limit = options.limit ?? DEFAULT_LIMIT;
  }

  /**
   * The outcome of the intent, of whoever asked first.
   *
   * @param carryOut begins the start unless it is too late; not bound to the deadline of whoever asks, so that one who
   *   asks again after his own deadline learns what came of it
   */
  answer(
    { vm, intentId, notAfter }: StartRequest,
    wallNowMs: number,
    carryOut: () => Promise<StartOutcome>,
  ): Promise<StartOutcome> {
    const held = this.#intents.get(intentId);
    if (held !== undefined) return held.vm === vm ? held.outcome : Promise.resolve(ofAnother(held.vm));
    const inTime = wallNowMs <= Date.parse(notAfter); // not for what is no time
    const outcome = inTime ? carryOut() : Promise.resolve(expired(notAfter));
    const intent = { vm, outcome };
    this.#intents.set(intentId, intent);
    outcome.catch(() => {
      if (this.#intents.get(intentId) === intent) this.#intents.delete(intentId);
    });
    if (this.#intents.size > this.#limit) this.#intents.delete(this.#intents.keys().next().value ?? '');
    return outcome;
  }
}

function expired(notAfter: string): StartOutcome {
  return { outcome: 'expired', detail: `not begun after ${notAfter}` };
}

function ofAnother(vm: string): StartOutcome {
  return { outcome: 'refused', detail: `this intent is that of ${vm}` };
}
