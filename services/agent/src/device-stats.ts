import type { HostFetcher } from '@vedette/fetcher';
import { type ReplyHead, writeDeviceStats } from '@vedette/fetcher/agent-protocol';
import type { DeviceSample } from '@vedette/model';
import type { Clock } from '@vedette/runtime';
import type { AgentsConfig } from './config.ts';

type Sampled = readonly [vm: string, sample: DeviceSample];

/**
 * Answers for the devices of one host. They are sampled at the first page, and kept only while there are further ones
 * to fetch: one sample of a host at a time.
 */
export class DeviceStats {
  readonly #fetcher: HostFetcher;
  readonly #config: AgentsConfig;
  readonly #clock: Clock;
  #kept: { readonly samples: readonly Sampled[]; readonly untilMs: number } | undefined;

  constructor(fetcher: HostFetcher, config: AgentsConfig, clock: Clock) {
    this.#fetcher = fetcher;
    this.#config = config;
    this.#clock = clock;
  }

  /** @throws what the source throws */
  async answer(head: () => ReplyHead, page: string | undefined, signal: AbortSignal): Promise<Uint8Array> {
    const { maxReplyBytes, keepPagesMs } = this.#config;
    const samples = this.#keptFor(page) ?? (await this.#sample(signal));
    const left = page === undefined ? samples : samples.filter(([vm]) => vm > page);
    const reply = writeDeviceStats(head(), left, maxReplyBytes);
    this.#kept = isLastPage(reply) ? undefined : { samples, untilMs: this.#clock.now() + keepPagesMs };
    return reply;
  }

  /** Gives back what nobody has fetched the further pages of in time. */
  tidy(): void {
    if (this.#kept !== undefined && this.#clock.now() > this.#kept.untilMs) this.#kept = undefined;
  }

  #keptFor(page: string | undefined): readonly Sampled[] | undefined {
    const kept = this.#kept;
    if (page === undefined || kept === undefined || this.#clock.now() > kept.untilMs) return undefined;
    return kept.samples;
  }

  async #sample(signal: AbortSignal): Promise<readonly Sampled[]> {
    const samples = await this.#fetcher.deviceStats({ timeoutMs: this.#config.readTimeoutMs, signal });
    return [...samples].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** One that is not ends with the name of the next: `..."}`, not `...]}`. */
function isLastPage(reply: Uint8Array): boolean {
  return reply.at(-2) === 0x5d;
}
