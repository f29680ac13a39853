export { type ErrorFields, errorFields } from './log/error-fields.ts';
export {
  createLogger,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
  type StderrOptions,
  silentLogger,
  stderrDestination,
} from './log/logger.ts';
export { redactText } from './log/redact.ts';
export {
  type CounterDefinition,
  definedMetrics,
  defineMetrics,
  type GaugeDefinition,
  type HistogramDefinition,
  latencyBuckets,
  type MetricDefinition,
  sizeBuckets,
} from './metrics/definition.ts';
export { exposeCounters } from './metrics/expose.ts';
export { Counter, Gauge, Histogram } from './metrics/handles.ts';
export type { Labels, LabelValues } from './metrics/labels.ts';
export { type LabelledMetric, Metrics, type MetricsFormat, type Registered } from './metrics/metrics.ts';
