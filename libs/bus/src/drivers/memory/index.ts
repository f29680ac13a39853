export { type ConnectOptions, createMemoryBroker, type MemoryBroker, type MemoryBrokerOptions } from './broker.ts';
export type { PublishFault, ScriptedFaults } from './faults.ts';
export type { DeadLetter, GroupState } from './group.ts';
export { defaultMemoryLimits, type MemoryLimits } from './limits.ts';
