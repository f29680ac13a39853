import { describe, expect, it } from 'vitest';
import { rpcWorkload } from '../src/rpc/rpc.ts';
import { needsNats, smoke } from './smoke.ts';

const short = ['--pairs', '2', '--slice-ms', '50', '--in-flight', '1,16'];

interface Level {
  readonly load: string;
  readonly library: { readonly calls: number; readonly failed: number; readonly latency: { readonly p99Ms: number } };
  readonly bare: { readonly calls: number; readonly failed: number; readonly cpuUsPerCall: Record<string, number> };
}

describe('rpc', () => {
  it('measures the memory driver beside bare calls, level by level', async () => {
    const { report, failures } = await smoke(rpcWorkload, '--driver', 'memory', ...short);
    expect(failures).toEqual([]);
    const levels = report.results as readonly Level[];
    expect(levels.map(({ load }) => load)).toEqual(['1 in flight', '16 in flight']);
    for (const { library, bare } of levels) {
      expect(library.calls).toBeGreaterThan(10);
      expect(bare.calls).toBeGreaterThan(library.calls);
      expect(library.latency.p99Ms).toBeGreaterThan(0);
    }
    expect(report.verdicts.map(({ reached }) => reached)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('measures the NATS driver beside the bare client, each process apart', async (ctx) => {
    await needsNats(ctx);
    const { report, failures } = await smoke(rpcWorkload, ...short);
    expect(failures).toEqual([]);
    for (const { library, bare } of report.results as readonly Level[]) {
      expect(library.calls).toBeGreaterThan(0);
      expect(library.failed + bare.failed).toBe(0);
      expect(Object.keys(bare.cpuUsPerCall).toSorted()).toEqual(['broker', 'rpc-client', 'rpc-server']);
      for (const us of Object.values(bare.cpuUsPerCall)) expect(us).toBeGreaterThan(0);
    }
  }, 60_000);

  it('keeps a rate in an open loop, and measures from the intended instant', async (ctx) => {
    await needsNats(ctx);
    const { report, failures } = await smoke(rpcWorkload, '--rate', '200', '--pairs', '1', '--slice-ms', '500');
    expect(failures).toEqual([]);
    const [level] = report.results as readonly Level[];
    expect(level?.load).toBe('200 a second');
    expect(Math.abs((level?.library.calls ?? 0) - 100)).toBeLessThanOrEqual(1);
  }, 60_000);
});
