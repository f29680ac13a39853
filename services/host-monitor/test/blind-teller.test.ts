import { createMemoryBroker } from '@vedette/bus/memory';
import { decodeMonitorBlind, type MonitorBlind, subjectPatterns } from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { silentLogger } from '@vedette/telemetry';
import { describe, expect, it } from 'vitest';
import { BlindTeller } from '../src/blind-teller.ts';
import type { Blindness } from '../src/sight.ts';

const begun: Blindness = { since: '2026-01-01T00:00:00.000Z', why: 'bus_disconnected: lost', hosts: 3 };
const over: Blindness = { ...begun, until: '2026-01-01T00:10:00.000Z' };

async function teller() {
  const clock = new SimulatedClock();
  const broker = createMemoryBroker({ clock });
  const heard: MonitorBlind['data'][] = [];
  await broker.connect({ name: 'listener' }).subscribe({
    patterns: [subjectPatterns.blind],
    handler: (_subject, bytes) => {
      const event = decodeMonitorBlind(bytes);
      if (event.ok) heard.push(event.value.data);
    },
  });
  const bus = broker.connect({ name: 'monitor' });
  const ended = new AbortController();
  const one = new BlindTeller({
    ...{ member: 'm.1', source: '/vedette/host-monitor/m~2e1', bus, clock },
    ...{ logger: silentLogger(), publishTimeoutMs: 1_000, signal: ended.signal },
  });
  return { one, broker, clock, heard, ended };
}

describe('telling of blindness', () => {
  it('T1: what was over before it could be told is told once, with its end', async () => {
    const { one, broker, clock, heard } = await teller();
    broker.disconnect('monitor');
    one.tell(begun);
    one.tell(over);
    await clock.advance(60_000);
    expect(heard).toEqual([]);
    broker.reconnect('monitor');
    one.pump();
    await clock.advance(0);
    expect(heard).toEqual([{ member: 'm.1', ...over }]);
  });

  it('T2: one in doubt is sent again unchanged, before its end', async () => {
    const { one, broker, clock, heard } = await teller();
    const sent: string[] = [];
    broker.faults.publish = ({ id }) => {
      sent.push(id);
      return sent.length < 3 ? 'in_doubt_lost' : 'ok';
    };
    one.tell(begun);
    await clock.advance(0);
    one.tell({ ...over, hosts: 9 });
    await clock.advance(0);
    one.pump();
    await clock.advance(0);
    expect(sent.map((id) => id.endsWith('/over'))).toEqual([false, false, false, true]);
    expect(heard).toEqual([
      { member: 'm.1', ...begun },
      { member: 'm.1', ...over, hosts: 9 },
    ]);
  });

  it('keeps the latest of too many, and goes on after one that was refused', async () => {
    const { one, broker, clock, heard } = await teller();
    broker.disconnect('monitor');
    for (let turn = 0; turn < 100; turn++) one.tell({ ...begun, since: `2026-01-01T00:00:00.${turn + 100}Z` });
    broker.faults.publish = ({ id }) => (id.endsWith('.190Z') ? 'refused' : 'ok');
    broker.reconnect('monitor');
    one.pump();
    await clock.advance(0);
    expect(heard).toHaveLength(15);
    expect(heard.at(-1)?.since).toBe('2026-01-01T00:00:00.199Z');
  });

  it('sends nothing any more once its monitor has ended', async () => {
    const { one, clock, heard, ended } = await teller();
    ended.abort();
    one.tell(begun);
    await clock.advance(10_000);
    expect(heard).toEqual([]);
  });
});
