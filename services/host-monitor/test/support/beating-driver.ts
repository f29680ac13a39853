import {
  type FetchOptions,
  type Hint,
  HintChannel,
  type HostDriver,
  type HostFetcher,
  type RuntimeStats,
} from '@vedette/fetcher';
import { type Clock, hash32, type Timer, VedetteError } from '@vedette/runtime';

/** One question for the runtime state of a host, as the host met it. */
export interface PollMet {
  readonly host: string;
  readonly atMs: number;
  /** It asked for the whole. */
  readonly whole: boolean;
  endedMs: number | undefined;
}

export interface BeatingOptions {
  readonly inner: HostDriver;
  readonly clock: Clock;
  readonly beatMs?: number;
  /** All agents beat in the same instant, as after a restart of all of them; default: each at its own. */
  readonly inStep?: boolean;
  /** The way to the hosts; everything that is asked while it is lost fails with VDT_BUS_DISCONNECTED. */
  readonly bus?: { readonly connected: boolean };
}

/**
 * A driver whose hosts beat, as one over the bus does: hints of another driver, and `alive` every 3 s. Tests silence
 * the beats of a host, cut the way to it, or have the bus between lost; and read what every host was asked.
 */
export class BeatingDriver implements HostDriver {
  readonly schemes: readonly string[];
  /** Hosts whose beats do not come. */
  readonly silent = new Set<string>();
  /** Hosts that refuse every call; they do not beat either. */
  readonly cut = new Set<string>();
  readonly polls: PollMet[] = [];
  readonly options: BeatingOptions;
  readonly #fetchers = new Map<string, BeatingFetcher>();

  constructor(options: BeatingOptions) {
    this.options = options;
    this.schemes = options.inner.schemes;
  }

  open(host: { readonly id: string; readonly url: string }): HostFetcher {
    const fetcher = new BeatingFetcher(this, host.id, this.options.inner.open(host));
    this.#fetchers.set(host.id, fetcher);
    return fetcher;
  }

  /** Has the hints of a host say something of their own. */
  hint(host: string, hint: Hint): void {
    this.#fetchers.get(host)?.channel.offer(hint);
  }

  /** Polls met since `fromMs`, of one host if given. */
  pollsSince(fromMs: number, host?: string): PollMet[] {
    return this.polls.filter((poll) => poll.atMs >= fromMs && (host === undefined || poll.host === host));
  }
}

class BeatingFetcher implements HostFetcher {
  readonly capabilities: HostFetcher['capabilities'];
  readonly channel = new HintChannel({ capacity: 10_000 });
  readonly #driver: BeatingDriver;
  readonly #host: string;
  readonly #inner: HostFetcher;
  #timer: Timer | undefined;
  #wasAway = false;

  constructor(driver: BeatingDriver, host: string, inner: HostFetcher) {
    this.#driver = driver;
    this.#host = host;
    this.#inner = inner;
    this.capabilities = { ...inner.capabilities, heartBeats: true };
  }

  async runtimeStats(options: Parameters<HostFetcher['runtimeStats']>[0]): Promise<RuntimeStats> {
    const { clock } = this.#driver.options;
    const met: PollMet = {
      host: this.#host,
      atMs: clock.now(),
      whole: options.since === undefined,
      endedMs: undefined,
    };
    this.#driver.polls.push(met);
    try {
      return await this.#over(() => this.#inner.runtimeStats(options));
    } finally {
      met.endedMs = clock.now();
    }
  }

  info = (vms: readonly string[], options: FetchOptions) => this.#over(() => this.#inner.info(vms, options));
  config = (vms: readonly string[], options: FetchOptions) => this.#over(() => this.#inner.config(vms, options));
  status = (vms: readonly string[], options: FetchOptions) => this.#over(() => this.#inner.status(vms, options));
  guestDetails = (vms: readonly string[], options: FetchOptions) =>
    this.#over(() => this.#inner.guestDetails(vms, options));
  deviceStats = (options: FetchOptions) => this.#over(() => this.#inner.deviceStats(options));
  hostStats = (options: FetchOptions) => this.#over(() => this.#inner.hostStats(options));
  describe = (options: FetchOptions) => this.#over(() => this.#inner.describe(options));
  start: HostFetcher['start'] = (request, options) => this.#over(() => this.#inner.start(request, options));

  async *hints(options: { readonly signal: AbortSignal }): AsyncGenerator<Hint, void, undefined> {
    void this.#forward(options.signal);
    this.#beatLater();
    try {
      yield* this.channel.hints(options.signal);
    } finally {
      this.#timer?.cancel();
    }
  }

  close(): Promise<void> {
    this.#timer?.cancel();
    this.channel.close();
    return this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #away(): boolean {
    return this.#driver.options.bus?.connected === false;
  }

  async #forward(signal: AbortSignal): Promise<void> {
    for await (const hint of this.#inner.hints({ signal })) {
      if (!this.#away && !this.#driver.cut.has(this.#host)) this.channel.offer(hint);
    }
  }

  /** At the agent's own phase, or in step with all others. */
  #beatLater(): void {
    const { clock, beatMs = 3_000, inStep = false } = this.#driver.options;
    const phaseMs = inStep ? 0 : hash32(this.#host, 7) % beatMs;
    const waitMs = beatMs - ((clock.now() - phaseMs + beatMs) % beatMs);
    this.#timer = clock.setTimer(() => {
      this.#beat();
      this.#beatLater();
    }, waitMs);
  }

  #beat(): void {
    const { silent, cut } = this.#driver;
    if (this.#away || silent.has(this.#host) || cut.has(this.#host)) {
      this.#wasAway = true;
      return;
    }
    if (this.#wasAway) this.channel.offer({ kind: 'poll', reason: 'the way to the agent was lost and is back' });
    else this.channel.offer({ kind: 'alive' });
    this.#wasAway = false;
  }

  async #over<T>(call: () => Promise<T>): Promise<T> {
    if (this.#away) throw new VedetteError('VDT_BUS_DISCONNECTED');
    if (this.#driver.cut.has(this.#host)) throw new VedetteError('VDT_FETCHER_REFUSED');
    return call();
  }
}

/** Most polls that began in any `windowMs`. */
export function mostWithin(polls: readonly PollMet[], windowMs: number): number {
  const times = polls.map(({ atMs }) => atMs).toSorted((a, b) => a - b);
  let most = 0;
  let from = 0;
  times.forEach((atMs, at) => {
    while (atMs - (times[from] ?? 0) >= windowMs) from++;
    most = Math.max(most, at - from + 1);
  });
  return most;
}

/** Most polls that were under way at once. */
export function mostAtOnce(polls: readonly PollMet[]): number {
  const ends = polls.map(({ endedMs = Number.POSITIVE_INFINITY }) => endedMs).toSorted((a, b) => a - b);
  const begins = polls.map(({ atMs }) => atMs).toSorted((a, b) => a - b);
  let most = 0;
  let ended = 0;
  begins.forEach((atMs, at) => {
    while ((ends[ended] ?? Number.POSITIVE_INFINITY) <= atMs) ended++;
    most = Math.max(most, at + 1 - ended);
  });
  return most;
}
