import { existsSync, readdirSync, statSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { VedetteError } from '@vedette/runtime';
import type { Store, StoredEvent } from '@vedette/store';
import { ScriptedObserver } from '@vedette/store/conformance';
import { openSqliteReader, openSqliteStore, SqliteThreads } from '@vedette/store/sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { migrate, schemaSteps, schemaVersion } from '../src/drivers/sqlite/schema.ts';
import { integrityOf, storeFolder } from './support/files.ts';

const threads = new SqliteThreads();
afterAll(() => threads[Symbol.asyncDispose]());

async function withHost(store: Store): Promise<ScriptedObserver> {
  await store.registerHosts([{ id: 'h1', name: '', realm: 'r1', url: 'test://h1' }]);
  return new ScriptedObserver('h1', (await store.openObserver('h1')).epoch);
}

function running(h1: ScriptedObserver, count: number, from = 0): StoredEvent[] {
  return Array.from({ length: count }, (_, at) => ({
    event: h1.state(`v${from + at}`, 'running'),
    position: undefined,
  }));
}

describe('files that cannot be used', () => {
  test('F7: a file that is no database is refused and left as it was', async () => {
    await using folder = await storeFolder();
    await writeFile(folder.file, 'this is a text, and long enough to be read as a header of something else');
    const before = await readFile(folder.file);
    for (const open of [openSqliteStore, openSqliteReader]) {
      await expect(open({ path: folder.file, threads })).rejects.toMatchObject({
        code: 'VDT_STORE_NOT_A_DATABASE',
        retryable: false,
      });
    }
    expect(await readFile(folder.file)).toEqual(before);
  });

  test('a database of another program is refused and left as it was', async () => {
    await using folder = await storeFolder();
    const other = new DatabaseSync(folder.file);
    other.exec('CREATE TABLE songs (name TEXT)');
    other.close();
    const before = await readFile(folder.file);
    await expect(openSqliteStore({ path: folder.file, threads })).rejects.toMatchObject({
      code: 'VDT_STORE_NOT_A_DATABASE',
      message: `${folder.file} is a database of another program`,
    });
    expect(await readFile(folder.file)).toEqual(before);
  });

  test('a folder that does not exist, a path that is a folder, a store that does not exist', async () => {
    await using folder = await storeFolder();
    const refused = { code: 'VDT_STORE_CANNOT_OPEN', retryable: false };
    await expect(openSqliteStore({ path: join(folder.path, 'no', 'store.db'), threads })).rejects.toMatchObject(
      refused,
    );
    await expect(openSqliteStore({ path: folder.path, threads })).rejects.toMatchObject(refused);
    await expect(openSqliteReader({ path: folder.file })).rejects.toMatchObject(refused);
    expect(existsSync(folder.file)).toBe(false);
  });

  test('F7: a damaged file is told as such, by the call that meets the damage', async () => {
    await using folder = await storeFolder();
    const store = await openSqliteStore({ path: folder.file, threads });
    await store.apply(running(await withHost(store), 2_000));
    await store.close();
    const file = await open(folder.file, 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size - 32_768, 0x5a), 0, undefined, 32_768);
    await file.close();
    const use = async (): Promise<void> => {
      await using damaged = await openSqliteStore({ path: folder.file, threads });
      await damaged.vms({ text: 'v' }, { limit: 1_000 });
      await damaged.apply(running(await withHost(damaged), 2_000));
    };
    await expect(use()).rejects.toMatchObject({ code: 'VDT_STORE_CORRUPT', retryable: false });
  });
});

