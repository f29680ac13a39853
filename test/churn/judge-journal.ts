import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AnyEvent, Deed, Heard, Placement, Trouble } from './history.ts';
import type { Line } from './journal.ts';
import { type Fault, judge, newMemory } from './oracle.ts';

/**
 * Judges the journal of a run once more, with the oracle as it is now: a run takes an hour, a look at it a second.
 *
 *   scripts/node test/churn/judge-journal.ts FOLDER
 *
 * Exit code 1: there are faults. Where store and virsh disagreed was judged during the run and is taken over.
 */

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: scripts/node test/churn/judge-journal.ts FOLDER, the one given to --log');
  process.exit(2);
}

interface Gathered {
  readonly deeds: Deed[];
  readonly troubles: Trouble[];
  readonly heard: Heard[];
}
const gathered = (): Gathered => ({ deeds: [], troubles: [], heard: [] });

const before = gathered(); // what was told until the first deed is no part of any round
const rounds: Gathered[] = [];
const taken: string[] = [];
let current = before;
for await (const text of createInterface({ input: createReadStream(join(folder, 'journal.jsonl')) })) {
  const line = JSON.parse(text) as Line;
  if (line.kind === 'begin' && current === before) current = gathered();
  if (line.kind === 'check') {
    rounds.push(current);
    current = gathered();
  }
  if (line.kind === 'fault' && line.what.startsWith('store (')) taken.push(`${line.vm ?? ''} ${line.what}`);
  if (line.kind === 'deed') current.deeds.push(line.data as Deed);
  if (line.kind === 'trouble') current.troubles.push(line.data as Trouble);
  if (line.kind === 'event') current.heard.push({ atMs: line.atMs, event: line.data as AnyEvent });
}

const everyDeed = rounds.flatMap(({ deeds }) => deeds);
const hosts = Object.keys(everyDeed[0]?.before ?? {});
const vms = new Set(everyDeed.map(({ vm }) => vm));
const memory = newMemory();
judge({ hosts, before: new Map(), ...before }, memory);
let [checks, events] = [0, before.heard.length];
const faults: Fault[] = [];
rounds.forEach((round, at) => {
  const placements = new Map([...vms].map((vm) => [vm, placementBefore(vm, at)]));
  const verdict = judge(
    { ...round, hosts, before: placements, deeds: round.deeds.toSorted((a, b) => a.beganMs - b.beganMs) },
    memory,
  );
  checks += verdict.checks;
  events += round.heard.length;
  faults.push(...verdict.faults);
});
for (const { kind, level, vm, what, atMs } of faults)
  console.log(`FAULT at ${(atMs / 1_000).toFixed(1)} s: ${kind} (${level}, ${vm ?? '-'}): ${what}`);
for (const fault of taken) console.log(`FAULT of the run: ${fault}`);
const troubles = rounds.reduce((sum, round) => sum + round.troubles.length, 0);
console.log(
  `${everyDeed.length} deeds, ${troubles} troubles, ${events} events, ${checks} checks, ${rounds.length} rounds: ` +
    `${faults.length + taken.length} faults`,
);
process.exitCode = faults.length + taken.length > 0 ? 1 : 0;

/** As the next deed found it; else as the last one left it. */
function placementBefore(vm: string, round: number): Placement {
  const later = rounds.slice(round).flatMap(({ deeds }) => deeds);
  const next = later.filter((deed) => deed.vm === vm).sort((a, b) => a.beganMs - b.beganMs)[0];
  const last = everyDeed.filter((deed) => deed.vm === vm).at(-1);
  return next?.before ?? last?.after ?? {};
}
