import { EventEmitter } from 'node:events';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { completableAt } from '../src/completion/words.ts';
import { commandExitCodes, exitCodeOf, exitCodeTable } from '../src/exit-codes.ts';
import { buildProgram } from '../src/program.ts';
import { holdSignals } from '../src/signals.ts';
import { Answering, CommandWorld } from './world.ts';

describe('help', () => {
  test('the first page says how to begin and what the exit codes mean', async () => {
    await using world = await CommandWorld.make();
    const { code, out } = await world.run(['--help']);
    expect(code).toBe(0);
    for (const line of ['vedette demo', 'vedette up --config vedette.yaml', 'Exit codes:']) expect(out).toContain(line);
    for (const [exitCode, meaning] of exitCodeTable) expect(out).toContain(`${exitCode}  ${meaning}`);
    expect((await world.run(['help'])).out).toBe(out);
  });

  test('every command teaches by example, and every example is a command line that is understood', async () => {
    await using world = await CommandWorld.make();
    for (const name of ['demo', 'up', 'vms', 'hosts', 'history', 'watch', 'status', 'validate', 'completion']) {
      const { code, out } = await world.run([name, '--help']);
      expect(code).toBe(0);
      const examples = out.split('Examples:\n')[1] ?? '';
      const lines = [...examples.matchAll(/^ {2}(?:source <\()?vedette (.+?)(?:\)? {2,}| \| | > ).*$/gm)];
      expect(lines.length, name).toBeGreaterThan(0);
      for (const [, line] of lines) expect(line?.startsWith(name), line).toBe(true);
      expect((await world.run(['help', name])).out).toBe(out);
    }
  });

  test('commands within a command teach by example too', async () => {
    await using world = await CommandWorld.make();
    for (const name of ['hosts add', 'hosts rm', 'hosts mode', 'vms forget']) {
      const { code, out } = await world.run([...name.split(' '), '--help']);
      expect(code).toBe(0);
      expect(out).toContain(`Usage: vedette ${name}`);
      expect(out.split('Examples:\n')[1], name).toMatch(new RegExp(`^ {2}vedette ${name} `));
    }
  });

  test('no line is wider than the terminal', async () => {
    await using world = await CommandWorld.make();
    for (const name of ['vms', 'up', 'watch']) {
      const { out } = await world.run([name, '--help'], { columns: 100 });
      const options = out.slice(out.indexOf('Options:'), out.indexOf('Examples:'));
      for (const line of options.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
    }
  });
});

describe('a command line that is wrong ends with exit 2, one sentence and where to look', () => {
  test.each([
    [['vmz'], "vedette: unknown command 'vmz'\n(Did you mean vms?)\n  see: vedette --help\n"],
    [['vms', '--hots', 'x'], "vedette: unknown option '--hots'\n(Did you mean --host?)\n  see: vedette vms --help\n"],
    [
      ['vms', '--limit', '0'],
      "vedette: option '--limit <count>' argument '0' is invalid. It has to be a whole number above 0.\n  see: vedette vms --help\n",
    ],
    [['hosts', 'rm'], "vedette: missing required argument 'host'\n  see: vedette hosts rm --help\n"],
    [
      ['hosts', 'mode', 'kvm1', 'asleep'],
      "vedette: command-argument value 'asleep' is invalid for argument 'mode'. Allowed choices are active, draining, maintenance.\n  see: vedette hosts mode --help\n",
    ],
    [['history'], "vedette: missing required argument 'vm'\n  see: vedette history --help\n"],
    [
      ['completion', 'tcsh'],
      "vedette: command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n  see: vedette completion --help\n",
    ],
    [
      ['demo', '--fleet', 'many'],
      "vedette: option '--fleet <size>' argument 'many' is invalid. It has to be hosts x VMs on each host, such as 25x40.\n  see: vedette demo --help\n",
    ],
  ])('%j', async (args, message) => {
    await using world = await CommandWorld.make();
    expect(await world.run(args)).toEqual({ code: 2, out: '', err: message });
  });

  test('an unknown state is answered with those there are', async () => {
    await using world = await CommandWorld.make();
    const { code, err } = await world.run(['vms', '--state', 'running,dead']);
    expect(code).toBe(2);
    expect(err).toContain('States are starting, running,');
  });

  test('without a command the help is shown, as an error', async () => {
    await using world = await CommandWorld.make();
    const { code, out, err } = await world.run([]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Begin with:');
  });
});

test('--debug shows the cause of an error', async () => {
  await using world = await CommandWorld.make();
  const { err } = await world.run(['vms', '--debug']);
  expect(err).toContain('VDT_COMMAND_NOTHING_RUNS');
  expect(err).toContain('    at ');
});

test('an error that nobody foresaw is exit 1', () => {
  expect(exitCodeOf(new TypeError('x'))).toBe(commandExitCodes.failure);
});

describe('completion', () => {
  async function complete(world: CommandWorld, ...words: string[]): Promise<string[]> {
    const { code, out, err } = await world.run(['__complete', '--', ...words]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('\t')[0] ?? '');
  }

  test('commands, options and choices come from the definitions', async () => {
    await using world = await CommandWorld.make();
    expect(await complete(world, '')).toEqual(
      expect.arrayContaining(['demo', 'up', 'vms', 'help'].filter((one) => one !== 'help')),
    );
    expect(await complete(world, 'v')).toEqual(['vms', 'validate']);
    expect(await complete(world, 'vms', '--re')).toEqual(['--realm']);
    expect(await complete(world, 'vms', '--state', 'paus')).toEqual(['paused', 'paused_error']);
    expect(await complete(world, 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await complete(world, 'config', '')).toEqual(['schema']);
    expect(await complete(world, 'up', '--log-level', 'd')).toEqual(['debug']);
    expect(await complete(world, 'validate', '')).toEqual([':files']);
    expect(await complete(world, 'up', '--config', 'ved')).toEqual([':files']);
    expect(await complete(world, 'status', '')).toEqual([]);
    expect(await complete(world, 'hosts', '')).toEqual(['list', 'add', 'rm', 'mode']);
    expect(await complete(world, 'hosts', '--mo')).toEqual(['--mode']);
    expect(await complete(world, 'hosts', 'list', '--mode', 'd')).toEqual(['draining']);
    expect(await complete(world, 'hosts', 'mode', 'kvm1', '')).toEqual(['active', 'draining', 'maintenance']);
    expect(await complete(world, 'hosts', 'add', '--gr')).toEqual(['--group']);
    expect(await complete(world, 'vms', 'f')).toEqual(['forget']);
  });

  test('every option of every command is offered', async () => {
    await using world = await CommandWorld.make();
    const context = {
      stdout: process.stdout,
      stderr: process.stderr,
      env: {},
      cwd: '/',
      clock: world.clock,
      startedMs: 0,
      hooks: { on: () => 0, off: () => 0, exit: () => 0 },
    };
    const program: Command = buildProgram(context);
    for (const command of program.commands) {
      const offered = completableAt(program, [command.name(), '--']);
      const words = offered.kind === 'words' ? offered.words.map(([word]) => word) : [];
      for (const { long } of command.options) expect(words).toContain(long);
    }
  });

  test('while a process runs, VMs, hosts and realms are offered; without one nothing is, quietly', async () => {
    await using world = await CommandWorld.make();
    expect(await complete(world, 'history', '')).toEqual([]);
    await using process = await Answering.in(world);
    const { registerProcess } = await import('../src/process/registry.ts');
    await using _entry = await registerProcess(
      { XDG_STATE_HOME: `${world.dir}/state` },
      { pid: 1, kind: 'up', store: process.storePath, socket: process.storePath.replace('.sqlite', '.sock') },
    );
    const observer = await process.host('kvm1', { realm: 'zone-a' });
    await process.apply(observer.state('3f2a-1', 'running'), observer.config('3f2a-1', 'web-1', '1'));
    await process.apply(observer.state('77aa-2', 'running'));
    expect(await complete(world, 'history', '')).toEqual(['web-1', '77aa-2']);
    expect(await complete(world, 'history', 'we')).toEqual(['web-1']);
    expect(await complete(world, 'history', '3f')).toEqual(['3f2a-1']);
    expect(await complete(world, 'vms', '--host', 'k')).toEqual(['kvm1']);
    expect(await complete(world, 'hosts', 'rm', 'other', 'k')).toEqual(['kvm1']);
    expect(await complete(world, 'hosts', 'mode', 'k')).toEqual(['kvm1']);
    expect(await complete(world, 'vms', 'forget', 'web')).toEqual(['web-1']);
    expect(await complete(world, 'watch', '--realm', '')).toEqual(['zone-a']);
  });

  test('the scripts ask the program they complete', async () => {
    await using world = await CommandWorld.make();
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, out } = await world.run(['completion', shell]);
      expect(code).toBe(0);
      expect(out).toContain('__complete --');
    }
  });
});

describe('signals', () => {
  function source() {
    const emitter = new EventEmitter();
    const exits: number[] = [];
    const on = (signal: NodeJS.Signals, listener: () => void): unknown => emitter.on(signal, listener);
    return { on, exit: (code: number) => exits.push(code), raise: (signal: string) => emitter.emit(signal), exits };
  }

  test('one that comes before anybody listens is handed to who listens first, once', async () => {
    const given = source();
    const hooks = holdSignals(given);
    given.raise('SIGINT');
    const heard: string[] = [];
    hooks.on('SIGTERM', () => heard.push('term'));
    hooks.on('SIGINT', () => heard.push('int'));
    hooks.on('SIGINT', () => heard.push('again'));
    await Promise.resolve();
    expect(heard).toEqual(['int']);
    expect(given.exits).toEqual([]);
  });

  test('a second one before anybody listens ends the process as shells have it', () => {
    const given = source();
    holdSignals(given);
    given.raise('SIGINT');
    given.raise('SIGINT');
    expect(given.exits).toEqual([130]);
  });

  test('a reason of our own is heard as a signal is', () => {
    const hooks = holdSignals(source());
    let heard = 0;
    hooks.on('SIGTERM', () => heard++);
    hooks.raise('SIGTERM');
    expect(heard).toBe(1);
  });

  test('who listens no more hears nothing', () => {
    const given = source();
    const hooks = holdSignals(given);
    let heard = 0;
    const listener = (): void => void heard++;
    hooks.on('SIGTERM', listener);
    given.raise('SIGTERM');
    hooks.off('SIGTERM', listener);
    given.raise('SIGTERM');
    expect(heard).toBe(1);
  });
});
