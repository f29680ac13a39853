import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { address } from '@vedette/store/conformance';
import { openSqliteStore } from '@vedette/store/sqlite';
import { describe, expect, test } from 'vitest';
import { registerProcess } from '../src/process/registry.ts';
import { Answering, CommandWorld } from './world.ts';

async function smallFleet() {
  const world = await CommandWorld.make();
  const process = await Answering.in(world);
  const kvm1 = await process.host('kvm1');
  const kvm2 = await process.host('kvm2', { name: 'kvm2.example.org', realm: 'r2' });
  await process.apply(
    kvm1.state('3f2a9c4e-0001', 'running'),
    kvm1.config('3f2a9c4e-0001', 'web-1', '1'),
    kvm1.addresses('3f2a9c4e-0001', [address('10.0.0.1'), address('10.0.0.2'), address('2001:db8::1')]),
    kvm1.state('3f2a7777-0002', 'stopped', { reason: 'shut down' }),
    kvm1.config('3f2a7777-0002', 'db', '2'),
    kvm2.state('a1b2c3d4-0003', 'running'),
    kvm2.config('a1b2c3d4-0003', 'a-name-that-is-much-longer-than-anybody-would-like-to-read', '3'),
    kvm2.conditions('a1b2c3d4-0003', ['io_error']),
  );
  await world.clock.advance(1_200);
  const stop = async (): Promise<void> => {
    await process[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  };
  return { world, process, kvm1, kvm2, of: ['--store', process.storePath], [Symbol.asyncDispose]: stop };
}

const trimmed = (text: string): string => `\n${text}`;

describe('vms', () => {
  test('a table that fits the terminal: long names and addresses give way, the rest is whole', async () => {
    await using fleet = await smallFleet();
    const wide = await fleet.world.run(['vms', ...fleet.of], { columns: 120 });
    expect(wide).toMatchObject({ code: 0, err: '' });
    expect(trimmed(wide.out)).toBe(`
NAME                                                        STATE               HOST  ADDRESSES      AGE  ID
web-1                                                       running             kvm1  10.0.0.1 +2  1.2 s  3f2a9c4e
db                                                          stopped             kvm1  -            1.2 s  3f2a7777
a-name-that-is-much-longer-than-anybody-would-like-to-read  running [io_error]  kvm2  -            1.2 s  a1b2c3d4
`);
    const narrow = await fleet.world.run(['vms', ...fleet.of], { columns: 72 });
    expect(trimmed(narrow.out)).toBe(`
NAME              STATE               HOST  ADDRESSES      AGE  ID
web-1             running             kvm1  10.0.0.1 +2  1.2 s  3f2a9c4e
db                stopped             kvm1  -            1.2 s  3f2a7777
a-name-that-is-…  running [io_error]  kvm2  -            1.2 s  a1b2c3d4
`);
    for (const line of narrow.out.split('\n')) expect(line.length).toBeLessThanOrEqual(72);
  });

  test('into a pipe nothing is cut: whole ids, all addresses', async () => {
    await using fleet = await smallFleet();
    const { out } = await fleet.world.run(['vms', '--host', 'kvm1', ...fleet.of]);
    expect(trimmed(out)).toBe(`
NAME   STATE    HOST  ADDRESSES                        AGE  ID
web-1  running  kvm1  10.0.0.1,10.0.0.2,2001:db8::1  1.2 s  3f2a9c4e-0001
db     stopped  kvm1  -                              1.2 s  3f2a7777-0002
`);
  });

  test('--json is one document a line, every record unless limited', async () => {
    await using fleet = await smallFleet();
    const { out, code } = await fleet.world.run(['vms', '--json', ...fleet.of]);
    expect(code).toBe(0);
    const records = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ name }) => name)).toContain('web-1');
    expect(records).toHaveLength(3);
    expect(records[0]).toMatchObject({ ageMs: 1_200 });
  });

  test.each([
    [['--state', 'stopped'], ['db']],
    [
      ['--state', 'stopped,running', '--realm', 'r1'],
      ['db', 'web-1'],
    ],
    [['--ip', '10.0.0.0/8'], ['web-1']],
    [['--text', 'WEB'], ['web-1']],
    [['--host', 'kvm2.example.org', '--limit', '1'], ['a-name-that-is-much-longer-than-anybody-would-like-to-read']],
  ])('%j', async (options, expected) => {
    await using fleet = await smallFleet();
    const { out } = await fleet.world.run(['vms', '--json', ...options, ...fleet.of]);
    const names = out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line).name);
    expect(new Set(names)).toEqual(new Set(expected));
  });

  test('what is left out is said beside the output, and so is that nothing was found', async () => {
    await using fleet = await smallFleet();
    const some = await fleet.world.run(['vms', '--limit', '2', ...fleet.of]);
    expect(some.out.trim().split('\n')).toHaveLength(3);
    expect(some.err).toBe('the first 2; there are more: --all shows them, --limit N that many\n');
    const none = await fleet.world.run(['vms', '--text', 'nobody', ...fleet.of]);
    expect(none).toEqual({ code: 0, out: '', err: 'no VM is like that\n' });
  });

  test('colours only on a terminal, and not with NO_COLOR', async () => {
    await using fleet = await smallFleet();
    const coloured = await fleet.world.run(['vms', ...fleet.of], { columns: 80, env: { NO_COLOR: '' } });
    expect(coloured.out).toContain('\u{1b}[32mrunning');
    for (const options of [
      { columns: 80 },
      { env: { NO_COLOR: '' } },
      { columns: 80, env: { NO_COLOR: '', TERM: 'dumb' } },
    ]) {
      const { out } = await fleet.world.run(['vms', ...fleet.of], options);
      expect(out).not.toContain('\u{1b}');
    }
  });

  test('a name cannot do anything to the terminal', async () => {
    await using fleet = await smallFleet();
    await fleet.process.apply(
      fleet.kvm1.state('evil', 'running'),
      fleet.kvm1.config('evil', '\u{1b}]0;owned\u{7}\u{1b}[2Jx\ny\u{202e}', '9'),
    );
    for (const command of [
      ['vms', '--text', 'evil'],
      ['history', 'evil'],
      ['watch', '--since', await first(fleet.process)],
    ]) {
      const started = fleet.world.start([...command, ...fleet.of], { columns: 80 });
      if (command[0] === 'watch') {
        await until(() => started.out().includes('x'));
        started.interrupt();
      }
      const { out } = await started.done;
      expect(out).toContain('x');
      expect(out.split('').filter((character) => character < ' ' && character !== '\n')).toEqual([]);
      expect(out).not.toContain('\u{202e}');
    }
  });
});

