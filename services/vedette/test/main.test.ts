import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '@vedette/runtime';
import { openSqliteStore } from '@vedette/store/sqlite';
import { eventually, tempDir } from '@vedette/testbed';
import { describe, expect, test } from 'vitest';
import { ask, integrityOf, interruptDemos, Program, records, runIn } from './child-process.ts';

const launcher = fileURLToPath(new URL('../../../vedette', import.meta.url));

describe('main.ts under plain node', () => {
  test('prints its version, and help', async () => {
    await using home = await tempDir('home');
    expect(await runIn(home.path, '--version')).toMatchObject({ code: 0, err: '' });
    expect((await runIn(home.path, 'help', 'vms')).out).toContain('Examples:');
  });

  test('D4: bad configuration: exit 2 before anything is started', async () => {
    await using home = await tempDir('home');
    await writeFile(
      join(home.path, 'bad.yaml'),
      'hosts:\n  - url: libvirt:///system\nmonitor:\n  pollInterval: 3 seconds\n',
    );
    const { code, err } = await runIn(home.path, 'up', '--config', 'bad.yaml');
    expect(code).toBe(2);
    expect(err).toMatch(/bad\.yaml:4:17: monitor\.pollInterval: /);
    await expect(readFile(join(home.path, '.local/state/vedette/store.sqlite'))).rejects.toThrow(/ENOENT/);
  });

  test('the launcher works from any folder and through a symlink', async () => {
    await using home = await tempDir('home');
    await symlink(launcher, join(home.path, 'vedette'));
    await using program = new Program(['--version'], home.path, [join(home.path, 'vedette')]);
    expect((await program.ended).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('a reader that goes away, as `| head` does, is no error', async () => {
    await using home = await tempDir('home');
    await using program = new Program(['up', '--help'], home.path);
    program.stopReading();
    const { code, err } = await program.ended;
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });
});

test('bash completes with the script it is given', async () => {
  await using home = await tempDir('home');
  const script = [
    'source <(vedette completion bash)',
    `COMP_WORDS=(vedette vms --state pau); COMP_CWORD=3; _vedette; printf '%s\\n' "\${COMPREPLY[@]}"`,
    `COMP_WORDS=(vedette va); COMP_CWORD=1; _vedette; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ];
  await symlink(launcher, join(home.path, 'vedette'));
  const path = `PATH=${home.path}:$PATH`;
  await using bash = new Program(['-c', [path, ...script].join('\n')], home.path, ['bash']);
  expect(await bash.ended).toEqual({ code: 0, out: 'paused\npaused_error\nvalidate\n', err: '' });
}, 60_000);

describe('up', () => {
  test('says what it watches and what to type next; questions find it; a signal ends it well', async () => {
    await using home = await tempDir('home');
    await using up = new Program(['up', '--fleet', '3x4'], home.path);
    await up.saidReady();
    expect(up.out).toMatch(
      /^watching {2}3 hosts\nstore {5}.*store\.sqlite\nsocket {4}.*store\.sock\n(ready .*\n)?next {6}vedette vms/,
    );
    const running = await eventually(async () => {
      const { out } = await ask(home.path, 'vms', '--state', 'running', '--json');
      expect(records(out).length).toBeGreaterThan(5);
      return records(out);
    });
    up.signal('SIGTERM');
    expect(await up.ended).toMatchObject({ code: 0 });
    expect(integrityOf(join(home.path, '.local/state/vedette/store.sqlite'))).toEqual([{ integrity_check: 'ok' }]);
    const later = await runIn(home.path, 'vms', '--json');
    expect(later.err).toContain('nothing is running; read from');
    expect(records(later.out).map(({ id }) => id)).toEqual(expect.arrayContaining(running.map(({ id }) => id)));
  });

  test('F9: a second one on the same store refuses to start, naming the first, which goes on', async () => {
    await using home = await tempDir('home');
    const args = ['up', '--fleet', '2x2', '--store', './shared.sqlite'];
    await using first = new Program(args, home.path);
    await first.saidReady();
    const second = await runIn(home.path, ...args);
    expect(second.code).toBe(1);
    expect(second.err).toMatch(/vedette: store .*shared\.sqlite is open in process \d+\n {2}stop the process named/);
    expect(records((await ask(home.path, 'hosts', '--json')).out)).toHaveLength(2);
  });

  test('hosts that the configuration does not name any more are no longer watched', async () => {
    await using home = await tempDir('home');
    const hostsOf = async (fleet: string): Promise<string[]> => {
      await using up = new Program(['up', '--fleet', fleet, '--store', './same.sqlite'], home.path);
      await up.saidReady();
      const { out } = await ask(home.path, 'hosts', '--json');
      up.signal('SIGINT');
      expect((await up.ended).code).toBe(0);
      return records(out).map(({ id }) => id);
    };
    expect(await hostsOf('3x1')).toEqual(['sim-00000', 'sim-00001', 'sim-00002']);
    expect(await hostsOf('2x1')).toEqual(['sim-00000', 'sim-00001']);
  });
});

test('a simulated fleet never takes the place of real hosts in their store', async () => {
  await using home = await tempDir('home');
  const path = join(home.path, 'real.sqlite');
  const store = await openSqliteStore({ path });
  await store.registerHosts([{ id: 'kvm1', name: 'kvm1', realm: 'default', url: 'libvirt:///system' }]);
  await store.close();
  for (const args of [['demo'], ['up', '--fleet', '2x2']]) {
    const { code, err } = await runIn(home.path, ...args, '--store', path);
    expect(code).toBe(2);
    expect(err).toContain('the store has real hosts (kvm1)');
  }
  expect(records((await ask(home.path, 'hosts', '--json', '--store', path)).out)).toMatchObject([{ id: 'kvm1' }]);
});

describe('demo', () => {
  test('shows the fleet, and at the end how much happened and where the store is', async () => {
    await using home = await tempDir('home');
    await using demo = new Program(['demo', '--fleet', '2x5'], home.path);
    await eventually(() => expect(demo.out).toMatch(/^hosts: 2 up; vms: .*running/m), { timeoutMs: 15_000 });
    demo.signal('SIGINT');
    const { code, out, err } = await demo.ended;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/discovered/);
    expect(out).toMatch(/\n\d+ events in .* s; .* \S+demo\/store\.sqlite\n$/);
  });

  test('Ctrl-C at any moment, also during the start, ends with 0 and leaves a sound store that vms can read', async () => {
    await interruptDemos(3, seededRandom(20_261_120));
  });

  test('a second Ctrl-C forces the end; killed without warning, the store is sound as well', async () => {
    await using home = await tempDir('home');
    const store = join(home.path, '.local/state/vedette/demo/store.sqlite');
    await using forced = new Program(['demo', '--fleet', '5x10'], home.path);
    await eventually(() => expect(forced.out + forced.err).toContain('discovered'), { timeoutMs: 15_000 });
    forced.signal('SIGINT');
    forced.signal('SIGINT');
    expect([0, 130]).toContain((await forced.ended).code); // 0: it had ended before the second one
    expect(integrityOf(store)).toEqual([{ integrity_check: 'ok' }]);
    await using killed = new Program(['demo', '--fleet', '5x10'], home.path);
    await eventually(() => expect(killed.out + killed.err).toContain('discovered'), { timeoutMs: 15_000 });
    killed.signal('SIGKILL');
    await killed.ended;
    const { code, out } = await ask(home.path, 'vms', '--json');
    expect(code).toBe(0);
    expect(records(out).length).toBeGreaterThan(0);
    expect(integrityOf(store)).toEqual([{ integrity_check: 'ok' }]);
  });
});
