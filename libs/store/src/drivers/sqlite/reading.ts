import { DatabaseSync } from 'node:sqlite';
import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';
import type { Query } from '../../engine/front.ts';
import { Queries } from '../../engine/queries.ts';
import { isStepwise, type Stepwise } from '../../engine/stepwise.ts';
import type { ReadTables } from '../../engine/tables.ts';
import { ReadConnection } from './read-tables.ts';
import { schemaSteps, schemaVersion } from './schema.ts';

/** Address space through which pages are read without copying: 1 GiB, where the machine has that to give. */
const mappedBytes = 2 ** 30;
const cacheKiB = 32 * 1024;

/** A file open for queries alone. */
export interface Reading {
  readonly tables: ReadTables;
  /** The answer, or the steps to it; each step, and each answer at once, sees one state of the file. */
  query(name: Query, args: readonly unknown[]): unknown;
  close(): void;
}

/**
 * Opens the file for queries alone. @throws VedetteError VDT_STORE_CANNOT_OPEN, VDT_STORE_NEWER_SCHEMA and others for
 * a file that cannot be read, SQLite's own errors
 */
export function openForReading(
  path: string,
  connect = (database: DatabaseSync): ReadTables => new ReadConnection(database),
): Reading {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    const version = schemaVersion(database, path);
    if (version < schemaSteps.length) {
      const message = `store ${path} has schema ${version}, this release reads ${schemaSteps.length}`;
      const action = 'start Vedette once on this file: that brings it to the present schema';
      throw new VedetteError('VDT_STORE_CANNOT_OPEN', { message, action });
    }
    database.exec(`PRAGMA query_only = 1; PRAGMA cache_size = -${cacheKiB}; PRAGMA mmap_size = ${mappedBytes}`);
    return readingOn(database, connect(database));
  } catch (error) {
    database.close();
    throw error;
  }
}

function readingOn(database: DatabaseSync, tables: ReadTables): Reading {
  const queries = new Queries(tables);
  const inOneState = <T>(work: () => T): T => {
    database.exec('BEGIN');
    try {
      return work();
    } finally {
      database.exec('COMMIT');
    }
  };
  function* stepByStep(steps: Stepwise<unknown>): Stepwise<unknown> {
    for (;;) {
      const { done, value } = inOneState(() => steps.next());
      if (done) return value;
      yield;
    }
  }
  return {
    tables,
    query(name, args) {
      const method = queries[name] as (...args: readonly unknown[]) => unknown;
      const result = inOneState(() => method.apply(queries, [...args]));
      return isStepwise(result) ? stepByStep(result) : result;
    },
    close: () => database.isOpen && database.close(),
  };
}
