import { describe } from 'vitest';
import { anyOrderConformance } from './any-order.ts';
import { disappearanceConformance } from './disappearance.ts';
import { epochConformance } from './epochs.ts';
import { hostConformance } from './hosts.ts';
import { logConformance } from './logs.ts';
import { queryConformance } from './queries.ts';
import { registerConformance } from './registers.ts';
import type { StoreConformanceOptions } from './scene.ts';
import { snapshotConformance } from './snapshots.ts';
import { truthConformance } from './truths.ts';

export type { StoreConformanceOptions, StoreUnderTest } from './scene.ts';
export { address, coverage, ScriptedObserver, type SnapshotRow } from './scripted-observer.ts';

/** Every promise of the port, proved of one driver; to be called from the driver's test file. */
export function storeConformance(name: string, options: StoreConformanceOptions): void {
  describe(`store conformance: ${name}`, () => {
    epochConformance(options);
    registerConformance(options);
    snapshotConformance(options);
    truthConformance(options);
    disappearanceConformance(options);
    hostConformance(options);
    queryConformance(options);
    logConformance(options);
    anyOrderConformance(options);
  });
}
