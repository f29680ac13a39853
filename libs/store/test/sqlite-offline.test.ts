import { DatabaseSync } from 'node:sqlite';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { address, coverage, ScriptedObserver } from '@vedette/store/conformance';
import { openSqliteReader, openSqliteStore, SqliteThreads } from '@vedette/store/sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { storeFolder } from './support/files.ts';

const threads = new SqliteThreads();
afterAll(() => threads[Symbol.asyncDispose]());

describe('reading a file of which nothing runs', () => {
  test('I12: nobody watches: hosts read as unwatched, VMs as unknown with their last state, with ages', async () => {
    await using folder = await storeFolder();
    const clock = new SimulatedClock();
    const store = await openSqliteStore({ path: folder.file, clock, threads });
    await store.registerHosts(['h1', 'h2'].map((id) => ({ id, name: id, realm: 'r1', url: `test://${id}` })));
    const h1 = new ScriptedObserver('h1', (await store.openObserver('h1')).epoch);
    const h2 = new ScriptedObserver('h2', (await store.openObserver('h2')).epoch);
    const events = [
      h1.hostState('up'),
      h1.state('v1', 'running'),
      h1.addresses('v1', [address('10.0.0.1')]),
      h1.config('v1', 'web', '1'),
      h2.state('v2', 'stopped'),
      h2.state('v3', 'absent', { lastPresent: 'running' }),
    ];
    await store.apply(events.map((event) => ({ event, position: undefined })));
    await store.applyCoverage(coverage('m1', 2, { provedAgoMs: 500 }));
    await store.removeHosts(['h2'], 'anna');
    const history = await store.history('v1', { limit: 10 });
    const identity = await store.identity();
    await store.close();
    await clock.advance(60_000);

    await using reader = await openSqliteReader({ path: folder.file, clock });
    expect(await reader.identity()).toEqual(identity);
    expect(await reader.vm('v1')).toMatchObject({
      truth: { state: 'unknown', lastState: 'running', name: 'web', detail: 'unwatched: nobody watches h1' },
      ageMs: 60_500,
      sightings: [{ observer: 'h1', registers: { config: { value: { document: { config: { hash: '1' } } } } } }],
    });
    const { items } = await reader.vms({ states: ['unknown'] }, { limit: 10 });
    expect(items.map(({ id, ageMs }) => [id, ageMs])).toEqual([
      ['v1', 60_500],
      ['v2', 60_500],
      ['v3', 60_500],
    ]);
    expect((await reader.vms({ states: ['running', 'stopped'] }, { limit: 10 })).items).toEqual([]);
    expect((await reader.vms({ ip: '10.0.0.0/8' }, { limit: 10 })).items).toHaveLength(1);
    expect((await reader.hosts({ state: 'unwatched' }, { limit: 10 })).items.map(({ id }) => id)).toEqual(['h1']);
    expect(await reader.host('h2')).toMatchObject({ state: 'removed' });
    expect(await reader.counts()).toEqual({ vms: { unknown: 3 }, hosts: { unwatched: 1, removed: 1 } });
    expect(await reader.history('v1', { limit: 10 })).toEqual(history);
    expect(await reader.vm('v9')).toBeUndefined();
    await expect(reader.vms({ ip: 'x' }, { limit: 1 })).rejects.toMatchObject({ code: 'VDT_STORE_QUERY' });
  });

  test('what members that are no more once proved does not pile up', async () => {
    await using folder = await storeFolder();
    const clock = new SimulatedClock();
    const store = await openSqliteStore({ path: folder.file, clock, threads });
    await store.registerHosts([{ id: 'h1', name: '', realm: 'r1', url: 'test://h1' }]);
    for (let run = 0; run < 5; run++) {
      await store.applyCoverage(coverage(`m${run}`, 1, { provedAgoMs: run, exceptions: { h1: run } }));
    }
    await store.close();
    const database = new DatabaseSync(folder.file);
    const members = database.prepare('SELECT member FROM coverages ORDER BY member').all();
    database.close();
    expect(members.map(({ member }) => member)).toEqual(['m4']);
    await using reader = await openSqliteReader({ path: folder.file, clock });
    expect((await reader.host('h1'))?.ageMs).toBe(4);
  });

  test('reading writes nothing', async () => {
    await using folder = await storeFolder();
    await (await openSqliteStore({ path: folder.file, threads })).close();
    await using reader = await openSqliteReader({ path: folder.file });
    expect(await reader.counts()).toEqual({ vms: {}, hosts: {} });
    await reader.close();
    await reader.close();
    await using store = await openSqliteStore({ path: folder.file, threads });
    expect((await store.openObserver('h1')).epoch).toBe(1);
  });
});
