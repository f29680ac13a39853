import { ScriptedObserver } from '@vedette/store/conformance';
import { openSqliteStore } from '@vedette/store/sqlite';

/**
 * A process that writes to a store until it is killed. Says on standard output, a line each, `open`, then the number
 * of every batch that was acknowledged.
 */
const [path = '', vmsText = '10'] = process.argv.slice(2);
const vms = Number(vmsText);

const store = await openSqliteStore({ path });
await store.registerHosts([{ id: 'h1', name: '', realm: 'r1', url: 'test://h1' }]);
const { epoch } = await store.openObserver('h1');
const observer = new ScriptedObserver('h1', epoch);
process.stdout.write(`open ${epoch}\n`);
for (let batch = 1; ; batch++) {
  const state = batch % 2 === 0 ? 'paused' : 'running';
  const events = Array.from({ length: vms }, (_, at) => observer.state(`v${at}`, state, { reason: `batch ${batch}` }));
  await store.apply(events.map((event) => ({ event, position: undefined })));
  process.stdout.write(`${batch}\n`);
}
