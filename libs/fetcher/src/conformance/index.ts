export { hostFetcherConformance } from './host-fetcher.ts';
export type { FetcherUnderTest, Undo } from './under-test.ts';
