import type { Labels } from './labels.ts';
import { faultOf } from './rules.ts';

interface Described {
  /** `vedette_<part>_<what>_<unit>`, see {@link defineMetrics}. */
  readonly name: string;
  /** One sentence: what is counted or measured. */
  readonly help: string;
  readonly labels?: Labels;
}

/** What only grows while the process runs; its name ends in `_total`. */
export interface CounterDefinition extends Described {
  readonly type: 'counter';
}

/** What goes up and down. */
export interface GaugeDefinition extends Described {
  readonly type: 'gauge';
}

/** How values are spread; its name ends in their unit. */
export interface HistogramDefinition extends Described {
  readonly type: 'histogram';
  /** Upper bounds in the unit of the name, growing; a last one for everything above is added. */
  readonly buckets: readonly number[];
}

export type MetricDefinition = CounterDefinition | GaugeDefinition | HistogramDefinition;

/** From half a millisecond to 10 s: latencies of calls, events and turns. */
export const latencyBuckets: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** From 256 B to 16 MiB in steps of four: sizes of messages and replies. */
export const sizeBuckets: readonly number[] = [
  256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
];

const known = new Map<string, MetricDefinition>();

/**
 * Declares the metrics of one package, once, at load. Only declared metrics can be registered, so docs/metrics.md,
 * which lists all of them, is complete; a test holds the two equal.
 *
 * Names follow the rules of Prometheus: `vedette_` first, base units only (`_seconds`, `_bytes`, `_ratio`), `_total` at
 * the end of every counter and of nothing else, the unit of its values at the end of every histogram.
 *
 * @throws TypeError when a definition breaks a rule or a name is taken
 */
export function defineMetrics<const T extends Readonly<Record<string, MetricDefinition>>>(own: T): T {
  for (const definition of Object.values(own)) {
    const fault = faultOf(definition) ?? (known.has(definition.name) ? 'is defined twice' : undefined);
    if (fault !== undefined) throw new TypeError(`metric ${definition.name} ${fault}`);
    known.set(definition.name, definition);
  }
  return own;
}

/** Every metric declared by the packages loaded so far, sorted by name. */
export function definedMetrics(): readonly MetricDefinition[] {
  return [...known.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether this very definition was declared with {@link defineMetrics}. */
export function isDefined(definition: MetricDefinition): boolean {
  return known.get(definition.name) === definition;
}
