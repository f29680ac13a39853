export { type Api, type ApiLimits, type ApiOptions, createApi, defaultApiLimits } from './api.ts';
export { ApiCounters } from './counters.ts';
export type { AddedHost, HostControl } from './host-control.ts';
export { openApiDocument } from './openapi.ts';
