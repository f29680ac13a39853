import { seededRandom } from '@vedette/runtime';
import { test } from 'vitest';
import { interruptDemos } from './child-process.ts';

test.each([1, 2, 3])(
  'F4: demos interrupted at any moment leave a sound store (seed %d)',
  async (seed) => {
    await interruptDemos(12, seededRandom(seed));
  },
  300_000,
);
