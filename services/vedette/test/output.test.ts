import { RealClock } from '@vedette/runtime';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CommandContext, print } from '../src/context.ts';
import { countsText } from '../src/output/counts.ts';
import { describeEvent } from '../src/output/describe-event.ts';
import { ageText, agoText, durationText } from '../src/output/durations.ts';
import { printable } from '../src/output/printable.ts';
import { plain } from '../src/output/style.ts';
import { type Cell, TableWriter } from '../src/output/table.ts';
import { fitText, textWidth } from '../src/output/text-width.ts';

describe('durations, to about two digits', () => {
  test.each([
    [0, '0.0 s'],
    [449, '0.4 s'],
    [9_900, '9.9 s'],
    [9_960, '10 s'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [5_400_000, '2 h'],
    [3_599_000, '1 h'],
    [86_400_000 * 2, '2 d'],
    [-5, '0.0 s'],
  ])('%d ms: %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  test('no age is no number; the past is ago', () => {
    expect(ageText(null)).toBe('-');
    expect(agoText(1_000, 4_000)).toBe('3.0 s ago');
  });
});

describe('text on a terminal', () => {
  test('nothing printable moves the cursor, breaks a line or turns the direction', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
    expect(printable('größe 虚拟机 ✓')).toBe('größe 虚拟机 ✓');
  });

  test.each([
    ['abc', 3],
    ['größe', 5],
    ['虚拟机', 6],
    ['e\u0301', 1],
    ['🖥', 2],
  ])('%s takes %d columns', (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  test('what is fitted never takes more columns than given, and says that it was cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 30 }), (text, width) => {
        const fitted = fitText(text, width);
        expect(textWidth(fitted)).toBeLessThanOrEqual(width);
        if (textWidth(text) > width && width > 0) expect(fitted.endsWith('…')).toBe(true);
        else if (textWidth(text) <= width) expect(fitted).toBe(text);
      }),
    );
  });
});

