import type { DatabaseSync } from 'node:sqlite';
import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';

/** `VDTS`: marks a database as a store of ours (PRAGMA application_id). */
const applicationId = 0x56445453;

/**
 * The schema, one step a release that changed it; a file carries the number of steps it has seen (user_version).
 * Steps are never edited once released.
 *
 * S1. VMs and observers are numbered; indexes and keys hold small numbers instead of identifiers. The key of a document
 *     is `vm * 2^20 + observer`.
 * S2. A VM identifier that is a UUID is kept as its 16 bytes, any other as text.
 * S3. A VM is one row with all its sightings, so that an event reads one row and writes one. What queries look for
 *     stands in columns, the rest in `data` (vm-codec.ts).
 * S4. What changes often is in no index: a VM that goes from running to stopped touches its own row alone. States and
 *     realms that many VMs are in are found by looking at all VMs, rare states by an index of their own.
 * S5. History needs no index: each record names the one before it of the same VM, and the VM its last one. Where the
 *     chain leads to a record that was dropped, it ends.
 */
export const schemaSteps: readonly string[] = [
  `
  CREATE TABLE counters (
    id INTEGER PRIMARY KEY CHECK (id = 1), store TEXT NOT NULL, mark INTEGER NOT NULL, terms INTEGER NOT NULL,
    position INTEGER NOT NULL, relayed INTEGER NOT NULL, dropped INTEGER NOT NULL, sequence INTEGER NOT NULL,
    history_rows INTEGER NOT NULL, vms INTEGER NOT NULL, observers INTEGER NOT NULL, version_floor INTEGER NOT NULL
  );

  CREATE TABLE observers (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, registered INTEGER NOT NULL, realm TEXT NOT NULL,
    observable INTEGER NOT NULL, removed INTEGER NOT NULL, echoed_mark INTEGER NOT NULL, data TEXT NOT NULL
  );
  CREATE INDEX observers_unobservable ON observers (number) WHERE observable = 0;
  CREATE TABLE applied (
    number INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, closed INTEGER NOT NULL, through INTEGER NOT NULL, beyond TEXT
  );

  CREATE TABLE vms (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL, state TEXT, decider INTEGER, realm TEXT, name TEXT, gone_at INTEGER,
    data TEXT NOT NULL
  );
  CREATE UNIQUE INDEX vms_id ON vms (id);
  CREATE INDEX vms_rare_state ON vms (state) WHERE state NOT IN ('running', 'stopped');
  CREATE INDEX vms_decider ON vms (decider);
  CREATE INDEX vms_gone ON vms (gone_at) WHERE gone_at IS NOT NULL;

  CREATE TABLE seen (
    observer INTEGER NOT NULL, number INTEGER NOT NULL, present INTEGER NOT NULL, shared INTEGER NOT NULL,
    PRIMARY KEY (observer, number)
  ) WITHOUT ROWID;
  CREATE TABLE documents (key INTEGER PRIMARY KEY, config TEXT, guest TEXT);
  CREATE TABLE addresses (key TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (key, number)) WITHOUT ROWID;

  CREATE TABLE pendings (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, realm TEXT NOT NULL, mark INTEGER NOT NULL);
  CREATE INDEX pendings_waiting ON pendings (realm, mark) WHERE kind = 'waiting';

  CREATE TABLE fleet_log (position INTEGER PRIMARY KEY, id TEXT NOT NULL, json TEXT NOT NULL);
  CREATE TABLE history (
    sequence INTEGER PRIMARY KEY, previous INTEGER NOT NULL, at INTEGER NOT NULL, observer INTEGER, name TEXT NOT NULL,
    via TEXT NOT NULL, data TEXT NOT NULL
  );
  CREATE TABLE coverages (member TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
  `,
  // Hosts know who named them; until now nobody but the configuration could.
  `
  UPDATE observers SET data = json_set(data, '$.host.origin', 'configuration')
    WHERE registered = 1 AND json_extract(data, '$.host.origin') IS NULL;
  `,
];

/** Reads a number that a pragma gives. */
export function pragma(database: DatabaseSync, name: string): number {
  const row = database.prepare(`PRAGMA ${name}`).get() ?? {};
  return Number(Object.values(row)[0]);
}

/**
 * What stands in the file: the number of schema steps it has seen, 0 for a new one. Writes nothing.
 *
 * @throws VedetteError VDT_STORE_NOT_A_DATABASE for a database of somebody else, VDT_STORE_NEWER_SCHEMA
 */
export function schemaVersion(database: DatabaseSync, path: string, steps = schemaSteps): number {
  const version = pragma(database, 'user_version');
  const tables = Number(database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.tables);
  const owner = pragma(database, 'application_id');
  if (owner !== applicationId && (tables > 0 || version > 0)) {
    throw new VedetteError('VDT_STORE_NOT_A_DATABASE', { message: `${path} is a database of another program` });
  }
  if (version > steps.length) {
    const message = `store ${path} has schema ${version}, this release knows ${steps.length}`;
    throw new VedetteError('VDT_STORE_NEWER_SCHEMA', { message });
  }
  return version;
}

/** Brings the file to the present schema, each step in a transaction of its own. Throws what {@link schemaVersion} throws. */
export function migrate(database: DatabaseSync, path: string, steps = schemaSteps): void {
  for (let version = schemaVersion(database, path, steps); version < steps.length; version++) {
    database.exec('BEGIN IMMEDIATE');
    try {
      database.exec(steps[version] as string);
      database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version + 1}; COMMIT`);
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }
}
