import { libvirtAvailable } from '@vedette/testbed/libvirt';
import { describe, expect, it } from 'vitest';
import { Journal } from './journal.ts';
import { churn } from './run.ts';

const available = libvirtAvailable();
/** VEDETTE_REAL_CHURN_SEED gives another one; `real-churn.ts` runs for longer, and says more. */
const seed = Number(process.env.VEDETTE_REAL_CHURN_SEED ?? 7);

describe('real guests on two real libvirtd', { timeout: 300_000 }, () => {
  it('S6, M1, M2, M8, N6: nothing false is told and nothing missed in a minute of churn', async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    const told: string[] = [];
    const tally = await churn({
      seed,
      durationMs: 60_000,
      guests: 6,
      fullGuests: 0,
      troubles: true,
      roundMs: 30_000,
      journal: new Journal(undefined),
      onFault: ({ kind, level, vm, what }, evidence) => told.push(`${kind} (${level}, ${vm}): ${what}\n${evidence}`),
      onProgress: () => undefined,
    });
    expect(told).toEqual([]);
    // An oracle that saw nothing has found nothing.
    expect(tally.deedCount).toBeGreaterThan(20);
    expect(tally.checks).toBeGreaterThan(tally.deedCount * 3);
  });
});