async function first(process: Answering): Promise<string> {
  return `${(await process.store.identity()).id}-0`;
}

async function until(condition: () => boolean): Promise<void> {
  const { eventually } = await import('@vedette/testbed');
  await eventually(() => expect(condition()).toBe(true));
}

describe('hosts', () => {
  test('a table with what each decides about and who waits for it', async () => {
    await using fleet = await smallFleet();
    await fleet.process.apply(fleet.kvm2.hostState('non_responsive', { reason: 'timeout: no answer within 10 s' }));
    const { out } = await fleet.world.run(['hosts', ...fleet.of], { columns: 100 });
    expect(trimmed(out)).toBe(`
NAME              STATE           REALM  VMS  WAITING    AGE  ID    REASON
kvm1              up              r1       2        -  1.2 s  kvm1
kvm2.example.org  non_responsive  r2       1        -  1.2 s  kvm2  timeout: no answer within 10 s
`);
  });

  test('one that was removed is shown only when asked for', async () => {
    await using fleet = await smallFleet();
    await fleet.process.store.removeHosts(['kvm2'], 'test');
    const { out } = await fleet.world.run(['hosts', '--json', ...fleet.of]);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).id),
    ).toEqual(['kvm1']);
    const removed = await fleet.world.run(['hosts', '--json', '--state', 'removed', ...fleet.of]);
    expect(JSON.parse(removed.out).id).toBe('kvm2');
  });
});

describe('history', () => {
  test('one VM, and what was seen of it, the newest last', async () => {
    await using fleet = await smallFleet();
    await fleet.process.apply(fleet.kvm1.state('3f2a9c4e-0001', 'paused', { reason: 'by the user' }));
    const { out } = await fleet.world.run(['history', 'web-1', ...fleet.of], { columns: 100 });
    expect(trimmed(out.replaceAll(/\d\d:\d\d:\d\d\.\d{3}/g, '<time>'))).toBe(`
name        web-1
id          3f2a9c4e-0001
state       paused
why         by the user
host        kvm1
realm       r1
addresses   10.0.0.1 (agent), 10.0.0.2 (agent), 2001:db8::1 (agent)
first seen  2026-01-01 <time>
changed     2026-01-01 <time>
age         1.2 s

WHEN                     BY     WHAT        DETAIL
2026-01-01 <time>  kvm1   state       running (poll)
2026-01-01 <time>  fleet  discovered  running, on kvm1
2026-01-01 <time>  kvm1   config      changed: info, config (poll)
2026-01-01 <time>  fleet  config      on kvm1, name was unknown
2026-01-01 <time>  kvm1   addresses   +10.0.0.1 +10.0.0.2 +2001:db8::1 (poll)
2026-01-01 <time>  fleet  addresses   on kvm1, +10.0.0.1 +10.0.0.2 +2001:db8::1
2026-01-01 <time>  kvm1   state       running → paused, by the user (poll)
2026-01-01 <time>  fleet  state       running → paused, on kvm1, by the user
`);
  });

  test.each(['3f2a9c4e-0001', '3f2a9', 'web-1'])('finds it by %s', async (asked) => {
    await using fleet = await smallFleet();
    const { out, code } = await fleet.world.run(['history', asked, ...fleet.of]);
    expect(code).toBe(0);
    expect(out).toContain('3f2a9c4e-0001');
  });

  test('what stands for several is refused and names them', async () => {
    await using fleet = await smallFleet();
    const { code, err } = await fleet.world.run(['history', '3f2a', ...fleet.of]);
    expect(code).toBe(2);
    expect(err).toBe(
      'vedette: "3f2a" stands for 2 VMs: 3f2a9c4e-0001 (web-1), 3f2a7777-0002 (db)\n  give the id, or more of it\n',
    );
  });

  test('what nobody has is not found, and what is alike is named', async () => {
    await using fleet = await smallFleet();
    const alike = await fleet.world.run(['history', 'web', ...fleet.of]);
    expect(alike).toMatchObject({
      code: 3,
      err: 'vedette: no VM has the name or id "web"\n  these have it as a part: web-1\n',
    });
    expect((await fleet.world.run(['history', 'x\u{1b}y', ...fleet.of])).code).toBe(3);
  });
});

