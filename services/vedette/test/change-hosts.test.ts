import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { Answering, CommandWorld, type Ran } from './world.ts';

/** Two hosts, one of which nobody but it can tell of. */
async function fleet() {
  const world = await CommandWorld.make();
  const process = await Answering.in(world);
  const kvm1 = await process.host('kvm1');
  const kvm2 = await process.host('kvm2', { name: 'kvm2.example.org', realm: 'r2' });
  await process.apply(kvm1.state('vm-a', 'running'), kvm1.config('vm-a', 'web', '1'), kvm2.state('vm-b', 'stopped'));
  const of = ['--store', process.storePath];
  const run = (...args: string[]): Promise<Ran> => world.run([...args, ...of]);
  const stop = async (): Promise<void> => {
    await process[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  };
  return { world, process, kvm1, run, of, [Symbol.asyncDispose]: stop };
}

/** Runs a command that waits, while simulated time goes on. */
async function waited(world: CommandWorld, args: readonly string[]): Promise<Ran> {
  const { done } = world.start(args);
  let over = false;
  void done.finally(() => {
    over = true;
  });
  while (!over) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.clock.advance(20);
  }
  return done;
}

describe('vedette hosts', () => {
  test('list is the list, and options count before and behind it', async () => {
    await using given = await fleet();
    const { out } = await given.run('hosts');
    expect(out).toContain('kvm1');
    expect((await given.run('hosts', 'list')).out).toBe(out);
    expect((await given.world.run(['hosts', ...given.of, 'list'])).out).toBe(out);
    const one = await given.world.run(['hosts', '--realm', 'r2', ...given.of, 'list', '--json']);
    expect(JSON.parse(one.out)).toMatchObject({ id: 'kvm2', origin: 'configuration' });
  });

  test('hundreds of hosts: the table is whole with --all, and those in a mode are found', async () => {
    await using given = await fleet();
    const { store } = given.process;
    const ids = Array.from({ length: 300 }, (_, at) => `node${String(at + 1).padStart(3, '0')}`);
    await store.registerHosts(ids.map((id) => ({ id, name: id, realm: 'lab', url: `libvirt://${id}/system` })));
    await store.setHostMode('node042', 'maintenance');
    const all = await given.run('hosts', '--all');
    expect(all.out.trim().split('\n')).toHaveLength(303);
    const { out } = await given.run('hosts', '--mode', 'maintenance');
    expect(out.trim().split('\n')).toHaveLength(2);
    expect(out).toMatch(/^node042 +connecting \(maintenance\) +lab /m);
    expect((await given.run('hosts', '--mode', 'draining')).err).toBe('no host is like that\n');
  });
});

describe('vedette hosts rm', () => {
  test('N11: says how many VMs are unknown now and what can be done about them; who did it is kept', async () => {
    await using given = await fleet();
    const { code, out, err } = await given.run('hosts', 'rm', 'kvm2.example.org');
    expect({ code, out }).toEqual({
      code: 0,
      out: 'removed kvm2.example.org: 1 VM unknown now: vedette vms --host kvm2\n',
    });
    expect(err).toContain('`vedette vms forget ID` declares it gone');
    expect((await given.process.store.host('kvm2'))?.removedBy).toBe(userInfo().username);
    const again = await given.run('hosts', 'rm', 'kvm2');
    expect(again).toMatchObject({ code: 3, out: '' });
    expect(again.err).toContain('was removed before');
  });

  test('of several, none is removed where one of them is unknown', async () => {
    await using given = await fleet();
    expect(await given.run('hosts', 'rm', 'kvm1', 'kvm9')).toMatchObject({ code: 3, out: '' });
    expect((await given.process.store.host('kvm1'))?.state).toBe('up');
    const both = await given.run('hosts', 'rm', 'kvm1', 'kvm2', 'kvm1', '--json');
    expect(
      both.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { id: 'kvm1', name: 'kvm1', vms: 1 },
      { id: 'kvm2', name: 'kvm2.example.org', vms: 1 },
    ]);
  });
});

