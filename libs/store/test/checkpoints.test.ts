import { existsSync, statSync } from 'node:fs';
import { ScriptedObserver } from '@vedette/store/conformance';
import { describe, expect, test } from 'vitest';
import { pagesWrittenAhead } from '../src/drivers/sqlite/checkpoints.ts';
import { Writer } from '../src/drivers/sqlite/writer.ts';
import { defaultLimits } from '../src/engine/limits.ts';
import { integrityOf, storeFolder } from './support/files.ts';

const pageBytes = 4_096;
const wallMs = 0;

/** A writer with one host, and what brings 1,000 new VMs at a time into it. */
function writerOn(path: string) {
  const writer = new Writer({ path, limits: defaultLimits, maxFileBytes: undefined });
  writer.run('registerHosts', [[{ id: 'h1', name: '', realm: 'r1', url: 'test://h1' }], wallMs]);
  const [opening] = writer.run('openObservers', [['h1']]);
  const observer = new ScriptedObserver('h1', opening?.epoch ?? 0);
  let vms = 0;
  const write = (): void => {
    const events = Array.from({ length: 1_000 }, () => ({ event: observer.state(`v${vms++}`, 'running') }));
    writer.run('apply', [events, wallMs]);
  };
  return { writer, write, written: () => vms };
}

describe('what is written ahead', () => {
  test('D5: is moved into the file by a thread while the store is open, and all of it at the close', async () => {
    await using folder = await storeFolder();
    const { writer, write, written } = writerOn(folder.file);
    const log = `${folder.file}-wal`;
    while (statSync(log).size <= pagesWrittenAhead * pageBytes) write();
    const before = statSync(folder.file).size;
    write(); // the thread is asked after a commit
    await expect.poll(() => statSync(folder.file).size, { timeout: 30_000 }).toBeGreaterThan(before);
    write();
    writer.close();
    expect(existsSync(log)).toBe(false);
    expect(integrityOf(folder.file)).toBe('ok');
    const again = new Writer({ path: folder.file, limits: defaultLimits, maxFileBytes: undefined });
    expect(again.run('counts', []).vms).toEqual({ running: written() });
    again.close();
  }, 60_000);

  test('I10: a store closed while the thread is at work waits for it', async () => {
    await using folder = await storeFolder();
    const { writer, write } = writerOn(folder.file);
    while (statSync(`${folder.file}-wal`).size <= pagesWrittenAhead * pageBytes) write();
    write();
    writer.close();
    expect(existsSync(`${folder.file}-wal`)).toBe(false);
    expect(integrityOf(folder.file)).toBe('ok');
  }, 60_000);
});
