import { type ObserverEvent, vmStates } from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import type { Page, Store, VMQuery, VMRecord } from '@vedette/store';
import { address, ScriptedObserver } from '@vedette/store/conformance';
import { createMemoryStore } from '@vedette/store/memory';
import { openSqliteStore } from '@vedette/store/sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storeFolder } from './support/files.ts';

const hosts = ['h1', 'h2', 'h3'];
const count = 120;

/** The same in every run: VMs in all states, some addresses shared, some names alike, a host that does not answer. */
function eventsOf(observers: readonly ScriptedObserver[]): ObserverEvent[] {
  const events: ObserverEvent[] = [];
  for (let at = 0; at < count; at++) {
    const observer = observers[at % observers.length] as ScriptedObserver;
    const vm = at % 5 === 0 ? `0f8fad5b-d9cb-469f-a165-${(at * 7_919).toString(16).padStart(12, '0')}` : `v-${at}`;
    events.push(observer.state(vm, vmStates[(at * 7) % vmStates.length] ?? 'running'));
    events.push(observer.config(vm, ['Web', 'db', 'Größe', '50%_off'][at % 4] + String(at % 11), String(at)));
    const addresses = [address(`10.0.${at % 3}.${at % 50}`), address(`fd00::${at % 7}:${at}`)];
    events.push(observer.addresses(vm, at % 6 === 0 ? [] : addresses));
    if (at % 4 === 0) events.push(observer.state(vm, 'paused'), observer.addresses(vm, addresses.slice(1)));
  }
  events.push((observers[2] as ScriptedObserver).hostState('non_responsive'));
  return events;
}

async function filled(store: Store): Promise<Store> {
  await store.registerHosts(hosts.map((id, at) => ({ id, name: id, realm: `r${at % 2}`, url: `test://${id}` })));
  const openings = await Promise.all(hosts.map((id) => store.openObserver(id)));
  const observers = hosts.map((id, at) => new ScriptedObserver(id, openings[at]?.epoch ?? 0));
  await store.apply(eventsOf(observers).map((event) => ({ event, position: undefined })));
  return store;
}

const query: fc.Arbitrary<VMQuery> = fc.record(
  {
    host: fc.constantFrom(...hosts, 'nobody'),
    realm: fc.constantFrom('r0', 'r1', 'r2'),
    states: fc.subarray([...vmStates]),
    ip: fc.constantFrom(
      '10.0.0.0/8',
      '10.0.1.0/24',
      '10.0.0.4',
      '10.0.2.0/27',
      'fd00::/16',
      'fd00::1:0/112',
      '0.0.0.0/0',
    ),
    text: fc.constantFrom('web', 'WEB1', '%', '_', 'größe', 'GRÖSSE', 'v-1', '0f8fad5b-D9', '9cb-469', '00', 'no such'),
    gone: fc.boolean(),
  },
  { requiredKeys: [] },
);

async function listed(store: Store, asked: VMQuery, limit: number): Promise<readonly VMRecord[]> {
  const items: VMRecord[] = [];
  for (let cursor: string | undefined; ; ) {
    const page: Page<VMRecord> = await store.vms(asked, cursor === undefined ? { limit } : { limit, cursor });
    items.push(...page.items);
    if (page.cursor === undefined) return items;
    cursor = page.cursor;
  }
}

test('every driver answers every query the same, in the same order, whatever the size of its pages', async () => {
  await using folder = await storeFolder();
  const clock = new SimulatedClock();
  await using memory = await filled(createMemoryStore({ clock }));
  await using sqlite = await filled(await openSqliteStore({ path: folder.file, clock }));
  await fc.assert(
    fc.asyncProperty(query, fc.integer({ min: 1, max: 50 }), async (asked, limit) => {
      const [ours, theirs] = await Promise.all([listed(memory, asked, limit), listed(sqlite, asked, count + 1)]);
      expect(theirs).toEqual(ours);
    }),
    { numRuns: 150 },
  );
  for (const id of hosts) expect(await sqlite.host(id)).toEqual(await memory.host(id));
  expect(await sqlite.counts()).toEqual(await memory.counts());
}, 60_000);
