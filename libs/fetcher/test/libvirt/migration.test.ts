/** M1, M2 at observer level, on two real libvirtd: what each side's fetcher says of a guest that moves. */
import type { HostFetcher } from '@vedette/fetcher';
import { eventually } from '@vedette/testbed';
import { type LibvirtPair, libvirtAvailable, startLibvirtPair } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { HintedStates, LONG, openFetcher, PATIENT, rowsOf, stateOf } from './support/watching.ts';

vi.setConfig({ testTimeout: 120_000 });
const available = libvirtAvailable();
let pair: LibvirtPair;
let source: HostFetcher;
let destination: HostFetcher;

beforeAll(async () => {
  if (!available.ok) return;
  pair = await startLibvirtPair();
  source = openFetcher(pair.source);
  destination = openFetcher(pair.destination);
}, 120_000);
afterAll(async () => {
  await source?.close();
  await destination?.close();
  await pair?.stop();
});
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('M1: a guest that is held in the middle of its move leaves here, arrives there, and then runs there', async () => {
  const { uuid } = await pair.source.startRestlessGuest('mover');
  await eventually(async () => expect(await stateOf(source, 'mover')).toBe('running'), PATIENT);
  await destination.runtimeStats(LONG);
  await using left = new HintedStates(source, uuid);
  await using came = new HintedStates(destination, uuid);
  const moving = pair.migrate('mover', { bandwidthMiBs: 1, undefineSource: false });
  await pair.migrationBegun('mover');
  await eventually(() => expect(left.states, 'told by a hint').toContain('migrating_out'), PATIENT);
  await eventually(async () => expect(await stateOf(source, 'mover')).toBe('migrating_out'), PATIENT);
  await eventually(async () => expect(await stateOf(destination, 'mover')).toBe('migrating_in'), PATIENT);
  await pair.allowBandwidth('mover', 1_000);
  await moving;
  await eventually(async () => expect(await stateOf(source, 'mover')).toBe('migrated_away'), PATIENT);
  await eventually(async () => expect(await stateOf(destination, 'mover')).toBe('running'), PATIENT);
  expect(left.states.filter((state) => state !== 'running')).toEqual(['migrating_out', 'migrated_away']);
  expect(came.states.filter((state) => state !== 'absent')).toEqual(['migrating_in', 'running']);
});

it('M1, M8: it comes back the same VM, also where its definition had been left behind', async () => {
  await pair.migrate('mover', { from: pair.destination });
  await eventually(async () => expect((await rowsOf(source)).get('mover')?.state).toBe('running'), PATIENT);
  expect((await rowsOf(source)).get('mover')).not.toHaveProperty('recreated');
  await eventually(async () => expect(await stateOf(destination, 'mover')).toBeUndefined(), PATIENT);
});

it('M2: a migration that is aborted ends as running here, and never was anything there but arriving', async () => {
  const { uuid } = await pair.source.startRestlessGuest('stayer');
  await eventually(async () => expect(await stateOf(source, 'stayer')).toBe('running'), PATIENT);
  await using stayed = new HintedStates(source, uuid);
  await using came = new HintedStates(destination, uuid);
  const moving = pair.migrate('stayer', { bandwidthMiBs: 1 }).catch((error: unknown) => error);
  await pair.migrationBegun('stayer');
  await eventually(async () => expect(await stateOf(source, 'stayer')).toBe('migrating_out'), PATIENT);
  await pair.abortMigration('stayer');
  expect(await moving).toBeInstanceOf(Error);
  await eventually(async () => expect(await stateOf(source, 'stayer')).toBe('running'), PATIENT);
  await eventually(async () => expect(await stateOf(destination, 'stayer')).toBeUndefined(), PATIENT);
  expect(stayed.states.filter((state) => state !== 'running')).toEqual(['migrating_out']);
  expect(new Set(came.states)).not.toContain('running');
});
