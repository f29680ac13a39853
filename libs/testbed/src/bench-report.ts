import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/**
 * The frame of every measurement: what was measured, on what, of which sources, with which settings, and what was not
 * (docs/performance.md). The one place for benches beside libraries and for services/loadgen.
 */
export interface BenchReport {
  /** The figures of docs/performance.md that it speaks for, as `P6`; empty for none. */
  readonly figures: readonly string[];
  /** What was measured, in a few words. */
  readonly what: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly results: unknown;
  readonly verdicts: readonly Verdict[];
  readonly notMeasured: readonly string[];
  /** For people; printed in order. */
  readonly tables: readonly BenchTable[];
}

export interface BenchTable {
  readonly title: string;
  readonly rows: ReadonlyArray<Readonly<Record<string, Cell>>>;
}

export type Cell = string | number | boolean | null | undefined;

/** One thing that was to be reached. */
export interface Verdict {
  readonly figure: string;
  readonly what: string;
  /** As people read it, with its unit. */
  readonly measured: string;
  readonly toReach: string;
  /** Undefined: this run cannot say (too short, another load, a generator that was itself the limit). */
  readonly reached: boolean | undefined;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Over 1, 5 and 15 min, as the report is written. */
  readonly loadAverage: readonly number[];
}

/** What a figure is measured on. */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
    loadAverage: loadavg(),
  };
}

/** The commit measured, `-dirty` behind it where the checkout differs; a copy without its history has none. */
export function describeCommit(folder: string = import.meta.dirname): string {
  try {
    const args = ['describe', '--always', '--abbrev=12', '--dirty'];
    return execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
}

/** The document that `--json` writes. */
export function benchDocument(report: BenchReport, atMs: number): Readonly<Record<string, unknown>> {
  const { figures, what, settings, results, verdicts, notMeasured } = report;
  return {
    what,
    figures,
    at: new Date(atMs).toISOString(),
    commit: describeCommit(),
    machine: describeMachine(),
    settings,
    results,
    verdicts,
    notMeasured,
  };
}

/** What people read. */
export function benchText(report: BenchReport): string {
  const { cpu, cores, memoryMiB, node, loadAverage } = describeMachine();
  const load = loadAverage.map((average) => average.toFixed(1)).join(' ');
  const blocks = [
    `${report.what}\n${cores} x ${cpu}, ${memoryMiB} MiB, Node ${node}, commit ${describeCommit()}, load ${load}`,
    ...report.tables.map(({ title, rows }) => `${title}\n${textTable(rows)}`),
  ];
  if (report.verdicts.length > 0) blocks.push(textTable(report.verdicts.map(verdictRow)));
  blocks.push(`not measured: ${report.notMeasured.join('; ')}`);
  return `${blocks.join('\n\n')}\n`;
}

/** Prints the report and writes its document where one is wanted. */
export function tellBench(
  report: BenchReport,
  options: { readonly json?: string | undefined; readonly atMs: number },
): void {
  process.stdout.write(`\n${benchText(report)}`);
  if (options.json === undefined) return;
  writeFileSync(options.json, `${JSON.stringify(benchDocument(report, options.atMs), undefined, 2)}\n`);
  process.stdout.write(`written to ${options.json}\n`);
}

function verdictRow({ figure, what, measured, toReach, reached }: Verdict): Readonly<Record<string, Cell>> {
  const said = reached === undefined ? 'cannot say' : reached ? 'reached' : 'NOT reached';
  return { figure, what, measured, 'to reach': toReach, verdict: said };
}

/** Columns in the order in which they first appear; numbers to the right. */
export function textTable(rows: BenchTable['rows']): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const texts = rows.map((row) => columns.map((column) => cellText(row[column])));
  const widths = columns.map((column, at) => Math.max(column.length, ...texts.map((cells) => cells[at]?.length ?? 0)));
  const numeric = columns.map((column) => rows.every((row) => row[column] == null || typeof row[column] === 'number'));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (numeric[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...texts.map(line)].join('\n');
}

/** Four significant digits: no figure here is more exact than that. */
function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return '-';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (typeof cell === 'string') return cell;
  if (Number.isNaN(cell)) return '-';
  if (Number.isInteger(cell) || Math.abs(cell) >= 1_000) return Math.round(cell).toLocaleString('en-US');
  return String(Number(cell.toPrecision(4)));
}
