import type { StartOutcome, StartRequest } from '@vedette/fetcher';
import { VedetteError } from '@vedette/runtime';
import '../errors.ts';
import type { IntentFile, IntentRecord } from './intent-file.ts';

/**
 * The starts asked of the hosts of one process, by intent; the same intent is answered, not repeated (I8).
 *
 * S1. A start is written down before it is begun, and again with its outcome before it is answered. One that was begun
 *     when the agent ended is never begun again: it is told as refused, for whoever asks to look.
 * S2. One that the source rejected is forgotten: nobody knows what came of it, and the driver looks before it starts.
 * S3. Bounded: the oldest that are past their `notAfter` make room, since they cannot be begun again; where there is
 *     none, a new start is refused.
 */
export class Intents {
  readonly #file: IntentFile;
  readonly #limit: number;
  readonly #records = new Map<string, IntentRecord>();
  readonly #underWay = new Map<string, Promise<StartOutcome>>();
  #saving: Promise<void> = Promise.resolve();
  #saveDue: Promise<void> | undefined;

  constructor(file: IntentFile, limit: number) {
    this.#file = file;
    this.#limit = limit;
  }

  /** To be called once, before {@link answer}. @throws VedetteError VDT_AGENT_STATE_FILE */
  async load(): Promise<void> {
    for (const record of await this.#file.load()) this.#records.set(keyOf(record.host, record.intentId), record);
  }

  /**
   * @param carryOut starts the VM; not bound to the deadline of whoever asks
   * @throws VedetteError VDT_AGENT_STARTS_FULL, VDT_AGENT_STATE_FILE (nothing was begun); what `carryOut` throws
   */
  answer(
    host: string,
    request: StartRequest,
    wallNowMs: number,
    carryOut: () => Promise<StartOutcome>,
  ): Promise<StartOutcome> {
    const key = keyOf(host, request.intentId);
    const underWay = this.#underWay.get(key);
    const held = this.#records.get(key);
    if (held !== undefined && held.vm !== request.vm) return Promise.resolve(ofAnother(held.vm));
    if (underWay !== undefined) return underWay;
    if (held !== undefined) return Promise.resolve(outcomeOf(held));
    // Not for what is no time either.
    if (!(wallNowMs <= Date.parse(request.notAfter))) return Promise.resolve(expired(request.notAfter));
    const outcome = this.#carryOut(key, { host, ...request }, wallNowMs, carryOut).finally(() => {
      this.#underWay.delete(key);
    });
    this.#underWay.set(key, outcome);
    return outcome;
  }

  async #carryOut(
    key: string,
    begun: IntentRecord,
    wallNowMs: number,
    carryOut: () => Promise<StartOutcome>,
  ): Promise<StartOutcome> {
    this.#makeRoom(wallNowMs);
    this.#records.set(key, begun);
    try {
      await this.#save();
      const outcome = await carryOut();
      this.#records.set(key, { ...begun, outcome: outcome.outcome, detail: outcome.detail.slice(0, 4_096) });
      // Where it cannot be written down the file says `begun`, which is never repeated either.
      await this.#save().catch(() => undefined);
      return outcome;
    } catch (error) {
      this.#records.delete(key);
      await this.#save().catch(() => undefined);
      throw error;
    }
  }

  #makeRoom(wallNowMs: number): void {
    if (this.#records.size < this.#limit) return;
    for (const [key, { notAfter }] of this.#records) {
      if (this.#underWay.has(key) || wallNowMs <= Date.parse(notAfter)) continue;
      this.#records.delete(key);
      return;
    }
    throw new VedetteError('VDT_AGENT_STARTS_FULL');
  }

  /** Many that come while the file is being written share the next writing. */
  #save(): Promise<void> {
    this.#saveDue ??= this.#saving.then(() => {
      this.#saveDue = undefined;
      const saved = this.#file.save([...this.#records.values()]);
      this.#saving = saved.catch(() => undefined); // told to whoever waits for it
      return saved;
    });
    return this.#saveDue;
  }
}

function keyOf(host: string, intentId: string): string {
  return `${host}\n${intentId}`;
}

function outcomeOf({ outcome, detail = '' }: IntentRecord): StartOutcome {
  if (outcome !== undefined) return { outcome, detail };
  return {
    outcome: 'refused',
    detail: 'it was begun before the agent restarted, and what came of it is not known: look, and use a new intent',
  };
}

function expired(notAfter: string): StartOutcome {
  return { outcome: 'expired', detail: `not begun after ${notAfter}` };
}

function ofAnother(vm: string): StartOutcome {
  return { outcome: 'refused', detail: `this intent is that of ${vm}` };
}
