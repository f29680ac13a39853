import { VedetteError } from '@vedette/runtime';
import { describe, expect, it, vi } from 'vitest';
import { sizeOf } from '../src/fleet/options.ts';
import { describeOptions, type OptionSpecs, readOptions } from '../src/harness/options.ts';
import { runProgram } from '../src/program.ts';

const specs = {
  hosts: { type: 'number', default: 25, from: 1, to: 100, help: 'hosts' },
  rate: { type: 'number', from: 1, to: 1e6, help: 'a second' },
  bus: { type: 'text', default: 'nats', among: ['nats', 'memory'], help: 'the bus' },
  json: { type: 'text', help: 'a file' },
  'poll-only': { type: 'flag', help: 'no hints' },
} as const satisfies OptionSpecs;

function refusal(argv: readonly string[]): string {
  try {
    readOptions(specs, argv);
  } catch (error) {
    if (VedetteError.is(error, 'VDT_LOADGEN_USAGE')) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a command line', () => {
  it('gives every option its value, its default or none', () => {
    expect(readOptions(specs, [])).toEqual({
      hosts: 25,
      rate: undefined,
      bus: 'nats',
      json: undefined,
      'poll-only': false,
    });
    const given = readOptions(specs, [
      '--hosts',
      '7',
      '--rate=8333',
      '--bus',
      'memory',
      '--poll-only',
      '--json',
      '/tmp/x',
    ]);
    expect(given).toEqual({ hosts: 7, rate: 8333, bus: 'memory', json: '/tmp/x', 'poll-only': true });
  });

  it('is refused in one sentence that names the option', () => {
    expect(refusal(['--hosts', 'many'])).toBe('--hosts many is not a number from 1 to 100');
    expect(refusal(['--hosts', '101'])).toBe('--hosts 101 is not a number from 1 to 100');
    expect(refusal(['--hosts', ''])).toContain('--hosts');
    expect(refusal(['--bus', 'amqp'])).toBe('--bus amqp is none of nats, memory');
    expect(refusal(['--hostes', '1'])).toContain("'--hostes'");
    expect(refusal(['stray'])).toContain("'stray'");
  });

  it('is described with its defaults and choices', () => {
    const text = describeOptions(specs);
    expect(text).toContain('--hosts N');
    expect(text).toContain('25 unless given');
    expect(text).toContain('(nats, memory)');
  });
});

describe('the size of a fleet', () => {
  it('is a reference load by its name or by its numbers, or any other', () => {
    expect(sizeOf({ load: 'L', hosts: undefined, 'vms-per-host': undefined })).toEqual({
      load: 'L',
      hosts: 10_000,
      vmsPerHost: 40,
    });
    expect(sizeOf({ load: undefined, hosts: 250, 'vms-per-host': 40 }).load).toBe('S');
    expect(sizeOf({ load: undefined, hosts: 3, 'vms-per-host': undefined })).toEqual({
      load: undefined,
      hosts: 3,
      vmsPerHost: 40,
    });
  });

  it('cannot be both', () => {
    expect(() => sizeOf({ load: 'S', hosts: 3, 'vms-per-host': undefined })).toThrow('--load says how many');
  });
});

describe('the program', () => {
  const never = new AbortController().signal;

  async function run(
    ...argv: string[]
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    const written = { out: '', err: '' };
    const keep = (where: 'out' | 'err') => (text: unknown) => {
      written[where] += String(text);
      return true;
    };
    const out = vi.spyOn(process.stdout, 'write').mockImplementation(keep('out'));
    const err = vi.spyOn(process.stderr, 'write').mockImplementation(keep('err'));
    try {
      return { code: await runProgram(argv, never), ...written };
    } finally {
      out.mockRestore();
      err.mockRestore();
    }
  }

  it('names its workloads, and each names its options', async () => {
    const help = await run('--help');
    expect(help.code).toBe(0);
    for (const name of ['rpc', 'fleet', 'classic']) {
      expect(help.out).toContain(`  ${name}`);
      const own = await run(name, '--help');
      expect(own).toMatchObject({ code: 0 });
      expect(own.out).toContain('--json');
    }
  });

  it('ends with 2 and one sentence for a wrong command line', async () => {
    expect(await run()).toMatchObject({ code: 2 });
    const unknown = await run('flood');
    expect(unknown.code).toBe(2);
    expect(unknown.err).toBe(
      'there is no workload named flood; there are rpc, fleet, classic (VDT_LOADGEN_USAGE); see the help: scripts/node services/loadgen/src/main.ts --help\n',
    );
    expect(await run('fleet', '--hosts', '0')).toMatchObject({ code: 2 });
  });
});
