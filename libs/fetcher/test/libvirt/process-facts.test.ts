import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { eventually } from '@vedette/testbed';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isQemuOf, ProcessFacts, startTicksOf } from '../../src/drivers/libvirt/process-facts.ts';

/** Of a real QEMU. */
const recorded = (
  JSON.parse(await readFile(new URL('./fixtures/libvirt-9.0.0.json', import.meta.url), 'utf8')) as {
    readonly process: {
      readonly pid: string;
      readonly stat: string;
      readonly cmdline: string;
      readonly uptime: string;
    };
  }
).process;
const uuid = '8f684d46-a8d5-4800-b51a-a548f28637dc';
/** Looked at, and there is none. */
const none = new Map([[uuid, undefined]]);
const full = { name: 'full', uuid };
type NamedDomain = typeof full;

describe('a command line', () => {
  it.each([
    ['its own', recorded.cmdline, true],
    ['of another name', recorded.cmdline.replace('guest=full,', 'guest=fuller,'), false],
    ['of a name that begins like it', recorded.cmdline.replace('guest=full,', 'guest=full,,er,'), false],
    ['of the same name with another UUID', recorded.cmdline.replace(uuid, uuid.replace('8f', '9f')), false],
    ['of no UUID', recorded.cmdline.replace(`-uuid\0${uuid}\0`, ''), true],
    ['with nothing after the name', '/usr/bin/qemu\0-name\0guest=full\0', true],
    ['of another program', '/bin/sleep\x300\0', false],
    ['of another program that says the name', 'grep\0guest=full,\0', false],
    ['of a thread of the kernel', '', false],
  ])('%s', (_, cmdline, believed) => {
    expect(isQemuOf(cmdline, 'full', uuid)).toBe(believed);
  });

  it('a comma in a name is doubled, as QEMU wants', () => {
    expect(isQemuOf('qemu\0-name\0guest=a,,b,debug-threads=on\0', 'a,b', uuid)).toBe(true);
    expect(isQemuOf('qemu\0-name\0guest=a,b\0', 'a,b', uuid)).toBe(false);
  });
});

describe('the start of a process', () => {
  it.each([
    ['a real one', recorded.stat, 455_278],
    ['one with a name that hides it', recorded.stat.replace('(qemu-system-x86)', '(a) S 1 (b c)'), 455_278],
    ['a dead one', recorded.stat.replace(') S ', ') Z '), undefined],
    ['nonsense', 'x', undefined],
    ['nothing', '', undefined],
  ])('%s', (_, stat, ticks) => {
    expect(startTicksOf(stat)).toBe(ticks);
  });
});

