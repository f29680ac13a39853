import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BenchReport, benchText, describeCommit, tellBench, tempDir, textTable } from '@vedette/testbed';
import { describe, expect, it, vi } from 'vitest';

const report: BenchReport = {
  figures: ['P6'],
  what: 'calls beside bare calls',
  settings: { pairs: 10 },
  results: { ratio: 0.93 },
  verdicts: [
    { figure: 'P6', what: 'calls', measured: '0.93', toReach: '>= 0.90', reached: true },
    { figure: 'P6', what: 'p99', measured: '1.5', toReach: '<= 1.20', reached: false },
    { figure: 'P6', what: 'other load', measured: '1', toReach: '<= 1.20', reached: undefined },
  ],
  notMeasured: ['TLS', 'other machines'],
  tables: [
    {
      title: 'calls',
      rows: [
        { side: 'bare', us: 12.3456 },
        { side: 'library', us: 1_234_567 },
      ],
    },
  ],
};

describe('the frame of a measurement', () => {
  it('shows people the machine, the commit, the tables, what was reached and what was not measured', () => {
    const text = benchText(report);
    for (const part of [process.version, describeCommit(), 'calls beside bare calls', '1,234,567', '12.35']) {
      expect(text).toContain(part);
    }
    expect(text).toMatch(/calls .*reached\n.*p99 .*NOT reached\n.*other load .*cannot say/);
    expect(text).toContain('not measured: TLS; other machines');
  });

  it('writes the same as a document, with everything that a figure must be given with', async () => {
    await using folder = await tempDir('bench-report');
    const json = join(folder.path, 'report.json');
    const quiet = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    tellBench(report, { json, atMs: Date.UTC(2026, 0, 2) });
    quiet.mockRestore();
    const document = JSON.parse(await readFile(json, 'utf8')) as Record<string, unknown>;
    expect(document).toMatchObject({
      what: report.what,
      figures: ['P6'],
      at: '2026-01-02T00:00:00.000Z',
      commit: describeCommit(),
      settings: report.settings,
      results: report.results,
      notMeasured: report.notMeasured,
    });
    expect(document.machine).toMatchObject({ node: process.version, cores: expect.any(Number) });
    expect(document.verdicts).toHaveLength(3);
  });

  it('sets numbers to the right and leaves out nothing that only some rows have', () => {
    expect(
      textTable([
        { who: 'a', n: 1 },
        { who: 'bcd', n: 1_000, more: true },
        { who: 'e', n: null },
      ]),
    ).toBe(['who      n  more', '---  -----  ----', 'a        1  -', 'bcd  1,000  yes', 'e        -  -'].join('\n'));
  });
});
