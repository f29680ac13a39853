import { describe, expect, it } from 'vitest';
import { classicWorkload } from '../src/classic/classic.ts';
import type { ClassicRun } from '../src/classic/run.ts';
import { needsNats, smoke } from './smoke.ts';

const small = ['--hosts', '5', '--vms-per-host', '20', '--interval', '1', '--minutes', '0.05'];

describe('classic', () => {
  it('polls every host for everything, once an interval', async () => {
    const { report, failures } = await smoke(classicWorkload, '--bus', 'memory', ...small);
    expect(failures).toEqual([]);
    const { counted } = report.results as ClassicRun;
    expect(Math.abs(counted.cycles - 15)).toBeLessThanOrEqual(5);
    expect(counted.vmsRead).toBeGreaterThanOrEqual(20 * counted.cycles);
  }, 60_000);

  it('takes at a real NATS what it took in 2013: a good kilobyte for each VM and poll', async (ctx) => {
    await needsNats(ctx);
    const { report, failures } = await smoke(classicWorkload, ...small);
    expect(failures).toEqual([]);
    const { bytes = 0, counted } = report.results as ClassicRun;
    const perPoll = bytes / counted.vmsRead;
    expect(perPoll).toBeGreaterThan(1_000);
    expect(perPoll).toBeLessThan(2_000);
  }, 60_000);
});
