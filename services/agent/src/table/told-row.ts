import type { RuntimeRow, SectionName } from '@vedette/fetcher';
import { type RecordedRow, unmeasured } from './recorded-row.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
const noHashes: RuntimeRow['hashes'] = Object.freeze({});

/**
 * A recorded row as it is told. That a VM was defined anew is told to whoever knew it before, and to nobody else.
 *
 * @param sinceRev the revision that who is told knows; undefined: he knows nothing
 * @param whole name and hashes go with it in any case, else only where they changed after `sinceRev`
 * @param nowS on the clock of the table
 */
export function toldRow(row: RecordedRow, sinceRev: number | undefined, whole: boolean, nowS: number): RuntimeRow {
  const isNews = whole || sinceRev === undefined || row.describedRev > sinceRev;
  const told: Writable<RuntimeRow> = {
    vm: row.vm,
    state: row.state,
    reason: row.reason,
    raw: row.raw,
    hashes: isNews ? hashesOf(row) : noHashes,
    rev: row.rev,
  };
  if (isNews && row.name !== undefined) told.name = row.name;
  if (row.cpuSystem !== unmeasured) told.cpuSystem = row.cpuSystem / 1_000;
  if (row.cpuUser !== unmeasured) told.cpuUser = row.cpuUser / 1_000;
  if (row.memory !== unmeasured) told.memoryPercent = row.memory / 10;
  if (row.hasStarted) told.elapsedS = Math.max(0, nowS - row.startedS);
  if (row.forgotten) told.forgotten = true;
  if (row.unproved) told.unproved = true;
  if (sinceRev !== undefined && row.recreatedRev > sinceRev) told.recreated = true;
  return told;
}

function hashesOf({ info, config, status, guest }: RecordedRow): RuntimeRow['hashes'] {
  const hashes: { [S in SectionName]?: string } = {};
  if (info !== '') hashes.info = info;
  if (config !== '') hashes.config = config;
  if (status !== '') hashes.status = status;
  if (guest !== '') hashes.guest = guest;
  return hashes;
}