describe('status', () => {
  test('at a glance, and as one document', async () => {
    await using fleet = await smallFleet();
    const { out } = await fleet.world.run(['status', ...fleet.of]);
    expect(
      out
        .replace(/v\d+\.[\d.]+/, 'vN')
        .replace(/process \d+/, 'process P')
        .replace(/position .*/, 'position X'),
    ).toBe(
      `vedette   0.1.0 on Node.js vN, running for 1.2 s, process P, 0 following
hosts     2: 2 up
vms       3: 2 running, 1 stopped
position X
`,
    );
    const { out: json } = await fleet.world.run(['status', '--json', ...fleet.of]);
    expect(JSON.parse(json)).toMatchObject({ vms: { running: 2, stopped: 1 }, hosts: { up: 2 } });
  });
});

describe('whom a question goes to', () => {
  test('nothing runs and there is no store: exit 4, and what to do', async () => {
    await using world = await CommandWorld.make();
    for (const command of ['vms', 'hosts', 'status', 'watch']) {
      const { code, out, err } = await world.run([command]);
      expect({ code, out }).toEqual({ code: 4, out: '' });
      expect(err).toMatch(
        /^vedette: nothing is running, and there is no store at .*\n {2}start one: .*vedette up.*\n$/,
      );
    }
  });

  test('nothing runs: the store is read, and that is said with its age', async () => {
    await using world = await CommandWorld.make();
    const path = join(world.dir, 'old.sqlite');
    const store = await openSqliteStore({ path, clock: world.clock });
    await store.registerHosts([{ id: 'kvm1', name: 'kvm1', realm: 'r1', url: 'libvirt:///system' }]);
    await store.close();
    const { code, out, err } = await world.run(['hosts', '--store', path]);
    expect(code).toBe(0);
    expect(out).toContain('kvm1  unwatched');
    expect(err).toMatch(/^nothing is running; read from .*old\.sqlite, last written .* ago\n$/);
    const watched = await world.run(['watch', '--store', path]);
    expect(watched).toMatchObject({ code: 4, out: '' });
  });

  test('the one process that runs is found wherever its store is; of several one has to be named', async () => {
    await using world = await CommandWorld.make();
    await using one = await Answering.in(world, 'one');
    await one.host('kvm1');
    const env = { XDG_STATE_HOME: join(world.dir, 'state') };
    const entry = (process: Answering, pid: number) => {
      const store = process.storePath;
      return { pid, kind: 'up' as const, store, socket: store.replace('.sqlite', '.sock') };
    };
    await using _first = await registerProcess(env, entry(one, 1));
    expect((await world.run(['hosts'])).out).toContain('kvm1');
    await using two = await Answering.in(world, 'two');
    await using _second = await registerProcess(env, entry(two, 2));
    const several = await world.run(['hosts']);
    expect(several.code).toBe(2);
    expect(several.err).toContain(`${one.storePath} and ${two.storePath}\n  say which: --store FILE`);
    await two.goAway();
    expect((await world.run(['hosts'])).out).toContain('kvm1'); // one that answers no more is forgotten
  });

  test('a configuration names the process, by --config or VEDETTE_CONFIG', async () => {
    await using world = await CommandWorld.make();
    await using process = await Answering.in(world);
    await process.host('kvm1');
    await mkdir(join(world.dir, 'etc'));
    await writeFile(join(world.dir, 'etc', 'vedette.yaml'), 'store:\n  path: ../store.sqlite\n');
    expect((await world.run(['hosts', '--config', 'etc/vedette.yaml'])).out).toContain('kvm1');
    const env = { VEDETTE_CONFIG: 'etc/vedette.yaml' };
    expect((await world.run(['hosts'], { env })).out).toContain('kvm1');
  });

  test('a socket of something else is told as such', async () => {
    await using world = await CommandWorld.make();
    const { createServer } = await import('node:net');
    const server = createServer((socket) => {
      socket.on('error', () => undefined); // a probe leaves at once
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello');
    });
    await new Promise<void>((resolve) => server.listen(join(world.dir, 'store.sock'), resolve));
    const { code, err } = await world.run(['vms', '--store', 'store.sqlite']);
    server.close();
    expect(code).toBe(1);
    expect(err).toContain('the reply is no JSON');
  });
});