describe('a full disk', () => {
  test('F7: a batch without room is refused whole and retryable; what was there stays, and room makes it work', async () => {
    await using folder = await storeFolder();
    const maxFileBytes = 1024 * 1024;
    const store = await openSqliteStore({ path: folder.file, threads, maxFileBytes });
    const h1 = await withHost(store);
    await store.apply(running(h1, 100));
    const large = running(h1, 5_000, 100);
    for (let attempt = 0; attempt < 2; attempt++) {
      const refusal = expect(store.apply(large)).rejects;
      await refusal.toMatchObject({ code: 'VDT_STORE_DISK_FULL', retryable: true });
    }
    expect((await store.counts()).vms).toEqual({ running: 100 });
    expect((await store.vms({}, { limit: 1_000 })).items).toHaveLength(100);
    const { position } = await store.identity();
    expect((await store.outbox(1_000)).at(-1)?.position).toBe(position);
    expect((await store.apply(running(h1, 1, 50))).statuses).toEqual(['applied']);
    await store.close();
    await using roomy = await openSqliteStore({ path: folder.file, threads });
    expect((await roomy.apply(large)).statuses.every((status) => status === 'applied')).toBe(true);
    expect((await roomy.counts()).vms).toEqual({ running: 5_100 });
    await roomy.close();
    expect(integrityOf(folder.file)).toBe('ok');
  });

  test('I12: what could not be written about who is watched is told again when there is room', async () => {
    await using folder = await storeFolder();
    await using store = await openSqliteStore({ path: folder.file, threads, maxFileBytes: 512 * 1024 });
    const name = 'x'.repeat(1_000);
    const hosts = Array.from({ length: 40 }, (_, at) => ({ id: `h${at}`, name, realm: 'r1', url: 'test://h' }));
    await store.registerHosts(hosts);
    let filled = 0;
    try {
      for (; ; filled++) await store.registerHosts([{ id: `f${filled}`, name: '', realm: 'r1', url: 'test://f' }]);
    } catch (error) {
      expect(error).toMatchObject({ code: 'VDT_STORE_DISK_FULL' });
    }
    await expect(store.judgeCoverage(-1)).rejects.toMatchObject({ code: 'VDT_STORE_DISK_FULL' });
    await expect(store.judgeCoverage(-1)).rejects.toMatchObject({ code: 'VDT_STORE_DISK_FULL' });
  });
});

describe('schema', () => {
  test('a file of an older schema is brought to the present one with everything in it', async () => {
    await using folder = await storeFolder();
    const store = await openSqliteStore({ path: folder.file, threads });
    await store.apply(running(await withHost(store), 10));
    const identity = await store.identity();
    await store.close();
    const database = new DatabaseSync(folder.file);
    const steps = [...schemaSteps, 'ALTER TABLE vms ADD COLUMN note TEXT; UPDATE vms SET note = name'];
    migrate(database, folder.file, steps);
    expect(schemaVersion(database, folder.file, steps)).toBe(steps.length);
    const row = database.prepare('SELECT count(*) AS vms, count(note) AS notes FROM vms').get();
    expect({ ...row }).toEqual({ vms: 10, notes: 10 });
    database.close();
    expect(identity.position).toBeGreaterThan(0);
    expect(integrityOf(folder.file)).toBe('ok');
  });

  test("hosts of a file from before there were origins are the configuration's, with all else as it was", async () => {
    await using folder = await storeFolder();
    const store = await openSqliteStore({ path: folder.file, threads });
    await withHost(store);
    const before = await store.host('h1');
    await store.close();
    const database = new DatabaseSync(folder.file);
    database.exec(`UPDATE observers SET data = json_remove(data, '$.host.origin'); PRAGMA user_version = 1`);
    expect(database.prepare(`SELECT json_extract(data, '$.host.origin') AS o FROM observers`).get()?.o).toBeNull();
    migrate(database, folder.file);
    expect(database.prepare(`SELECT json_extract(data, '$.host.origin') AS o FROM observers`).get()?.o).toBe(
      'configuration',
    );
    database.close();
    await using again = await openSqliteStore({ path: folder.file, threads });
    expect(await again.host('h1')).toMatchObject({
      id: 'h1',
      hostVersion: before?.hostVersion,
      origin: 'configuration',
    });
  });

  test('a step that fails leaves the file at the schema before it', async () => {
    await using folder = await storeFolder();
    const database = new DatabaseSync(folder.file);
    const steps = [...schemaSteps, 'CREATE TABLE more (id INTEGER); INSERT INTO nowhere VALUES (1)'];
    expect(() => migrate(database, folder.file, steps)).toThrow('no such table: nowhere');
    expect(schemaVersion(database, folder.file, steps)).toBe(schemaSteps.length);
    expect(database.prepare(`SELECT count(*) AS more FROM sqlite_schema WHERE name = 'more'`).get()?.more).toBe(0);
    database.close();
    await using store = await openSqliteStore({ path: folder.file, threads });
    expect((await store.counts()).vms).toEqual({});
  });

  test('a file of a newer release is refused and left as it was', async () => {
    await using folder = await storeFolder();
    await (await openSqliteStore({ path: folder.file, threads })).close();
    const database = new DatabaseSync(folder.file);
    database.exec(`PRAGMA user_version = ${schemaSteps.length + 1}`);
    database.close();
    const before = await readFile(folder.file);
    for (const open of [openSqliteStore, openSqliteReader]) {
      await expect(open({ path: folder.file, threads })).rejects.toMatchObject({
        code: 'VDT_STORE_NEWER_SCHEMA',
        message: `store ${folder.file} has schema ${schemaSteps.length + 1}, this release knows ${schemaSteps.length}`,
      });
    }
    expect(await readFile(folder.file)).toEqual(before);
  });
});

