import { describe, expect, it } from 'vitest';
import { complaintsOf } from './oracle.ts';
import { weather } from './storm.ts';

/** Beyond those of every run; VEDETTE_CHURN_SEEDS gives another number of them. */
const first = 100;
const seeds = Array.from({ length: Number(process.env.VEDETTE_CHURN_SEEDS ?? 300) }, (_, at) => first + at);

describe('many storms of changes and faults', () => {
  it.each(seeds)('F4: seed %i', async (seed) => {
    const aftermath = await weather(seed);
    await using _world = aftermath.world;
    expect(await complaintsOf(aftermath)).toEqual([]);
  });
});
