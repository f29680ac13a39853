import type { FetchOptions, HostFetcher, SectionName, Sections } from '@vedette/fetcher';
import { type ReplyHead, writeSections } from '@vedette/fetcher/agent-protocol';
import { Semaphore } from '@vedette/runtime';
import type { AgentsConfig } from './config.ts';

/**
 * Answers for the sections of one host, from its source: so many questions at a time, the others wait. Nothing is kept
 * here: a source that has documents at hand holds them already, and monitors ask for a hash once.
 */
export class SectionAnswers {
  readonly #fetcher: HostFetcher;
  readonly #config: AgentsConfig;
  /** Made at the first question: of most hosts nobody asks anything for long. */
  #turns: Semaphore | undefined;

  constructor(fetcher: HostFetcher, config: AgentsConfig) {
    this.#fetcher = fetcher;
    this.#config = config;
  }

  /** @throws what the source throws, VedetteError VDT_RUNTIME_TOO_MANY_WAITING, the signal's reason */
  async answer(
    head: () => ReplyHead,
    section: SectionName,
    vms: readonly string[],
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { sectionConcurrency, maxRequestsPerHost, readTimeoutMs, maxReplyBytes } = this.#config;
    this.#turns ??= new Semaphore({ permits: sectionConcurrency, maxWaiting: maxRequestsPerHost });
    using _turn = await this.#turns.acquire({ signal });
    const sections = await this.#fetch(section, vms, { timeoutMs: readTimeoutMs, signal });
    return writeSections(head(), vms, (vm) => sections.get(vm), maxReplyBytes);
  }

  #fetch(section: SectionName, vms: readonly string[], options: FetchOptions): Promise<Sections<unknown>> {
    switch (section) {
      case 'info':
        return this.#fetcher.info(vms, options);
      case 'config':
        return this.#fetcher.config(vms, options);
      case 'status':
        return this.#fetcher.status(vms, options);
      case 'guest':
        return this.#fetcher.guestDetails(vms, options);
    }
  }
}
