import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@vedette/runtime';
import type { Logger, Metrics } from '@vedette/telemetry';
import { ScrapeCounters } from './counters.ts';
import type { DomainSamples } from './domain-samples.ts';
import {
  type ExpositionFormat,
  expositionFormat,
  expositionTypes,
  type MetricsGroup,
  metricsGroups,
  sampleText,
} from './exposition.ts';

export interface ScrapeLimits {
  /** Scrapes under way at once; a further one is turned away (503), unless one can be cut for it. */
  readonly concurrent: number;
  /** A scrape that takes longer, its reader included, is cut. Prometheus gives up after 10 s by default. */
  readonly timeoutMs: number;
  /** A scrape whose reader has read nothing for this long may be cut to make room for another. */
  readonly stallMs: number;
}

export const defaultScrapeLimits: ScrapeLimits = { concurrent: 4, timeoutMs: 15_000, stallMs: 1_000 };

export interface ScrapesOptions {
  readonly samples: DomainSamples;
  /** The process's own: what follows the domains is rendered from it. */
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<ScrapeLimits>;
}

/**
 * Answers scrapes with the domains' metrics and the process's own, on whatever server they come by.
 *
 * Y1. At most `concurrent` at once, each within `timeoutMs`, then its connection is cut: half a page is never taken for
 *     a whole one, since its end is missing.
 * Y2. A page is made as its reader reads: one that does not read costs one chunk of memory, and a place only until
 *     somebody else wants it.
 * Y3. Between two chunks everything else of the process has its turn.
 */
export class Scrapes {
  readonly counters = new ScrapeCounters();
  readonly #options: ScrapesOptions;
  readonly #limits: ScrapeLimits;
  readonly #running = new Set<Scrape>();

  constructor(options: ScrapesOptions) {
    this.#options = options;
    this.#limits = { ...defaultScrapeLimits, ...options.limits };
  }

  get underWay(): number {
    return this.#running.size;
  }

  /**
   * Answers one request, whatever its path; nothing may have been sent yet. Its query may name the groups wanted
   * (`collect[]`), its header Accept the format. Settles when the answer has been read or cut; never rejects.
   */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, logger } = this.#options;
    const groups = groupsOf(request.url ?? '');
    if (groups === undefined) return refuse(response, 400, `collect[] is one of ${metricsGroups.join(', ')}\n`);
    if (this.#running.size >= this.#limits.concurrent) this.#makeRoom();
    if (this.#running.size >= this.#limits.concurrent) {
      this.counters.scrapesRefused++;
      response.setHeader('retry-after', '1');
      return refuse(response, 503, 'as many scrapes are under way as are allowed; try again\n');
    }
    this.counters.scrapes++;
    const scrape = new Scrape(response, clock);
    this.#running.add(scrape);
    const deadline = clock.setTimer(() => this.#cut(scrape), this.#limits.timeoutMs);
    try {
      await this.#write(scrape, expositionFormat(request.headers.accept), groups);
    } catch (err) {
      logger.error({ err }, 'a scrape failed');
      scrape.fail();
    } finally {
      deadline.cancel();
      this.#running.delete(scrape);
    }
  }

  /** Cuts every scrape under way. */
  close(): void {
    for (const scrape of this.#running) this.#cut(scrape);
  }

  async #write(scrape: Scrape, format: ExpositionFormat, groups: ReadonlySet<MetricsGroup>): Promise<void> {
    const { samples, metrics } = this.#options;
    const end = format === 'openmetrics' ? '# EOF\n' : '';
    // first, so that a failure can still be said; it brings the end mark with it
    const own = groups.has('process') ? await metrics.render(format) : end;
    scrape.begin(expositionTypes[format]);
    for (const chunk of sampleText(samples.view(), format, groups)) {
      if (!(await this.#put(scrape, chunk))) return;
    }
    if (await this.#put(scrape, own)) await scrape.end();
  }

  async #put(scrape: Scrape, chunk: string): Promise<boolean> {
    this.counters.bytes += await scrape.put(chunk);
    return !scrape.gone;
  }

  /** Y2. The one that has waited longest for its reader loses its place. */
  #makeRoom(): void {
    const stalledBeforeMs = this.#options.clock.now() - this.#limits.stallMs;
    const stalled = [...this.#running].filter(({ stalledSinceMs }) => stalledSinceMs <= stalledBeforeMs);
    const longest = stalled.toSorted((a, b) => a.stalledSinceMs - b.stalledSinceMs)[0];
    if (longest !== undefined) this.#cut(longest);
  }

  #cut(scrape: Scrape): void {
    this.counters.scrapesCut++;
    this.#running.delete(scrape);
    scrape.cut();
  }
}

/** The groups that a request wants; all unless it names some. undefined: it names one that there is not. */
function groupsOf(url: string): ReadonlySet<MetricsGroup> | undefined {
  const at = url.indexOf('?');
  const named = at < 0 ? [] : new URLSearchParams(url.slice(at)).getAll('collect[]');
  if (named.length === 0) return new Set(metricsGroups);
  const known: readonly string[] = metricsGroups;
  return named.every((one) => known.includes(one)) ? new Set(named as MetricsGroup[]) : undefined;
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

/** One answer under way. */
class Scrape {
  /** Since when its reader has not read; Infinity while it reads. */
  stalledSinceMs = Number.POSITIVE_INFINITY;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  /** Settles when the connection is gone, whoever ended it; never rejects. */
  readonly #closed: Promise<unknown>;

  constructor(response: ServerResponse, clock: Clock) {
    this.#response = response;
    this.#clock = clock;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    response.once('close', resolve);
    response.on('error', () => undefined); // its 'close' follows, and that is acted on
  }

  get gone(): boolean {
    return this.#response.destroyed;
  }

  begin(contentType: string): void {
    this.#response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
  }

  /** Hands on a piece and waits until there is room for the next one, or nobody to read it. Returns its bytes. */
  async put(chunk: string): Promise<number> {
    if (this.gone) return 0;
    const bytes = Buffer.from(chunk);
    if (bytes.length === 0 || this.#response.write(bytes)) await new Promise((resolve) => setImmediate(resolve));
    else await this.#reader('drain');
    return bytes.length;
  }

  /** Settles when the end has been handed to the operating system, or there is nobody to read it. */
  async end(): Promise<void> {
    if (this.gone) return;
    const finished = this.#reader('finish');
    this.#response.end();
    await finished;
  }

  /** Says that it failed, where nothing has been said yet; else the connection is cut. */
  fail(): void {
    if (this.#response.headersSent) this.cut();
    else refuse(this.#response, 500, 'the scrape failed\n');
  }

  cut(): void {
    this.#response.destroy();
  }

  async #reader(event: 'drain' | 'finish'): Promise<void> {
    this.stalledSinceMs = this.#clock.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#response.once(event, resolve);
    await Promise.race([promise, this.#closed]);
    this.stalledSinceMs = Number.POSITIVE_INFINITY;
  }
}
