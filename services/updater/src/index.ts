export { defaultUpdaterConfig, type UpdaterConfig } from './config.ts';
export { UpdaterCounters } from './counters.ts';
export { exposeUpdaterMetrics } from './metrics.ts';
export { createUpdater, type Updater, type UpdaterOptions } from './updater.ts';
