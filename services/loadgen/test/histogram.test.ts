import { seededRandom } from '@vedette/runtime';
import * as fc from 'fast-check';
import { build } from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../src/harness/histogram.ts';

const shares = [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1];

function histogramOf(latenciesMs: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const latencyMs of latenciesMs) histogram.record(latencyMs);
  return histogram;
}

/** The definition: the least latency that at least `share` of all do not exceed. */
function exactPercentile(latenciesMs: readonly number[], share: number): number {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length - 1e-9) - 1)] as number;
}

const latencies = fc.array(fc.double({ min: 0.002, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 300 });

describe('a histogram of latencies', () => {
  it('gives every percentile within a thousandth of the exact one, and never below it', () => {
    fc.assert(
      fc.property(latencies, (all) => {
        const histogram = histogramOf(all);
        for (const share of shares) {
          const exact = exactPercentile(all, share);
          const given = histogram.percentileMs(share) ?? Number.NaN;
          expect(given).toBeGreaterThanOrEqual(exact);
          expect(given).toBeLessThanOrEqual(exact * 1.001);
        }
      }),
    );
  });

  it('agrees with HdrHistogram at three digits', () => {
    const random = seededRandom(7);
    const all = Array.from({ length: 50_000 }, () => Math.round(1_000 * Math.exp(8 * random())) / 1_000);
    const histogram = histogramOf(all);
    const hdr = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: 3_600_000_000,
      numberOfSignificantValueDigits: 3,
    });
    for (const latencyMs of all) hdr.recordValue(Math.round(latencyMs * 1_000));
    for (const share of [0.5, 0.9, 0.99, 0.999]) {
      const hdrMs = hdr.getValueAtPercentile(100 * share) / 1_000;
      expect(Math.abs((histogram.percentileMs(share) ?? 0) / hdrMs - 1)).toBeLessThan(0.002);
    }
  });

  it('merged from parts says what the whole says', () => {
    fc.assert(
      fc.property(latencies, latencies, (a, b) => {
        const merged = histogramOf(a);
        merged.add(histogramOf(b));
        expect(merged.summary()).toMatchObject({ ...histogramOf([...a, ...b]).summary(), meanMs: expect.anything() });
        expect(merged.summary().meanMs).toBeCloseTo(histogramOf([...a, ...b]).summary().meanMs ?? 0, 1);
      }),
    );
  });

  it('says the same after a journey to another process', () => {
    fc.assert(
      fc.property(latencies, (all) => {
        const histogram = histogramOf(all);
        const travelled = LatencyHistogram.decode(structuredClone(histogram.encode()));
        expect(travelled.summary()).toEqual(histogram.summary());
      }),
    );
  });

  it('knows nothing while nothing was recorded', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.percentileMs(0.99)).toBeNull();
    expect(histogram.shareWithin(1)).toBeNull();
    expect(histogram.summary()).toMatchObject({ count: 0, p99Ms: null, maxMs: null });
  });

  it('counts what is shorter or longer than its buckets at their ends, and keeps the longest as it was', () => {
    const histogram = histogramOf([0, -0.01, 1e9]);
    expect(histogram.count).toBe(3);
    expect(histogram.summary().maxMs).toBe(1e9);
    expect(histogram.percentileMs(0.5)).toBeLessThan(0.001);
  });

  it('tells which share was within a bound', () => {
    expect(histogramOf([1, 2, 3, 100]).shareWithin(10)).toBe(0.75);
  });
});
