import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { libvirtAvailable } from '@vedette/testbed/libvirt';
import { Journal } from './journal.ts';
import { allowances } from './paths.ts';
import { churn } from './run.ts';
import type { Tally } from './tally.ts';

/**
 * Churns real guests on two real libvirtd under the whole spine, and judges everything told by what virsh says.
 *
 *   scripts/node test/churn/real-churn.ts --minutes 60 --seed 7 [--guests 8] [--full-guests 1] [--calm]
 *     [--log FOLDER] [--json FILE]
 *
 * Exit code 1: something false was told, or something true was not; each fault is printed with what led to it.
 * `--calm` makes no trouble for hosts and monitor. The log is `journal.jsonl` in the folder given.
 */

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    guests: { type: 'string', default: '8' },
    'full-guests': { type: 'string', default: '0' },
    calm: { type: 'boolean', default: false },
    log: { type: 'string' },
    json: { type: 'string' },
  },
});

const numbers = { minutes: 0, seed: 0, guests: 0, 'full-guests': 0 };
for (const name of Object.keys(numbers) as Array<keyof typeof numbers>) {
  const value = Number(values[name]);
  if (!Number.isFinite(value) || value < 0) fail(2, `--${name} ${values[name]}: not a number`);
  numbers[name] = value;
}
const available = libvirtAvailable({ fullGuests: numbers['full-guests'] > 0 });
if (!available.ok) fail(2, available.reason);

const journal = new Journal(values.log);
const tally = await churn({
  seed: numbers.seed,
  durationMs: numbers.minutes * 60_000,
  guests: numbers.guests,
  fullGuests: numbers['full-guests'],
  troubles: !values.calm,
  roundMs: 45_000,
  journal,
  onFault: ({ kind, level, vm, what }, evidence) =>
    console.log(`FAULT ${kind} (${level}${vm === undefined ? '' : `, ${vm}`}): ${what}\n${evidence}`),
  onProgress: (soFar, elapsedMs) => console.log(progressOf(soFar, elapsedMs)),
});
await journal.close();
console.log(summaryOf(tally));
if (values.json !== undefined) {
  const run = {
    seed: numbers.seed,
    minutes: numbers.minutes,
    guests: numbers.guests,
    fullGuests: numbers['full-guests'],
  };
  await writeFile(values.json, `${JSON.stringify({ ...run, ...tally.asJson() }, undefined, 2)}\n`);
}
process.exitCode = tally.faults.length > 0 ? 1 : 0;

function progressOf(soFar: Tally, elapsedMs: number): string {
  const { deedCount, troubleCount, events, checks, faults, rounds } = soFar;
  const elapsed = `${(elapsedMs / 1_000).toFixed(0)} s`.padStart(7);
  return `${elapsed}  round ${rounds}  deeds ${deedCount}  troubles ${troubleCount}  events ${events}  checks ${checks}  faults ${faults.length}`;
}

function summaryOf(result: Tally): string {
  const table = (title: string, counts: ReadonlyMap<string, number>): string => {
    const rows = [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `  ${name.padEnd(24)} ${String(count).padStart(6)}`);
    return [title, ...rows].join('\n');
  };
  const lags = (['observer', 'fleet'] as const).map((level) => {
    const { p50, p99, max } = result.lagsMs(level);
    return `  ${level.padEnd(24)} p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, max ${max.toFixed(0)} ms`;
  });
  const reasons = Object.entries(allowances).map(([name, why]) => `  ${name}: ${why}`);
  return [
    table('deeds', result.deeds),
    table('troubles', result.troubles),
    table('events', result.eventsByType),
    table('allowances used', result.allowed),
    ...reasons,
    ['told after virsh returned (troubles included)', ...lags].join('\n'),
    `seed ${numbers.seed}: ${result.deedCount} deeds (${result.refused} refused), ${result.troubleCount} troubles, ` +
      `${result.events} events, ${result.checks} checks, ${result.rounds} rounds in ${(result.elapsedMs / 1_000).toFixed(0)} s: ` +
      `${result.faults.length} faults`,
  ].join('\n');
}

function fail(code: number, message: string): never {
  console.error(message);
  process.exit(code);
}
