/** What two real libvirtd say of a guest that moves between them. */
import { connectLibvirt, type DomainEvent } from '@vedette/libvirt';
import { eventually as eventuallyWithin } from '@vedette/testbed';
import { type LibvirtPair, libvirtAvailable, startLibvirtPair } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

const eventually = (check: () => unknown): Promise<unknown> => eventuallyWithin(check, { timeoutMs: 15_000 });

const available = libvirtAvailable();
let pair: LibvirtPair;

beforeAll(async () => {
  if (available.ok) pair = await startLibvirtPair();
});
afterAll(() => pair?.stop());
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('M1: while a guest moves, its job is outgoing on one host and incoming on the other; each pass over its memory is told', async () => {
  await using source = await connectLibvirt({ socketPath: pair.source.socketPath });
  await using destination = await connectLibvirt({ socketPath: pair.destination.socketPath });
  const events: DomainEvent[] = [];
  await source.listen((event) => events.push(event), { types: ['migrationIteration'] });
  const { uuid } = await pair.source.startRestlessGuest('mover');
  const moving = pair.migrate('mover', { bandwidthMiBs: 1 }).then(
    () => 'moved',
    () => 'aborted',
  );
  await pair.migrationBegun('mover');
  const leaving = await source.lookupDomain(uuid);
  expect(await source.domainJobStats(leaving)).toMatchObject({ type: 'unbounded', operation: 'migrationOut' });
  const info = await source.domainJobInfo(leaving);
  expect(info).toMatchObject({ type: 'unbounded' });
  expect(info.elapsedMs).toBeGreaterThan(0);
  const coming = await destination.lookupDomain(uuid);
  expect(await destination.domainJobStats(coming)).toMatchObject({ type: 'unbounded', operation: 'migrationIn' });
  expect(await destination.domainControlInfo(coming)).toMatchObject({ state: expect.stringMatching(/ok|job/) });
  await eventually(() =>
    expect(events).toContainEqual(expect.objectContaining({ type: 'migrationIteration', iteration: 1 })),
  );
  await pair.abortMigration('mover');
  expect(await moving).toBe('aborted');
  expect(await source.domainJobStats(leaving)).toMatchObject({ type: 'none', operation: 'unknown' });
});