describe('vedette hosts mode', () => {
  test('by id or name; the list shows it', async () => {
    await using given = await fleet();
    expect(await given.run('hosts', 'mode', 'kvm2.example.org', 'draining')).toEqual({
      code: 0,
      out: 'kvm2.example.org: draining\n',
      err: '',
    });
    expect((await given.run('hosts')).out).toContain('up (draining)');
    expect(await given.run('hosts', 'mode', 'kvm9', 'active')).toMatchObject({ code: 3, out: '' });
  });
});

describe('vedette hosts add', () => {
  test('one that does not answer within three seconds is added, and that is said', async () => {
    await using given = await fleet();
    const startMs = given.world.clock.now();
    const ran = await waited(given.world, ['hosts', 'add', 'qemu+ssh://kvm9/system', '--name', 'kvm9', ...given.of]);
    expect(ran).toEqual({
      code: 0,
      out: 'added kvm9: it does not answer yet and is tried on; `vedette hosts` shows when it does\n',
      err: '',
    });
    expect(given.world.clock.now() - startMs).toBeGreaterThanOrEqual(3_000);
    expect(await given.process.store.host('kvm9')).toMatchObject({ origin: 'person', url: 'qemu+ssh://kvm9/system' });
  });

  test('one that is watched already is told as it is', async () => {
    await using given = await fleet();
    const { out } = await given.run('hosts', 'add', 'libvirt://kvm1/system', '--name', 'kvm1');
    expect(out).toBe('added kvm1 (watched already): up, 1 VM\n');
  });

  test('a range of a group is several hosts', async () => {
    await using given = await fleet();
    const args = ['hosts', 'add', 'kvm{08..10}', '--group', 'lab', '--json', ...given.of];
    const { code, out } = await waited(given.world, args);
    expect(code).toBe(0);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id),
    ).toEqual(['kvm08', 'kvm09', 'kvm10']);
  });

  test.each([
    [['kvm9'], /is no URL, and no group says how it is reached\n {2}give a URL, or --group GROUP/],
    [['kvm{3..1}', '--group', 'lab'], /runs backwards/],
    [['kvm{1..3}', '--group', 'lab', '--name', 'x'], /--name is of one host; the range has 3/],
    [['kvm1', '--group', 'lab', '--id', 'a\u0001'], /1 to 80 bytes/],
  ])('%j is refused before anything is added', async (args, message) => {
    await using given = await fleet();
    const { code, out, err } = await given.run('hosts', 'add', ...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
    expect((await given.process.store.hosts({}, { limit: 10 })).items).toHaveLength(2);
  });
});

describe('vedette vms forget', () => {
  test('declares a VM gone whose host was removed', async () => {
    await using given = await fleet();
    await given.run('hosts', 'rm', 'kvm1');
    expect(await given.run('vms', 'forget', 'web')).toEqual({ code: 0, out: 'web: gone\n', err: '' });
    expect((await given.process.store.vm('vm-a'))?.truth.state).toBe('gone');
    expect(await given.run('vms', 'forget', 'nobody')).toMatchObject({ code: 3, out: '' });
  });

  test('a VM that a host tells of stays as it is, and that is said', async () => {
    await using given = await fleet();
    const { out } = await given.run('vms', 'forget', 'web');
    expect(out).toMatch(/^web: still running: only hosts can tell of it/);
    expect((await given.process.store.vm('vm-a'))?.truth.state).toBe('running');
  });
});

test('nothing runs: what changes hosts ends with 4 and says what to start, also where a store could be read', async () => {
  await using given = await fleet();
  await given.process.goAway();
  const { openSqliteStore } = await import('@vedette/store/sqlite');
  for (const made of [false, true]) {
    if (made) await (await openSqliteStore({ path: given.process.storePath })).close();
    for (const args of [
      ['hosts', 'add', 'qemu:///system'],
      ['hosts', 'rm', 'kvm1'],
      ['hosts', 'mode', 'kvm1', 'active'],
      ['vms', 'forget', 'web'],
    ]) {
      const { code, out, err } = await given.run(...args);
      expect({ code, out }).toEqual({ code: 4, out: '' });
      expect(err).toMatch(/^vedette: nothing is running.*\n {2}start one: .*vedette up.*\n$/);
    }
  }
});
