export {
  DomainSamples,
  type DomainSamplesLimits,
  type DomainSamplesOptions,
  defaultSampleLimits,
  type SampleView,
} from './domain-samples.ts';
export type { DomainEntry, HostEntry } from './entries.ts';
export {
  type ExpositionFormat,
  expositionFormat,
  expositionTypes,
  type MetricsGroup,
  metricsGroups,
  sampleText,
} from './exposition.ts';
export { allFamilies, type Family } from './families.ts';
export { type ListenAddress, parseListenAddress } from './listen-address.ts';
export {
  createMetricsListener,
  defaultListenAddress,
  type MetricsListener,
  type MetricsListenerOptions,
} from './listener.ts';
export { defaultScrapeLimits, type ScrapeLimits, Scrapes, type ScrapesOptions } from './scrapes.ts';
