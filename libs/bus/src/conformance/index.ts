import { describe, expect } from 'vitest';
import { boundsConformance } from './bounds.ts';
import { durableConformance } from './durable.ts';
import { lifecycleConformance } from './lifecycle.ts';
import { redeliveryConformance } from './redelivery.ts';
import { requestsConformance } from './requests.ts';
import { scene } from './scene.ts';
import type { ConformanceTarget } from './target.ts';
import { volatileConformance } from './volatile.ts';

export type { BusWorld, ConformanceLimits, ConformanceTarget } from './target.ts';

/**
 * The contract of the bus as tests: every driver's test file calls this once per way of running it. Covers B1-B5 and
 * each declared capability; what is not declared, or cannot be provoked from outside, is skipped with that reason.
 */
export function busConformance(name: string, target: ConformanceTarget): void {
  describe(`bus conformance: ${name}`, () => {
    scene(target, 'it declares the capabilities expected of it', async (s) => {
      expect((await s.connect()).capabilities).toEqual(target.capabilities);
    });
    durableConformance(target);
    redeliveryConformance(target);
    boundsConformance(target);
    volatileConformance(target);
    requestsConformance(target);
    lifecycleConformance(target);
  });
}
