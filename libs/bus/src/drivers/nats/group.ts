import type { ConsumerConfig, ConsumerInfo, StreamInfo } from '@nats-io/jetstream';
import { matchSubject } from '@vedette/model';
import { type Clock, VedetteError } from '@vedette/runtime';
import type { ConsumeOptions } from '../../port.ts';
import { collide, disjointCover } from './filters.ts';
import { ApiFault, apiCodes, type JetStreamApi, nanos } from './jetstream.ts';
import type { NatsLimits } from './options.ts';
import type { Storage } from './storage.ts';

/** Where the patterns of a group are written: its filters may be a cover of them only. */
const patternsKey = 'vedette-patterns';

/** How long a broker without a leader is waited for, and how often it is asked. */
const ensureTimeoutMs = 20_000;
const retryMs = 250;

/** A durable group: a durable pull consumer of the stream, named like it. */
export class Group {
  readonly name: string;
  readonly #patterns: readonly string[];
  readonly #filters: readonly string[];
  readonly #from: 'beginning' | 'new';
  readonly #api: JetStreamApi;
  readonly #storage: Storage;
  readonly #limits: NatsLimits;

  /** @throws VedetteError VDT_BUS_USAGE for a pattern that nothing durable can match */
  constructor(options: ConsumeOptions, storage: Storage, limits: NatsLimits, api: JetStreamApi) {
    this.name = options.group;
    this.#patterns = [...new Set(options.patterns)].sort();
    this.#from = options.from ?? 'new';
    this.#filters = disjointCover(this.#patterns);
    this.#storage = storage;
    this.#limits = limits;
    this.#api = api;
    for (const pattern of this.#patterns) {
      if (storage.options.subjects.some((subject) => collide(subject, pattern))) continue;
      throw new VedetteError('VDT_BUS_USAGE', {
        message: `nothing that stream ${storage.name} keeps can match ${pattern}`,
        action: 'subscribe to it as volatile, or add its subjects to the stream (stream.subjects)',
      });
    }
  }

  /** Whether a message that the broker's filters let through is for this group. */
  wants(subject: string): boolean {
    if (this.#filters.length === this.#patterns.length) return true; // then they are the patterns themselves
    return this.#patterns.some((pattern) => matchSubject(pattern, subject));
  }

  /**
   * Makes the group, or checks that it is the same. Both this and {@link restore} resolve with what tells this group
   * from another one that takes its place later, positions and all.
   *
   * @throws VedetteError VDT_BUS_GROUP_PATTERNS, VDT_BUS_STORAGE, or VDT_BUS_UNAVAILABLE when the broker could not for
   *   a while: a cluster that elects a leader answers nobody for some seconds
   */
  async ensure(clock: Clock): Promise<string> {
    const endMs = clock.now() + ensureTimeoutMs;
    for (;;) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one try after the other
        return await this.#ensureOnce();
      } catch (error) {
        if (!VedetteError.is(error, 'VDT_BUS_UNAVAILABLE') || clock.now() >= endMs) throw error;
      }
      // oxlint-disable-next-line no-await-in-loop -- as above
      await clock.sleep(retryMs);
    }
  }

  #ensureOnce(): Promise<string> {
    return this.#asUnavailable(async () => {
      const found = await this.#find();
      if (found === undefined) return this.#create(this.#from === 'beginning' ? { deliver_policy: 'all' } : {});
      return this.#adapt(found);
    });
  }

  /**
   * Makes a group again that the broker has lost, its storage or somebody having removed it: from where this member
   * was, or from the beginning where positions have begun anew. Rather again than lost.
   *
   * @param position the lowest one that this member has not acknowledged; undefined: it knows of none
   * @throws VedetteError as {@link ensure}
   */
  restore(position: number | undefined): Promise<string> {
    return this.#asUnavailable(async () => {
      const found = await this.#find();
      if (found !== undefined) return found.created;
      const { state } = await this.#api.ask<StreamInfo>(`STREAM.INFO.${this.#storage.name}`);
      const known = position !== undefined && position <= state.last_seq + 1;
      return this.#create(
        known ? { deliver_policy: 'by_start_sequence', opt_start_seq: position } : { deliver_policy: 'all' },
      );
    });
  }

  async #asUnavailable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (VedetteError.is(error) && error.code !== 'VDT_BUS_NO_RESPONDERS' && error.code !== 'VDT_BUS_DEADLINE') {
        throw error;
      }
      const message = `group ${this.name}: ${error instanceof Error ? error.message : String(error)}`;
      const permanent = error instanceof ApiFault && error.status !== 503 && error.code !== apiCodes.streamNotFound;
      throw new VedetteError(permanent ? 'VDT_BUS_STORAGE' : 'VDT_BUS_UNAVAILABLE', { message, cause: error });
    }
  }

  async #find(): Promise<ConsumerInfo | undefined> {
    try {
      return await this.#api.ask<ConsumerInfo>(`CONSUMER.INFO.${this.#storage.name}.${this.name}`);
    } catch (error) {
      if (ApiFault.is(error, apiCodes.consumerNotFound)) return undefined;
      throw error;
    }
  }

  async #create(begin: Partial<ConsumerConfig>): Promise<string> {
    const config: Partial<ConsumerConfig> = { deliver_policy: 'new', ...this.#config(), ...begin };
    try {
      return await this.#write(config, 'create');
    } catch (error) {
      if (!ApiFault.is(error, apiCodes.consumerExists, apiCodes.consumerNameInUse)) throw error;
      const found = await this.#find(); // another member was quicker
      if (found === undefined) throw error;
      return this.#adapt(found);
    }
  }

  async #adapt({ config, created }: ConsumerInfo): Promise<string> {
    const patterns =
      config.metadata?.[patternsKey] ?? writePatterns(config.filter_subjects ?? [config.filter_subject ?? '>']);
    if (patterns !== writePatterns(this.#patterns)) {
      throw new VedetteError('VDT_BUS_GROUP_PATTERNS', {
        message: `group ${this.name} has the patterns ${patterns}, not ${writePatterns(this.#patterns)}`,
      });
    }
    const { ack_wait, max_ack_pending } = this.#config();
    if (config.ack_wait === ack_wait && config.max_ack_pending === max_ack_pending) return created;
    return this.#write({ ...config, ack_wait, max_ack_pending } as Partial<ConsumerConfig>, 'update');
  }

  async #write(config: Partial<ConsumerConfig>, action: 'create' | 'update'): Promise<string> {
    const stream = this.#storage.name;
    const verb = `CONSUMER.DURABLE.CREATE.${stream}.${this.name}`;
    const { created } = await this.#api.ask<ConsumerInfo>(verb, { stream_name: stream, config, action });
    return created;
  }

  #config(): Partial<ConsumerConfig> {
    return {
      durable_name: this.name,
      ack_policy: 'explicit',
      replay_policy: 'instant',
      ack_wait: nanos(this.#limits.ackWaitMs),
      // The driver sets aside what was delivered too often itself: the broker would just stop delivering it.
      max_deliver: -1,
      max_ack_pending: this.#limits.maxAckPending,
      filter_subjects: [...this.#filters],
      metadata: { [patternsKey]: writePatterns(this.#patterns) },
    };
  }
}

function writePatterns(patterns: readonly string[]): string {
  return [...patterns].sort().join(' ');
}