describe('tables', () => {
  const columns = [
    { title: 'NAME', least: 6 },
    { title: 'N', align: 'right' as const },
    { title: 'LAST', least: 5 },
  ];
  const row = (...texts: string[]): Cell[] => texts.map((text) => ({ text }));

  test('columns are two spaces apart, numbers at the right, nothing trails', () => {
    const table = new TableWriter({ columns, width: undefined, paint: plain });
    expect(`\n${table.portion([row('a', '1', 'x'), row('longer name', '1000', ''), row('虚拟', '20', 'y')])}`).toBe(`
NAME            N  LAST
a               1  x
longer name  1000
虚拟           20  y
`);
  });

  test('no line is wider than the terminal while something may be cut; later portions go on without titles', () => {
    const text = fc.string({ unit: 'grapheme-ascii', maxLength: 40 });
    const rows = fc.array(fc.tuple(text, fc.nat().map(String), text), { maxLength: 5 });
    fc.assert(
      fc.property(rows, rows, fc.integer({ min: 30, max: 120 }), (first, second, width) => {
        const table = new TableWriter({ columns, width, paint: plain });
        const lines = `${table.portion(first.map((one) => row(...one)))}${table.portion(second.map((one) => row(...one)))}`;
        const all = lines.split('\n').slice(0, -1);
        expect(all).toHaveLength(first.length + second.length + 1);
        for (const line of all) expect(textWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});

test('numbers by state: the largest first, what is past beside the total', () => {
  expect(countsText({ stopped: 30, running: 1_970, gone: 5, failed: 0 })).toBe(
    '2,000: 1,970 running, 30 stopped, 5 gone',
  );
  expect(countsText({})).toBe('none');
});

describe('writing output', () => {
  const context = (stdout: CommandContext['stdout']): CommandContext => ({
    ...{ stdout, stderr: stdout, env: {}, cwd: '/', clock: new RealClock(), startedMs: 0 },
    hooks: { on: () => undefined, off: () => undefined, exit: () => undefined },
  });

  test('a slow reader is waited for, one that is gone only until the end is asked for', async () => {
    const waiting: (() => void)[] = [];
    const slow = context({ write: () => false, once: (_event, listener) => waiting.push(listener) });
    const controller = new AbortController();
    let written = false;
    const first = print(slow, 'x', controller.signal).then(() => {
      written = true;
    });
    await Promise.resolve();
    expect(written).toBe(false);
    waiting[0]?.();
    await first;
    const second = print(slow, 'x', controller.signal);
    controller.abort();
    await expect(second).rejects.toThrow(/abort/);
    await expect(print(slow, 'x', controller.signal)).rejects.toThrow(/abort/);
  });
});

describe('events in words', () => {
  const address = (text: string) => ({ address: text });

  test.each<[string, object, string, string]>([
    [
      'VMChanged',
      { vm: 'x', name: 'web', reason: 'discovered', state: 'running', host: 'h1', previous: {} },
      'discovered web',
      'running, on h1',
    ],
    [
      'VMChanged',
      {
        name: 'web',
        reason: 'migrated',
        state: 'running',
        host: 'h2',
        previous: { state: 'migrating_out', host: 'h1' },
      },
      'migrated web',
      'migrating_out → running, h1 → h2',
    ],
    [
      'VMChanged',
      {
        name: 'web',
        reason: 'unknown',
        state: 'unknown',
        lastState: 'running',
        host: 'h1',
        detail: 'h1 does not answer',
        previous: { state: 'running' },
      },
      'unknown web',
      'running → unknown, on h1, last known running, h1 does not answer',
    ],
    [
      'VMChanged',
      {
        name: 'web',
        reason: 'split_brain',
        state: 'running',
        host: 'h1',
        conflict: ['h1', 'h2'],
        previous: { conflict: [] },
      },
      'split_brain web',
      'on h1, runs on h1 and h2',
    ],
    [
      'VMChanged',
      {
        name: 'web',
        reason: 'addresses',
        state: 'running',
        host: 'h1',
        addresses: [address('b')],
        previous: { addresses: [address('a')] },
      },
      'addresses web',
      'on h1, +b -a',
    ],
    [
      'VMChanged',
      {
        vm: '12345678-9',
        reason: 'conditions',
        state: 'running',
        conditions: ['nic'],
        previous: { conditions: ['memory'] },
      },
      'conditions 12345678',
      'raised nic, cleared memory',
    ],
    [
      'HostChanged',
      { host: 'h1', name: 'kvm1', from: 'up', state: 'unwatched', reason: 'nobody', vms: 1 },
      'host kvm1',
      'up → unwatched, nobody, 1 VM',
    ],
    [
      'VMStateChanged',
      { vm: 'v', from: 'running', to: 'stopped', passed: ['stopping'], value: { reason: 'shut down' } },
      'state v',
      'running → stopping → stopped, shut down',
    ],
    ['IPChanged', { vm: 'v', added: [], removed: [] }, 'addresses v', 'none'],
    [
      'VMGuestChanged',
      { vm: 'v', value: { document: { hostname: 'web', os: 'Debian 12' } } },
      'guest v',
      'web, Debian 12',
    ],
    ['VMGuestChanged', { vm: 'v' }, 'guest v', 'details changed'],
    ['VMConditionChanged', { vm: 'v', raised: ['io_error'], cleared: [] }, 'conditions v', 'raised io_error'],
    [
      'HostSnapshot',
      { host: 'h1', part: 1, parts: 2, columns: { vm: ['a', 'b'] } },
      'snapshot h1',
      '2 VMs, part 1 of 2',
    ],
    ['HostStateChanged', { host: 'h1', from: 'connecting', to: 'up', reason: '' }, 'host h1', 'connecting → up'],
    ['SomethingNew', { anything: 1 }, 'SomethingNew ', ''],
  ])('%s %j', (name, data, head, text) => {
    const described = describeEvent(name, data);
    expect(`${described.what} ${described.who}`).toBe(head);
    expect(described.text).toBe(text);
  });

  test('whatever is missing, as in a history, does no harm', () => {
    for (const name of ['VMChanged', 'HostChanged', 'VMStateChanged', 'IPChanged', 'VMConfigChanged', 'HostSnapshot']) {
      expect(() => describeEvent(name, {})).not.toThrow();
    }
  });
});
