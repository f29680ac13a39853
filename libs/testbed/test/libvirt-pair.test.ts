import { eventually } from '@vedette/testbed';
import { type LibvirtPair, libvirtAvailable, startLibvirtPair } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const available = libvirtAvailable();
const waiting = { timeoutMs: 30_000 };

describe('two libvirtd and a guest that moves', { timeout: 120_000 }, () => {
  let pair: LibvirtPair;
  beforeAll(async () => {
    if (available.ok) pair = await startLibvirtPair();
  });
  afterAll(() => pair?.stop());
  beforeEach((ctx) => {
    if (!available.ok) ctx.skip(available.reason);
  });

  it('they are two hosts, and a guest moves live to the other and back', async () => {
    const { source, destination } = pair;
    expect(source.hostUuid).not.toBe(destination.hostUuid);
    await source.startBiosGuest('mover');
    await pair.migrate('mover');
    expect(await source.virsh('list', '--all', '--name')).toBe('');
    expect(await destination.virsh('domstate', 'mover')).toBe('running');
    await pair.migrate('mover', { from: destination, undefineSource: false });
    expect(await source.virsh('domstate', 'mover')).toBe('running');
    expect(await destination.virsh('domstate', '--reason', 'mover')).toBe('shut off (migrated)');
  });

  it('the migration of a restless guest is held as long as wanted, and aborted', async () => {
    const { source, destination } = pair;
    await source.startRestlessGuest('held');
    const migration = expect(pair.migrate('held', { bandwidthMiBs: 1 })).rejects.toMatchObject({
      code: 'VDT_TESTBED_COMMAND',
      message: expect.stringContaining('canceled'),
    });
    await eventually(async () => {
      expect(await source.virsh('domjobinfo', 'held')).toContain('Outgoing migration');
      // Behind its first round, over memory that stands still, it would end by itself if it could.
      expect(await source.virsh('domjobinfo', 'held')).toMatch(/Iteration: +[2-9]/);
    }, waiting);
    await pair.abortMigration('held');
    await migration;
    expect(await source.virsh('domstate', 'held')).toBe('running');
    expect(await destination.virsh('list', '--all', '--name')).not.toContain('held');
  });

  it('a held migration ends when more bandwidth is allowed, or by post-copy', async () => {
    const { source, destination } = pair;
    const there = pair.migrate('held', { bandwidthMiBs: 1 });
    await pair.migrationBegun('held');
    await pair.allowBandwidth('held', 1_000);
    await there;
    expect(await destination.virsh('domstate', 'held')).toBe('running');
    const back = pair.migrate('held', { from: destination, bandwidthMiBs: 1, postcopy: true });
    await pair.switchToPostcopy('held', destination);
    await back;
    expect(await source.virsh('domstate', 'held')).toBe('running');
  });

  it('an abandoned migration is aborted by libvirt', async () => {
    const abort = new AbortController();
    const migration = expect(pair.migrate('held', { bandwidthMiBs: 1, signal: abort.signal })).rejects.toThrow(
      'enough',
    );
    await pair.migrationBegun('held');
    abort.abort(new Error('enough'));
    await migration;
    await eventually(async () => {
      expect(await pair.source.virsh('domjobinfo', 'held')).toMatch(/None/);
      expect(await pair.destination.virsh('list', '--all', '--name')).not.toContain('held');
    }, waiting);
  });
});
