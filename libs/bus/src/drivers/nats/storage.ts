import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { matchSubject } from '@vedette/model';
import { type Clock, VedetteError } from '@vedette/runtime';
import { ApiFault, apiCodes, type JetStreamApi, nanos } from './jetstream.ts';
import type { NatsStreamOptions } from './options.ts';

/** Between two tries while the broker has no leader yet. */
const retryMs = 250;

/** The two streams of a bus: what is published, and what nobody could handle. */
export class Storage {
  readonly options: NatsStreamOptions;
  readonly deadLetterName: string;
  /** In front of group and subject of a dead letter; ends with a dot. */
  readonly deadLetterBase: string;
  readonly #api: JetStreamApi;
  readonly #clock: Clock;
  #ensuring: Promise<void> | undefined;

  constructor(options: NatsStreamOptions, api: JetStreamApi, clock: Clock) {
    this.options = options;
    this.deadLetterName = `${options.name}-DEAD`;
    this.deadLetterBase = `_VDT.dead.${options.name}.`;
    this.#api = api;
    this.#clock = clock;
  }

  get name(): string {
    return this.options.name;
  }

  /** Whether a message of this subject is kept. */
  keeps(subject: string): boolean {
    for (const pattern of this.options.subjects) if (matchSubject(pattern, subject)) return true;
    return false;
  }

  /**
   * Makes both streams, or makes them as configured; waits for a broker that has no leader yet. One at a time.
   *
   * @throws VedetteError VDT_BUS_BROKER without JetStream, VDT_BUS_STORAGE, VDT_BUS_UNAVAILABLE,
   *   VDT_BUS_DISCONNECTED
   */
  ensure(timeoutMs: number): Promise<void> {
    this.#ensuring ??= this.#ensure(timeoutMs).finally(() => {
      this.#ensuring = undefined;
    });
    return this.#ensuring;
  }

  async #ensure(timeoutMs: number): Promise<void> {
    const endMs = this.#clock.now() + timeoutMs;
    for (;;) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one try after the other
        await this.#ensureOnce();
        return;
      } catch (error) {
        const final = explain(error);
        if (!final.retryable || final.code === 'VDT_BUS_DISCONNECTED') throw final;
        if (this.#clock.now() + retryMs >= endMs) throw final;
      }
      // oxlint-disable-next-line no-await-in-loop -- as above
      await this.#clock.sleep(retryMs);
    }
  }

  async #ensureOnce(): Promise<void> {
    try {
      await this.#api.ask('INFO');
    } catch (error) {
      throw noJetStream(error) ?? error;
    }
    await this.#ensureStream(this.#mainConfig());
    await this.#ensureStream(this.#deadLetterConfig());
  }

  async #ensureStream(wanted: Partial<StreamConfig> & { readonly name: string }): Promise<void> {
    const found = await this.#find(wanted.name);
    if (found === undefined) await this.#create(wanted);
    else if (this.options.manage) await this.#adapt(found, wanted);
  }

  async #find(name: string): Promise<StreamConfig | undefined> {
    try {
      const { config } = await this.#api.ask<StreamInfo>(`STREAM.INFO.${name}`);
      return config;
    } catch (error) {
      if (ApiFault.is(error, apiCodes.streamNotFound)) return undefined;
      throw error;
    }
  }

  async #create(wanted: Partial<StreamConfig> & { readonly name: string }): Promise<void> {
    if (!this.options.manage) {
      throw new VedetteError('VDT_BUS_STORAGE', {
        message: `there is no stream ${wanted.name}, and this client is not to make it (stream.manage)`,
      });
    }
    try {
      await this.#api.ask(`STREAM.CREATE.${wanted.name}`, wanted);
    } catch (error) {
      if (!ApiFault.is(error, apiCodes.streamNameInUse))
        throw storageError(`stream ${wanted.name} cannot be made`, error);
      const found = await this.#find(wanted.name); // somebody else was quicker
      if (found !== undefined) await this.#adapt(found, wanted);
    }
  }

  async #adapt(found: StreamConfig, wanted: Partial<StreamConfig> & { readonly name: string }): Promise<void> {
    const differing = Object.entries(wanted).filter(
      ([name, value]) => JSON.stringify(found[name as keyof StreamConfig]) !== JSON.stringify(value),
    );
    if (differing.length === 0) return;
    try {
      await this.#api.ask(`STREAM.UPDATE.${wanted.name}`, { ...found, ...wanted });
    } catch (error) {
      const names = differing.map(
        ([name, value]) =>
          `${name} ${JSON.stringify(found[name as keyof StreamConfig])} instead of ${JSON.stringify(value)}`,
      );
      throw storageError(`stream ${wanted.name} exists with ${names.join(', ')}`, error);
    }
  }

  #mainConfig(): Partial<StreamConfig> & { readonly name: string } {
    const { name, subjects, retention, maxAgeMs, maxBytes, dedupWindowMs, persistMode } = this.options;
    return {
      ...this.#commonConfig(),
      name,
      subjects: [...subjects],
      retention,
      // What is full in `interest` is full of what somebody still needs.
      discard: retention === 'interest' ? 'new' : 'old',
      max_age: nanos(maxAgeMs),
      max_bytes: maxBytes,
      duplicate_window: nanos(dedupWindowMs),
      ...(persistMode !== undefined && { persist_mode: persistMode }),
    };
  }

  #deadLetterConfig(): Partial<StreamConfig> & { readonly name: string } {
    const { dedupWindowMs, deadLetterMaxAgeMs, deadLetterMaxBytes } = this.options;
    return {
      ...this.#commonConfig(),
      name: this.deadLetterName,
      subjects: [`${this.deadLetterBase}>`],
      retention: 'limits',
      discard: 'old',
      max_age: nanos(deadLetterMaxAgeMs),
      max_bytes: deadLetterMaxBytes,
      duplicate_window: nanos(dedupWindowMs),
    };
  }

  #commonConfig(): Partial<StreamConfig> {
    return { storage: this.options.storage, num_replicas: this.options.replicas };
  }
}

function noJetStream(error: unknown): VedetteError | undefined {
  const missing =
    ApiFault.is(error, apiCodes.notEnabled, apiCodes.notEnabledForAccount) ||
    VedetteError.is(error, 'VDT_BUS_NO_RESPONDERS');
  if (!missing) return undefined;
  return new VedetteError('VDT_BUS_BROKER', {
    message: 'the broker, or the account of this client, has no JetStream',
    action: 'start nats-server with JetStream (-js) and enable it for the account',
    cause: error,
  });
}

/** 503 is a broker in trouble of its own, which passes; anything else is about what was asked. */
function storageError(what: string, error: unknown): unknown {
  if (!(error instanceof ApiFault)) return error;
  if (error.status === 503) return error;
  return new VedetteError('VDT_BUS_STORAGE', { message: `${what}: ${error.message}`, cause: error });
}

function explain(error: unknown): VedetteError {
  if (VedetteError.is(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new VedetteError('VDT_BUS_UNAVAILABLE', {
    message: `the streams cannot be looked at: ${message}`,
    cause: error,
  });
}