describe('reading', () => {
  const clock = new SimulatedClock();
  const LONG = { timeoutMs: 15_000 };
  let root = '';
  let facts: ProcessFacts;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'vedette-process-'));
    await mkdir(join(root, 'run/libvirt/qemu'), { recursive: true });
    await put('proc/uptime', recorded.uptime);
    await run(full.name, recorded.pid);
    facts = new ProcessFacts({ clock, hostRoot: root });
  });
  afterEach(() => rm(root, { recursive: true }));

  async function put(path: string, text: string): Promise<void> {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  }

  async function run(name: string, pid: string, startTicks = '455278'): Promise<void> {
    await put(`run/libvirt/qemu/${name}.pid`, pid);
    await put(`proc/${pid}/stat`, recorded.stat.replace('455278', startTicks));
    await put(`proc/${pid}/cmdline`, recorded.cmdline.replace('guest=full,', `guest=${name},`));
  }

  /** A reading that runs into its deadline, on the simulated clock. */
  async function readInVain(domains: readonly NamedDomain[]): Promise<ReadonlyMap<string, unknown>> {
    let ended = false;
    const read = facts.read(domains, { timeoutMs: 1_000 }).finally(() => {
      ended = true;
    });
    await eventually(async () => {
      await clock.advance(100);
      expect(ended).toBe(true);
    }, LONG);
    return read;
  }

  it('a domain that runs has a pid, and the seconds since its start', async () => {
    expect(await facts.read([full], LONG)).toEqual(
      new Map([[uuid, { pid: 139, elapsedS: expect.closeTo(4560.35 - 4552.78, 6) }]]),
    );
  });

  it('a domain that does not run has none, without a word', async () => {
    await rm(join(root, 'run/libvirt/qemu/full.pid'));
    expect(await facts.read([full], LONG)).toEqual(none);
  });

  it('P1: a pid file that a killed QEMU left behind is not believed', async () => {
    await rm(join(root, 'proc/139'), { recursive: true });
    expect(await facts.read([full], LONG)).toEqual(none);
  });

  it('P1: a pid that another process got is not believed, before it was known or after', async () => {
    await facts.read([full], LONG);
    await put('proc/139/cmdline', '/bin/sleep\u0000600\u0000');
    await put('proc/139/stat', recorded.stat.replace('455278', '455999'));
    expect(await facts.read([full], LONG)).toEqual(none);
    expect(await new ProcessFacts({ clock, hostRoot: root }).read([full], LONG)).toEqual(none);
  });

  it('P1: one that is dead and not yet reaped is not believed', async () => {
    await facts.read([full], LONG);
    await put('proc/139/stat', recorded.stat.replace(') S ', ') Z '));
    expect(await facts.read([full], LONG)).toEqual(none);
  });

  it('a domain that was started anew has its new pid', async () => {
    await facts.read([full], LONG);
    await rm(join(root, 'proc/139'), { recursive: true });
    await run('full', '140', '456000');
    expect((await facts.read([full], LONG)).get(uuid)).toMatchObject({ pid: 140 });
  });

  it.each(['', '0', '-1', '139x', '1 2', '99999999999'])('a pid file with %j says nothing', async (text) => {
    await put('run/libvirt/qemu/full.pid', text);
    expect(await facts.read([full], LONG)).toEqual(none);
  });

  it('a name leads nowhere else', async () => {
    await run('../secret', '139'); // the file and the process are there, one folder up
    expect(await facts.read([{ name: '../secret', uuid }], LONG)).toEqual(none);
  });

  it('without an uptime the pid is told, and no age', async () => {
    await rm(join(root, 'proc/uptime'));
    expect(await facts.read([full], LONG)).toEqual(new Map([[uuid, { pid: 139, elapsedS: undefined }]]));
  });

  it('P1: a pid that changes hands while it is looked at is not believed', async () => {
    const cmdline = join(root, 'proc/139/cmdline');
    await rm(cmdline);
    execFileSync('mkfifo', [cmdline]);
    const read = facts.read([full], LONG);
    await using writer = await open(cmdline, 'w'); // goes on once the reader is there
    await put('proc/139/stat', recorded.stat.replace('455278', '455999'));
    await writer.writeFile(recorded.cmdline);
    await writer.close();
    expect(await read).toEqual(none);
  });

  it('P3: a process that hangs is read once, however often it is asked for', async () => {
    const hung = { name: 'hung', uuid: 'hung' };
    await run('hung', '150');
    const cmdline = join(root, 'proc/150/cmdline');
    await rm(cmdline);
    execFileSync('mkfifo', [cmdline]);
    for (let polls = 0; polls < 3; polls++) await readInVain([hung]);
    // One of the two places is still free for one that was not known before.
    await run('late', '151');
    expect((await facts.read([{ name: 'late', uuid }], LONG)).get(uuid)).toMatchObject({ pid: 151 });
    await (await open(cmdline, 'r+')).close();
  });

  it('P3: processes whose command lines cannot be read to an end delay nobody else, however many there are', async () => {
    // More than Node has threads for files.
    const hung = [150, 151, 152, 153, 154].map((pid) => ({ name: `hung-${pid}`, uuid: `hung-${pid}`, pid }));
    for (const { name, pid } of hung) {
      await run(name, String(pid));
      await rm(join(root, `proc/${pid}/cmdline`));
      execFileSync('mkfifo', [join(root, `proc/${pid}/cmdline`)]); // whoever opens it waits until somebody writes
    }
    await facts.read([full], LONG);
    for (let polls = 0; polls < 3; polls++) expect([...(await readInVain([full, ...hung])).keys()]).toEqual([uuid]);
    // Lets those that wait go on: they find the end of an empty file, or none.
    const files = hung.map(({ pid }) => join(root, `proc/${pid}/cmdline`));
    const handles = await Promise.all(files.slice(0, 2).map((file) => open(file, 'r+')));
    await Promise.all(files.map((file) => rm(file)));
    await Promise.all(handles.map((handle) => handle.close()));
  });

  it('what was asked for no more is forgotten, and a caller that gives up is told so', async () => {
    await facts.read([full], LONG);
    expect(await facts.read([], LONG)).toEqual(new Map());
    await expect(facts.read([full], { ...LONG, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    );
  });
});
