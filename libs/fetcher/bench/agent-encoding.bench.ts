/**
 * How an agent's listings should be written: JSON rows, JSON objects or MessagePack, by processor time on both sides and
 * by bytes, for full listings and deltas (docs/adr/0013).
 *
 *     node libs/fetcher/bench/agent-encoding.bench.ts [--json FILE] [--seconds 20]
 *
 * Both sides hold plain rows before and after, so that only the encoding differs; what the protocol adds on top (the
 * check of every member, the objects of the port) is measured beside it, on the rows as they travel. Encodings take
 * turns of a few milliseconds of which the thread's processor time and their median count: what disturbs the machine
 * meets all of them.
 */
import { parseArgs } from 'node:util';
import type { RuntimeRow } from '@vedette/fetcher';
import {
  readLayout,
  readRuntimeStats,
  rowFields,
  wireRow,
  writeCompleteReply,
  writeDeltaReply,
} from '@vedette/fetcher/agent-protocol';
import { contentHash } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import { type BenchTable, tellBench } from '@vedette/testbed';
import { Packr } from 'msgpackr';

const clock = new RealClock();
const { values } = parseArgs({
  options: { json: { type: 'string' }, seconds: { type: 'string', default: '20' } },
});

interface Encoding {
  readonly name: string;
  readonly write: (reply: object) => Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
  /** What a row is written as. */
  readonly shape: 'row' | 'object';
}

const plain = new Packr({ useRecords: false });
const records = new Packr({ useRecords: true, structures: [] });
const readJson = (bytes: Uint8Array): unknown =>
  JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
const writeJson = (reply: object): Uint8Array => Buffer.from(JSON.stringify(reply));

const encodings: readonly Encoding[] = [
  { name: 'JSON rows', shape: 'row', write: writeJson, read: readJson },
  { name: 'JSON objects', shape: 'object', write: writeJson, read: readJson },
  { name: 'MessagePack rows', shape: 'row', write: (reply) => plain.pack(reply), read: (bytes) => plain.unpack(bytes) },
  {
    name: 'MessagePack objects',
    shape: 'object',
    write: (reply) => plain.pack(reply),
    read: (bytes) => plain.unpack(bytes),
  },
  {
    name: 'MessagePack records',
    shape: 'object',
    write: (reply) => records.pack(reply),
    read: (bytes) => records.unpack(bytes),
  },
];

interface Load {
  readonly name: string;
  readonly rows: readonly RuntimeRow[];
  readonly complete: boolean;
}

/** 5 % of the VMs have moved since the poll before, none of them in a section: what 3 s of the reference fleet bring. */
const loads: readonly Load[] = [40, 400].flatMap((vms) => [
  { name: `${vms} VMs, full`, rows: rowsOf(vms, true), complete: true },
  { name: `${vms} VMs, delta of ${vms / 20}`, rows: rowsOf(vms / 20, false), complete: false },
]);

function rowsOf(count: number, whole: boolean): readonly RuntimeRow[] {
  return Array.from({ length: count }, (_, at): RuntimeRow => {
    const digits = contentHash(['vm', at]);
    const row = {
      vm: `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13)}-8000-${contentHash(at).slice(0, 12)}`,
      state: 'running' as const,
      reason: 'booted',
      raw: { state: '1', reason: '1' },
      cpuSystem: ((at * 37) % 400) / 1_000,
      cpuUser: ((at * 91) % 1_000) / 1_000,
      memoryPercent: ((at * 53) % 1_000) / 10,
      elapsedS: 86_400 + at * 997,
      hashes: {},
      rev: 1_000 + at,
    };
    if (!whole) return row;
    const hashes = {
      info: digits,
      config: contentHash(['c', at]),
      status: contentHash('s'),
      guest: contentHash(['g', at]),
    };
    return { ...row, name: `web-${at}.example`, hashes };
  });
}

const head = { hostUuid: '4c4c4544-0042-4b10-8054-b7c04f4a4e32', boot: 'b-17f3a9', rev: 9_000, stateRev: 8_990 };
const checksum = '0123456789abcdef';

