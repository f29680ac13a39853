export { type FetcherErrorCode, fetcherErrors } from './errors.ts';
export { HintChannel } from './hint-channel.ts';
export * from './host-port.ts';
export { PendingCalls } from './pending-calls.ts';
export { StartIntents } from './start-intents.ts';
