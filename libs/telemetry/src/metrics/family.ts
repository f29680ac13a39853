import type { MetricDefinition } from './definition.ts';
import { type Handle, Histogram } from './handles.ts';
import { seriesKey } from './labels.ts';

/** One series of a metric: its labels and its handle. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly handle: Handle;
}

interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

/** What prom-client's registry asks of a metric. */
export interface CollectedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricDefinition['type'];
  readonly aggregator: 'sum';
  readonly values: readonly Sample[];
}

/** All living series of one metric, in the form in which prom-client's registry renders metrics. */
export class Family {
  readonly definition: MetricDefinition;
  readonly name: string;
  readonly #series = new Map<string, Series>();
  readonly #onReadError: () => void;

  constructor(definition: MetricDefinition, onReadError: () => void) {
    this.definition = definition;
    this.name = definition.name;
    this.#onReadError = onReadError;
  }

  get empty(): boolean {
    return this.#series.size === 0;
  }

  /** @throws Error when a living owner has a series with these labels: their numbers would be mixed up */
  add(series: Series): void {
    const key = seriesKey(series.labels);
    if (this.#series.has(key)) throw new Error(`metric ${this.name} has a living series with the labels ${key}`);
    this.#series.set(key, series);
  }

  remove(gone: ReadonlySet<Series>): void {
    for (const [key, series] of this.#series) if (gone.has(series)) this.#series.delete(key);
  }

  get(): Promise<CollectedMetric> {
    const { name, help, type } = this.definition;
    const values = [...this.#series.values()].flatMap((series) => this.#samples(series));
    return Promise.resolve({ name, help, type, aggregator: 'sum', values });
  }

  #samples({ labels, handle }: Series): Sample[] {
    if (handle instanceof Histogram) return histogramSamples(this.name, labels, handle);
    try {
      return [{ labels, value: handle.value }];
    } catch {
      this.#onReadError(); // one reading that fails costs its own series, not all metrics; it is counted
      return [];
    }
  }
}

/**
 * A family as prom-client's registry of OpenMetrics wants it: counters are called without `_total`, which the registry
 * adds to each of their series. It also writes to `name`, so it gets an object of its own.
 */
export function openMetric(family: Family): Pick<CollectedMetric, 'name'> & { get(): Promise<CollectedMetric> } {
  const name = openName(family);
  return { name, get: async () => ({ ...(await family.get()), name }) };
}

/** What OpenMetrics calls a family. */
export function openName({ definition: { type, name } }: Family): string {
  return type === 'counter' ? name.slice(0, -'_total'.length) : name;
}

function histogramSamples(name: string, labels: Series['labels'], histogram: Histogram): Sample[] {
  const counts = histogram.cumulative();
  const buckets = counts.map((value, at): Sample => {
    return { metricName: `${name}_bucket`, labels: { ...labels, le: histogram.bounds[at] ?? '+Inf' }, value };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: histogram.sum },
    { metricName: `${name}_count`, labels, value: counts.at(-1) ?? 0 },
  ];
}