function replyOf({ rows, complete }: Load, shape: Encoding['shape']): object {
  const whole = complete ? { protocol: 1, ...(shape === 'row' ? { fields: rowFields } : {}) } : {};
  const written = rows.map((row) => (shape === 'row' ? wireRow(row) : objectOf(row)));
  return { ...head, complete, ...whole, rows: written, left: [], checksum };
}

function objectOf(row: RuntimeRow): object {
  const cells = wireRow(row);
  return Object.fromEntries(rowFields.map((field, at) => [field, cells[at]]).filter(([, cell]) => cell != null));
}

/** One thing that is timed; what it returns is kept, so that nothing is optimised away. */
interface Contest {
  readonly load: string;
  readonly encoding: string;
  readonly bytes: number;
  readonly writeUs: number[];
  readonly readUs: number[];
  readonly write: () => unknown;
  readonly read: () => unknown;
}

function contestsOf(load: Load): readonly Contest[] {
  const bare = encodings.map(({ name, shape, write, read }): Contest => {
    const reply = replyOf(load, shape);
    const bytes = write(reply);
    const timed = { load: load.name, encoding: name, bytes: bytes.length, writeUs: [], readUs: [] };
    return { ...timed, write: () => write(reply), read: () => read(bytes) };
  });
  const layout = readLayout(rowFields);
  const { rows } = load;
  const nothing = { left: [], unreadable: [], checksum };
  const write = (): Buffer | undefined =>
    load.complete ? writeCompleteReply(head, { rows, ...nothing }) : writeDeltaReply(head, { rows, ...nothing });
  const bytes = write() ?? Buffer.alloc(0);
  const ours = { load: load.name, encoding: 'the protocol (JSON rows, checked)', bytes: bytes.length };
  return [...bare, { ...ours, writeUs: [], readUs: [], write, read: () => readRuntimeStats(bytes, () => layout) }];
}

const TURN_MS = 4;
let kept: unknown;

/** Microseconds of this thread's processor time that one call takes, over a turn. */
function turn(work: () => unknown): number {
  const begunMs = clock.now();
  const begun = process.threadCpuUsage();
  let calls = 0;
  do {
    for (let at = 0; at < 8; at++) kept = work();
    calls += 8;
  } while (clock.now() - begunMs < TURN_MS);
  const { user, system } = process.threadCpuUsage(begun);
  return (user + system) / calls;
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
}

const contests = loads.flatMap(contestsOf);
const rounds = Math.max(5, Math.floor((1_000 * Number(values.seconds)) / (contests.length * 2 * TURN_MS)));
for (let round = 0; round < rounds; round++) {
  for (const contest of contests) {
    contest.writeUs.push(turn(contest.write));
    contest.readUs.push(turn(contest.read));
  }
}
if (kept === undefined) throw new Error('nothing was read');

const results = contests.map(({ load, encoding, bytes, writeUs, readUs }) => {
  const [write, read] = [median(writeUs), median(readUs)];
  return { load, encoding, bytes, writeUs: write, readUs: read, bothUs: write + read };
});
const tables: readonly BenchTable[] = loads.map(({ name, rows }) => ({
  title: `${name} (${rows.length} rows)`,
  rows: results
    .filter(({ load }) => load === name)
    .map(({ encoding, bytes, writeUs, readUs, bothUs }) => ({
      encoding,
      bytes,
      'write us': writeUs,
      'read us': readUs,
      'both us': bothUs,
    })),
}));

tellBench(
  {
    figures: [],
    what: 'agent listings: encodings compared',
    settings: {
      seconds: Number(values.seconds),
      rounds,
      turnMs: TURN_MS,
      statistic: 'median of turns, processor time of the thread',
    },
    results,
    verdicts: [],
    notMeasured: [
      'the bus: headers, sockets and TLS cost the same for every encoding, but for their bytes',
      'compression: none is used on the bus; random hashes and ids do not compress',
      "garbage collection: the thread's own share is in the turns, that of its helpers is not",
      'other languages: an agent in another one has another balance',
    ],
    tables,
  },
  { json: values.json, atMs: clock.wallNow() },
);
