import { createMemoryBroker } from '@vedette/bus/memory';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { ScriptedObserver } from '@vedette/store/conformance';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import { describe, expect, test } from 'vitest';
import { Activity } from '../src/live/activity.ts';
import { agesOf, type Figures } from '../src/live/figures.ts';
import { LiveView } from '../src/live/live-view.ts';
import { Screen } from '../src/live/screen.ts';
import { summaryLines, summaryText } from '../src/live/summary.ts';
import { plain } from '../src/output/style.ts';
import { textWidth } from '../src/output/text-width.ts';

process.env.TZ = 'UTC';

const figures: Figures = {
  counts: { vms: { running: 970, stopped: 25, gone: 3, failed: 2 }, hosts: { up: 24, non_responsive: 1 } },
  eventsPerSecond: 1.94,
  events: 1_032,
  ages: { p50Ms: 1_500, p99Ms: 3_010 },
  cpuRatio: 0.123,
  memoryMiB: 278.4,
  runningMs: 83_000,
};
const heading = { title: 'vedette demo: 25 x 40 VMs, seed 1', hint: 'Ctrl-C stops' };

describe('the summary', () => {
  test('as a region of a terminal', () => {
    expect(`\n${summaryLines(heading, figures, 90, plain).join('\n')}\n`).toBe(
      `
── vedette demo: 25 x 40 VMs, seed 1 ───────────────────────────── 1:23  Ctrl-C stops ──
hosts      24 up   1 non_responsive
vms        970 running   25 stopped   2 failed   3 gone
events     1,032 so far, 1.9 a second
knowledge  1.5 s old at the median, 3.0 s at p99
process    CPU 12 % of one core, memory 278 MiB
`.replace('─── 1:23', '───── 1:23'),
    );
  });

  test('as a line of a log', () => {
    expect(summaryText(figures)).toBe(
      'hosts: 24 up, 1 non_responsive; vms: 970 running, 25 stopped, 2 failed, 3 gone; events: 1,032 so far, 1.9 a second; knowledge 1.5 s old, p99 3.0 s; CPU 12 % of one core, 278 MiB',
    );
  });

  test('never wider than the terminal', () => {
    for (let width = 30; width < 120; width++) {
      for (const line of summaryLines(heading, figures, width, plain))
        expect(textWidth(line)).toBeLessThanOrEqual(width);
    }
  });

  test('before anything is known', () => {
    const nothing = { ...figures, counts: { vms: {}, hosts: {} }, ages: undefined, cpuRatio: undefined };
    const text = summaryLines(heading, nothing, 90, plain).join('\n');
    expect(text).toContain('none yet');
    expect(text).toContain('nothing known yet');
    expect(text).toContain('CPU -');
  });
});

test('ages by quantile; hosts without a proof have none', () => {
  const proof = (provedMs: number | undefined) => ({
    host: '',
    provedMs,
    echoed: undefined,
    heardMark: 0,
    vms: 0,
    stretched: false,
    snapshotTold: true,
  });
  const proofs = new Map(Array.from({ length: 100 }, (_, at) => [String(at), proof(1_000 - at * 10)] as const));
  proofs.set('new', proof(undefined));
  expect(agesOf(proofs, 1_000)).toEqual({ p50Ms: 490, p99Ms: 980 });
  expect(agesOf(new Map([['new', proof(undefined)]]), 1_000)).toBeUndefined();
});

/** What a terminal shows after some writes; enough of one for what the screen writes. */
function terminal(columns: number) {
  const lines: string[] = [''];
  let row = 0;
  const control = (code: string): void => {
    if (code.endsWith('A')) row -= Number(code.slice(0, -1));
    if (code === '2K') lines[row] = '';
    if (code === 'J') lines.splice(row, lines.length, '');
    expect(row).toBeGreaterThanOrEqual(0);
  };
  const character = (one: string): void => {
    if (one === '\n') lines[++row] ??= '';
    else if (one !== '\r') lines[row] += one;
  };
  const write = (text: string): void => {
    for (const [at, piece] of text.split('\u{1b}[').entries()) {
      const [, code = '', plainText = ''] =
        at === 0 ? ['', '', piece] : (/^([0-9;?]*[A-Za-z])(.*)$/s.exec(piece) ?? []);
      control(code);
      for (const one of plainText) character(one);
    }
  };
  return { write, isTTY: true, columns, rows: 30, shown: () => lines.slice(0, row) };
}

describe('the screen', () => {
  test('lines scroll above a region that is rewritten in place, also when it shrinks', () => {
    const stream = terminal(80);
    const screen = new Screen(stream);
    screen.update(['one'], ['A', 'B', 'C']);
    screen.update(['two', 'three'], ['a', 'b']);
    screen.update(['four']);
    expect(stream.shown()).toEqual(['one', 'two', 'three', 'four', 'a', 'b']);
  });

  test('the cursor is hidden while it runs and given back once', () => {
    let text = '';
    const screen = new Screen({ write: (more) => (text += more) });
    screen.close();
    expect(text).toBe('');
    const used = new Screen({ write: (more) => (text += more) });
    used.update(['x'], []);
    used.close();
    used.close();
    used.update(['late'], []);
    expect(text.split('\u{1b}[?25l')).toHaveLength(2);
    expect(text.split('\u{1b}[?25h')).toHaveLength(2);
    expect(text).not.toContain('late');
  });
});

