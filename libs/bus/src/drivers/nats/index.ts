export { connectNats } from './connect.ts';
export {
  defaultNatsLimits,
  defaultNatsStream,
  durableSubjects,
  type NatsAuth,
  type NatsLimits,
  type NatsOptions,
  type NatsStreamOptions,
  type NatsTls,
} from './options.ts';
