export { defaultMonitorConfig, graceMs, type MonitorConfig } from './config.ts';
export { MonitorCounters } from './counters.ts';
export type { HostProof } from './host-proof.ts';
export { exposeMonitorMetrics } from './metrics.ts';
export { createHostMonitor, type HostMonitor, type HostMonitorOptions, type WatchedHost } from './monitor.ts';
export type { Blindness } from './sight.ts';