describe('opening and closing', () => {
  test('a closed store leaves one sound file: no log of writes to come, no process named', async () => {
    await using folder = await storeFolder();
    const store = await openSqliteStore({ path: folder.file, threads });
    await store.apply(running(await withHost(store), 100));
    await store.close();
    expect(readdirSync(folder.path).sort()).toEqual(['store.db', 'store.db.lock']);
    expect(statSync(folder.file).size).toBeGreaterThan(0);
    expect(integrityOf(folder.file)).toBe('ok');
  });

  test('I10: an abort closes the store; one that came before refuses to open it', async () => {
    await using folder = await storeFolder();
    const controller = new AbortController();
    const store = await openSqliteStore({ path: folder.file, threads, signal: controller.signal });
    controller.abort(new Error('enough'));
    await store.close();
    await expect(store.counts()).rejects.toMatchObject({ code: 'VDT_STORE_CLOSED' });
    const late = openSqliteStore({ path: folder.file, threads, signal: controller.signal });
    await expect(late).rejects.toThrow('enough');
    await using again = await openSqliteStore({ path: folder.file, threads });
    expect((await again.identity()).position).toBe(0);
  });

  test('calls made before the close are answered', async () => {
    await using folder = await storeFolder();
    const store = await openSqliteStore({ path: folder.file, threads });
    const h1 = await withHost(store);
    const applied = Array.from({ length: 10 }, (_, at) => store.apply(running(h1, 10, at * 10)));
    const listed = store.vms({}, { limit: 10 });
    await store.close();
    expect((await Promise.all(applied)).flatMap(({ statuses }) => statuses)).toHaveLength(100);
    expect((await listed).items.length).toBeLessThanOrEqual(10);
    await using again = await openSqliteStore({ path: folder.file, threads });
    expect((await again.counts()).vms).toEqual({ running: 100 });
  });

  test('each new file has an identity of its own, and keeps it', async () => {
    await using folder = await storeFolder();
    const identities: string[] = [];
    for (const name of ['a.db', 'b.db', 'a.db']) {
      await using store = await openSqliteStore({ path: join(folder.path, name), threads });
      identities.push((await store.identity()).id);
    }
    const [a, b, again] = identities;
    expect(a).not.toBe(b);
    expect(again).toBe(a);
    expect(a).toMatch(/^[A-Za-z0-9.~-]+$/);
  });

  test('F7: more calls than may wait are refused at once, and told to come again', async () => {
    await using folder = await storeFolder();
    await using store = await openSqliteStore({ path: folder.file, threads });
    const calls = Array.from({ length: 5_000 }, () => store.castMark());
    const outcomes = await Promise.allSettled(calls);
    const refused = outcomes
      .filter((outcome) => outcome.status === 'rejected')
      .map(({ reason }) => reason as VedetteError);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(5_000);
    expect(refused.every((error) => VedetteError.is(error, 'VDT_STORE_BUSY') && error.retryable)).toBe(true);
    expect(await store.castMark()).toBeUndefined();
  });

  test('threads of its own end with the store', async () => {
    await using folder = await storeFolder();
    const store = await openSqliteStore({ path: folder.file });
    const h1 = await withHost(store);
    await store.apply(running(h1, 1));
    await store.close();
    await using again = await openSqliteStore({ path: folder.file, threads });
    expect((await again.counts()).vms).toEqual({ running: 1 });
  });
});
