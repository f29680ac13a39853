import type { MetricDefinition } from './definition.ts';
import type { Labels } from './labels.ts';

/** More series than this of one metric and one owner are a mistake: labels are for a handful of values. */
const MAX_SERIES_PER_OWNER = 256;

const unitSuffix = /_(?:seconds|bytes|ratio|celsius|vms|hosts|events|rows|items)$/;
const notBaseUnit =
  /_(?:ms|millis|milliseconds|us|microseconds|ns|minutes|hours|days|kb|kib|mb|mib|gb|gib|percent)(?:_|$)/;
/** Prometheus gives them a meaning in histograms and summaries. */
const reservedLabels: ReadonlySet<string> = new Set(['le', 'quantile']);
const reservedSuffix = /_(?:total|count|sum|bucket|created)$/;

/** Which rule a definition breaks, as the end of a sentence that begins with its name. */
export function faultOf({ name, help, labels = {}, ...definition }: MetricDefinition): string | undefined {
  if (!/^vedette_[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/.test(name)) return 'is not named vedette_<part>_<what>';
  if (notBaseUnit.test(name)) return 'is not in a base unit (seconds, bytes, ratio)';
  const isCounter = definition.type === 'counter';
  if (isCounter && !name.endsWith('_total')) return 'is a counter and does not end in _total';
  if (!isCounter && reservedSuffix.test(name)) return 'ends in a suffix with a meaning of its own';
  if (help.trim().length < 10) return 'has no help text';
  return labelsFault(labels) ?? (definition.type === 'histogram' ? bucketsFault(name, definition.buckets) : undefined);
}

function labelsFault(labels: Labels): string | undefined {
  let series = 1;
  for (const [label, values] of Object.entries(labels)) {
    if (!/^[a-z][a-z0-9_]*$/.test(label) || reservedLabels.has(label)) return `cannot have the label ${label}`;
    if (values === 'owner') continue;
    series *= values.length;
    if (values.length === 0) return `has no value for the label ${label}`;
    if (new Set(values).size !== values.length) return `has a value of the label ${label} twice`;
  }
  if (series <= MAX_SERIES_PER_OWNER) return undefined;
  return `would have ${series} series per owner, more than ${MAX_SERIES_PER_OWNER}`;
}

function bucketsFault(name: string, buckets: readonly number[]): string | undefined {
  if (!unitSuffix.test(name)) return 'is a histogram and does not end in the unit of its values';
  const growing = buckets.every(
    (bound, at) => Number.isFinite(bound) && bound > (buckets[at - 1] ?? Number.NEGATIVE_INFINITY),
  );
  return buckets.length > 0 && growing ? undefined : 'has buckets that do not grow';
}
