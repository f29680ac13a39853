export { Accounting, type ProcessCost, type WindowCost } from './harness/accounting.ts';
export { type EncodedHistogram, LatencyHistogram, type LatencySummary } from './harness/histogram.ts';
export { Pacer, type PacerOptions } from './harness/pacer.ts';
export { cpuMsOf, type MemoryUse, machineBusyMs, memoryOf, openFilesLimitOf } from './harness/processes.ts';
export { type GeneratorVerdict, SaturationWatch } from './harness/saturation.ts';
export { SocketMeter } from './harness/sockets.ts';
export { isAtLeast, isAtMost, median, type RatioEstimate, ratioOf } from './harness/statistics.ts';
export { runProgram } from './program.ts';
export type { Workload, WorkloadContext, WorkloadOutcome } from './workload.ts';
