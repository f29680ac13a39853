import { randomUUID } from 'node:crypto';
import { eventually } from '@vedette/testbed';
import {
  type LibvirtPair,
  libvirtAvailable,
  type MigrationOptions,
  type PrivateLibvirt,
  startLibvirtPair,
} from '@vedette/testbed/libvirt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Spine } from './spine.ts';

const available = libvirtAvailable();
const waiting = { timeoutMs: 30_000 };
/** What a VM that lives and moves is never called. */
const neverOfTheFleet = ['stopped', 'stopping', 'failed', 'absent', 'gone', 'unknown', 'starting'];
const neverOfAHost = ['stopped', 'stopping', 'failed', 'starting', 'restoring'];

describe('live migration between two real libvirtd', { timeout: 120_000 }, () => {
  let pair: LibvirtPair;
  let spine: Spine;

  beforeAll(async () => {
    if (available.ok) pair = await startLibvirtPair();
  });
  afterAll(() => pair?.stop());

  beforeEach(async (ctx) => {
    if (!available.ok) ctx.skip(available.reason);
    const url = ({ socketPath }: PrivateLibvirt): string => `libvirt:///system?socket=${socketPath}`;
    spine = await Spine.begin(
      [
        { id: 'kvm1', realm: 'lab', url: url(pair.source), hostRoot: pair.source.rootDir },
        { id: 'kvm2', realm: 'lab', url: url(pair.destination), hostRoot: pair.destination.rootDir },
      ],
      // Soon non-responsive, so that a test can see what follows from it.
      { config: { graceBaseMs: 3_000, gracePerVmMs: 0, pollTimeoutMs: 2_000, backoffMaxMs: 1_000 } },
    );
  });
  afterEach(() => spine?.[Symbol.asyncDispose]());

  const truthOf = async (vm: string) => {
    const truth = (await spine.store.vm(vm))?.truth;
    return truth === undefined ? undefined : `${truth.state}@${truth.host ?? '-'}`;
  };
  const becomes = (vm: string, truth: string) =>
    eventually(async () => expect(await truthOf(vm), spine.story(vm)).toBe(truth), waiting);
  /** Long enough for two polls of each host, a mark and what follows from them. */
  const pass = (ms = 3_000) => spine.clock.sleep(ms);

  /** A guest on the source that the fleet knows, with nothing told since. */
  const begin = async (kind: 'bios' | 'restless'): Promise<{ name: string; vm: string }> => {
    const [name, vm] = [`guest-${randomUUID().slice(0, 8)}`, randomUUID()];
    await pair.source[kind === 'bios' ? 'startBiosGuest' : 'startRestlessGuest'](name, { uuid: vm });
    await becomes(vm, 'running@kvm1');
    spine.forget();
    return { name, vm };
  };

  /** Begins a migration that is awaited later, or whose failure a test that failed before does not await. */
  const beginMigration = (name: string, options: MigrationOptions): Promise<void> => {
    const migration = pair.migrate(name, options);
    migration.catch(() => undefined);
    return migration;
  };

  /** Of everything told about a VM that moved and lived throughout. */
  const expectAlive = (vm: string): void => {
    const story = spine.story(vm);
    for (const state of spine.fleetStatesOf(vm)) expect(neverOfTheFleet, story).not.toContain(state);
    for (const state of spine.statesOf(vm)) expect(neverOfAHost, story).not.toContain(state);
  };
  const moves = (vm: string): string[] => spine.truths(vm).filter((truth) => truth.startsWith('migrated:'));

  it('M1: there and back: one VMChanged(migrated) each way, never stopped, failed, gone or absent', async () => {
    const { name, vm } = await begin('bios');
    for (const [from, to, libvirt] of [
      ['kvm1', 'kvm2', pair.source],
      ['kvm2', 'kvm1', pair.destination],
    ] as const) {
      spine.forget();
      await pair.migrate(name, { from: libvirt });
      await becomes(vm, `running@${to}`);
      await pass();
      expect(moves(vm), spine.story(vm)).toEqual([
        expect.stringMatching(new RegExp(`^migrated:(running|migrating_in)@${to}$`)),
      ]);
      expectAlive(vm);
      expect(spine.statesOf(vm, to).at(-1)).toBe('running');
      // It is undefined there as soon as it has left: often nobody is in time to read that it migrated away.
      expect(['migrated_away', 'absent'], spine.story(vm)).toContain(spine.statesOf(vm, from).at(-1));
    }
    await pair.source.virsh('destroy', name);
  });

  it('M1: both sides say what they are doing while it lasts, and the source is the one shown', async () => {
    const { name, vm } = await begin('restless');
    const migration = beginMigration(name, { bandwidthMiBs: 1 });
    await pair.migrationBegun(name);
    await becomes(vm, 'migrating_out@kvm1');
    await eventually(() => expect(spine.stepsOf(vm, 'kvm2'), spine.story(vm)).toEqual(['migrating_in']), waiting);
    await pass();
    expect(spine.truths(vm)).toEqual(['state:migrating_out@kvm1']);
    await pair.allowBandwidth(name, 1_000);
    await migration;
    await becomes(vm, 'running@kvm2');
    await pass();
    expect(moves(vm), spine.story(vm)).toHaveLength(1);
    expectAlive(vm);
    expect(spine.statesOf(vm, 'kvm1')[0], spine.story(vm)).toBe('migrating_out');
    expect(spine.stepsOf(vm, 'kvm2')).toEqual(['migrating_in', 'running']);
    await pair.destination.virsh('destroy', name);
  });

  it('M1: a definition that stays behind is no second VM', async () => {
    const { name, vm } = await begin('bios');
    await pair.migrate(name, { undefineSource: false });
    await becomes(vm, 'running@kvm2');
    await pass();
    expect(moves(vm), spine.story(vm)).toHaveLength(1);
    expectAlive(vm);
    expect(spine.statesOf(vm, 'kvm1').at(-1)).toBe('migrated_away');
    await pair.destination.virsh('destroy', name);
    await becomes(vm, 'stopped@kvm2');
    await pair.source.virsh('undefine', name);
  });

  it('M1: by post-copy: it runs at the destination while its memory still comes', async () => {
    const { name, vm } = await begin('restless');
    const migration = beginMigration(name, { bandwidthMiBs: 1, postcopy: true });
    await becomes(vm, 'migrating_out@kvm1');
    await pair.switchToPostcopy(name);
    await migration;
    await becomes(vm, 'running@kvm2');
    await pass();
    expect(moves(vm), spine.story(vm)).toHaveLength(1);
    expectAlive(vm);
    await pair.destination.virsh('destroy', name);
  });

  it('M2: an aborted migration ends back on the source, running, and nothing has migrated', async () => {
    const { name, vm } = await begin('restless');
    const migration = beginMigration(name, { bandwidthMiBs: 1 });
    await becomes(vm, 'migrating_out@kvm1');
    await eventually(() => expect(spine.stepsOf(vm, 'kvm2'), spine.story(vm)).toEqual(['migrating_in']), waiting);
    await pair.abortMigration(name);
    await expect(migration).rejects.toMatchObject({ message: expect.stringContaining('canceled') });
    await becomes(vm, 'running@kvm1');
    await pass();
    expect(spine.truths(vm)).toEqual(['state:migrating_out@kvm1', 'state:running@kvm1']);
    expect(spine.statesOf(vm, 'kvm1').at(-1), spine.story(vm)).toBe('running');
    expectAlive(vm);
    await pair.source.virsh('destroy', name);
  });

  it("M5: the source's late word, heard when the destination has long been running, changes nothing", async () => {
    const { name, vm } = await begin('restless');
    const migration = beginMigration(name, { bandwidthMiBs: 1, undefineSource: false });
    await becomes(vm, 'migrating_out@kvm1');
    await pair.allowBandwidth(name, 1_000);
    // From here on, whatever the source has to say about the end of the move is heard only when it is thawed.
    await eventually(async () => expect(await pair.destination.virsh('domstate', name)).toBe('running'), {
      ...waiting,
      intervalMs: 5,
    });
    await pair.source.daemon.freeze();
    try {
      await becomes(vm, 'running@kvm2');
    } finally {
      await pair.source.daemon.thaw();
    }
    await migration;
    // And now that it really is stopped, as far as its old host can tell: defined anew there, it was never up.
    await pair.source.virsh('undefine', name);
    await pass();
    await pair.source.defineGuest({ name, uuid: vm, xml: await pair.destination.virsh('dumpxml', '--inactive', name) });
    await eventually(() => expect(spine.statesOf(vm, 'kvm1').at(-1)).toBe('stopped'), waiting);
    await pass();
    expect(await truthOf(vm)).toBe('running@kvm2');
    expect(moves(vm), spine.story(vm)).toHaveLength(1);
    for (const state of spine.fleetStatesOf(vm)) expect(neverOfTheFleet).not.toContain(state);
    await pair.source.virsh('undefine', name);
    await pair.destination.virsh('destroy', name);
  });

  it('M3: the destination dies right after the move: unknown, not gone, and running again once it is back', async () => {
    const { name, vm } = await begin('restless');
    const migration = beginMigration(name, { bandwidthMiBs: 1 });
    await becomes(vm, 'migrating_out@kvm1');
    await pair.allowBandwidth(name, 1_000);
    await migration;
    await pair.destination.daemon.stop('SIGKILL');
    try {
      await eventually(async () => {
        expect((await hostOf('kvm2'))?.state).toBe('non_responsive');
      }, waiting);
      expect((await spine.store.vm(vm))?.truth).toMatchObject({ state: 'unknown', lastState: 'running' });
      await pass();
      expect(spine.fleetStatesOf(vm)).not.toContain('gone');
    } finally {
      await pair.destination.daemon.start();
    }
    await becomes(vm, 'running@kvm2');
    for (const state of spine.fleetStatesOf(vm)) expect(['stopped', 'failed', 'gone']).not.toContain(state);
    await pair.destination.virsh('destroy', name);
  });

  it('M3: a destination that nobody watches: unknown, not gone, until somebody does', async () => {
    const { name, vm } = await begin('bios');
    await spine.unwatch('kvm2');
    await pair.migrate(name);
    await eventually(async () => expect(await truthOf(vm), spine.story(vm)).toMatch(/^unknown/), waiting);
    await pass(8_000);
    expect(await truthOf(vm)).toMatch(/^unknown/);
    expect(spine.fleetStatesOf(vm)).not.toContain('gone');
    await spine.watch('kvm2');
    await becomes(vm, 'running@kvm2');
    await pair.destination.virsh('destroy', name);
  });

  const hostOf = (id: string) => spine.store.host(id);
});