/** A view over a store and a bus, with an observer whose events reach both. */
async function viewed(stream: ReturnType<typeof terminal> | { write: (text: string) => void }) {
  const clock = new SimulatedClock({ wallStartMs: 0 });
  const broker = createMemoryBroker({ clock });
  const store = createMemoryStore({ clock });
  const bus = broker.connect({ name: 'view' });
  const view = new LiveView({
    store,
    bus,
    monitor: () => undefined,
    clock,
    stream,
    paint: plain,
    heading,
    logger: silentLogger(),
  });
  await view.start();
  await store.registerHosts([{ id: 'h1', name: 'h1', realm: 'r', url: 'sim://h1' }]);
  const { epoch } = await store.openObserver('h1');
  const observer = new ScriptedObserver('h1', epoch);
  const relay = async (): Promise<void> => {
    const waiting = await store.outbox(10_000);
    await bus.publish(
      waiting.map(({ subject, id, json }) => ({ subject, id, payload: Buffer.from(json) })),
      { timeoutMs: 1 },
    );
    await store.relayed(waiting.at(-1)?.position ?? 0);
  };
  const see = async (...vms: string[]): Promise<void> => {
    await store.apply(vms.map((vm) => ({ event: observer.state(vm, 'running'), position: undefined })));
    await relay();
  };
  return { clock, view, see, [Symbol.asyncDispose]: () => broker.close() };
}

describe('the live view', () => {
  test('on a terminal: the newest events scroll, the older ones of a burst are counted, the figures stand below', async () => {
    const stream = terminal(100);
    await using given = await viewed(stream);
    await given.see(...Array.from({ length: 40 }, (_, at) => `vm-${at}`));
    await given.clock.advance(2_000);
    const shown = stream.shown();
    expect(shown.filter((line) => line.includes('more'))).toEqual(['              … 35 more']);
    expect(shown.filter((line) => line.includes('discovered')).at(-1)).toContain('vm-39');
    expect(shown.at(-5)).toContain('hosts      1 connecting');
    expect(shown.at(-4)).toContain('vms        40 running');
    expect(shown.at(-3)).toContain('41 so far');
    given.view.write('a line of the log');
    expect(stream.shown().at(-7)).toBe('a line of the log');
    given.view.stop();
    expect(given.view.events).toBe(41);
  });

  test('elsewhere: event lines, and a line of figures every few seconds', async () => {
    let text = '';
    await using given = await viewed({ write: (more) => (text += more) });
    await given.see('a', 'b');
    await given.clock.advance(10_000);
    given.view.stop();
    const lines = text.split('\n').filter(Boolean);
    expect(lines.filter((line) => line.includes('discovered'))).toHaveLength(2);
    expect(lines.filter((line) => line.startsWith('hosts: '))).toHaveLength(2);
    expect(text).not.toContain('\u{1b}');
  });
});

test('activity holds a few events however many come, and rates them over the last seconds', () => {
  const activity = new Activity(3, 0);
  const payload = (position: number): Uint8Array => {
    const data = {
      position,
      host: 'h',
      hostVersion: position,
      name: 'h',
      realm: 'r',
      state: 'up',
      mode: 'active',
      reason: '',
      vms: 0,
    };
    return Buffer.from(
      JSON.stringify({
        specversion: '1.0',
        id: `host/h/${position}`,
        source: '/x',
        type: 'vedette.HostChanged.v1',
        subject: 'vedette.v1.fleet.host.h',
        time: '2026-01-01T00:00:00.000Z',
        datacontenttype: 'application/json',
        dataschema: 'urn:vedette:v1:HostChanged',
        data,
      }),
    );
  };
  for (let at = 1; at <= 10; at++) activity.hear(payload(at));
  activity.hear(Buffer.from('no event'));
  activity.hear(payload(4)); // a repetition
  expect(activity.total).toBe(10);
  const { events, skipped } = activity.take();
  expect(events.map(({ data }) => data.position)).toEqual([8, 9, 10]);
  expect(skipped).toBe(7);
  expect(activity.take()).toEqual({ events: [], skipped: 0 });
  activity.hear(payload(14)); // three were dropped on the way
  expect(activity.take()).toMatchObject({ skipped: 3 });
  expect(activity.total).toBe(14);
  expect(activity.perSecond).toBe(0);
  for (let second = 0; second < 4; second++) activity.tick();
  expect(activity.perSecond).toBe(3.5);
  for (let second = 0; second < 20; second++) activity.tick();
  expect(activity.perSecond).toBe(0);
});
