import type { RuntimeRow, RuntimeStats } from '@vedette/fetcher';
import { decodeObserverEvent, type VMState } from '@vedette/model';
import { describe, expect, it } from 'vitest';
import { defaultMonitorConfig } from '../src/config.ts';
import { MonitorCounters } from '../src/counters.ts';
import type { Observation, VMEntry } from '../src/knowledge.ts';
import { Listings } from '../src/listing.ts';
import { Outbox } from '../src/outbox.ts';

const polled: Observation = { observedAt: '2026-01-01T00:00:00.000Z', via: 'poll' };
const pushed: Observation = { ...polled, via: 'push' };

function row(vm: string, state: VMState, more: Partial<RuntimeRow> = {}): RuntimeRow {
  return { vm, state, reason: '', raw: { state, reason: '' }, hashes: {}, rev: 0, ...more };
}

class Bench {
  readonly entries = new Map<string, VMEntry>();
  readonly listings: Listings;
  readonly #outbox: Outbox;
  nowMs = 100_000;
  #polls = 0;

  constructor() {
    const origin = { host: 'h1', epoch: 1, source: '/vedette/host-monitor/m1', wallNow: () => 0 };
    this.#outbox = new Outbox(origin, defaultMonitorConfig, this.entries, { firstContact: false });
    const clock = { now: () => this.nowMs };
    this.listings = new Listings(this.entries, this.#outbox, new MonitorCounters(), clock);
  }

  list(...rows: RuntimeRow[]): void {
    this.answer(++this.#polls, ...rows);
  }

  /** A poll begins whose answer comes later. */
  beginPoll(): number {
    return ++this.#polls;
  }

  answer(poll: number, ...rows: RuntimeRow[]): void {
    const stats: RuntimeStats = {
      hostUuid: 'u',
      boot: 'b',
      rev: 0,
      complete: true,
      rows,
      left: [],
      agrees: true,
      unreadable: [],
    };
    this.listings.take(poll, stats, polled);
  }

  hint(...rows: RuntimeRow[]): void {
    this.listings.takeHinted(rows, { number: this.#polls, underWay: true }, pushed);
  }

  /** What there is to tell of states, as `from>to`, with a star where it was born then. */
  told(): string[] {
    const words: string[] = [];
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      for (const { payload } of batch) {
        const event = decodeObserverEvent(payload);
        if (!event.ok || event.value.type !== 'vedette.VMStateChanged.v1') throw new Error('not a state');
        const { from = '', to, value, version } = event.value.data;
        words.push(`${from}>${to}${value.born?.seq === version.seq ? '*' : ''}`);
      }
      this.#outbox.settle(batch.map(() => ({ status: 'stored' })));
    }
    return words;
  }

  #next() {
    this.nowMs += 1_000;
    return this.#outbox.nextBatch(this.nowMs, polled);
  }
}

describe('rows of a listing', () => {
  it('M8: a birth in the row of a poll that is older than a hint is told; the state of that row is not', () => {
    const bench = new Bench();
    bench.list(row('a', 'stopped'));
    bench.told();
    const poll = bench.beginPoll();
    bench.hint(row('a', 'running'));
    bench.answer(poll, row('a', 'stopped', { recreated: true }));
    expect(bench.told()).toEqual(['stopped>running*']);
    bench.list(row('a', 'running'));
    expect(bench.told()).toEqual([]);
  });

  it('M8: a source that has forgotten why the VM is down, and saw it defined anew, says both', () => {
    const bench = new Bench();
    bench.list(row('a', 'failed', { reason: 'crashed' }));
    bench.told();
    bench.list(row('a', 'stopped', { forgotten: true }));
    expect(bench.told()).toEqual([]);
    bench.list(row('a', 'stopped', { forgotten: true, recreated: true }));
    expect(bench.told()).toEqual(['failed>stopped*']);
  });

  it('I2: an active state says nothing against a VM known not to respond, as long as nothing of it has answered', () => {
    const bench = new Bench();
    bench.list(row('a', 'not_responding'));
    bench.told();
    bench.list(row('a', 'running', { unproved: true }));
    bench.hint(row('a', 'paused', { unproved: true }));
    expect(bench.told()).toEqual([]);
    bench.list(row('a', 'running'));
    expect(bench.told()).toEqual(['not_responding>running']);
  });

  it.each<VMState>(['failed', 'stopped', 'migrating_out'])(
    '%s is told of one that does not respond all the same',
    (state) => {
      const bench = new Bench();
      bench.list(row('a', 'not_responding'), row('b', 'paused'));
      bench.told();
      bench.list(row('a', state, { unproved: true }), row('b', 'running', { unproved: true }));
      expect(bench.told().toSorted()).toEqual([`not_responding>${state}`, 'paused>running'].toSorted());
    },
  );

  it('keep their samples as plain numbers, and those of a VM that is down are unknown', () => {
    const bench = new Bench();
    bench.list(row('a', 'running', { cpuUser: 0.5, cpuSystem: 0.25, memoryPercent: 40, elapsedS: 30 }));
    expect(bench.entries.get('a')).toMatchObject({
      cpuUser: 0.5,
      cpuSystem: 0.25,
      memoryPercent: 40,
      startedMs: bench.nowMs - 30_000,
    });
    bench.list(row('a', 'stopped'));
    const { cpuUser, memoryPercent, startedMs } = bench.entries.get('a') as VMEntry;
    expect([cpuUser, memoryPercent, startedMs]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  it('S12: a VM that left has nothing wrong with it here, and is asked anew when it comes back', () => {
    const bench = new Bench();
    bench.list(row('a', 'running', { hashes: { status: 's' } }));
    const entry = bench.entries.get('a') as VMEntry;
    entry.published.conditions = ['nic'];
    entry.taken.status = 's';
    bench.list();
    expect(entry.pending?.conditions?.value).toEqual([]);
    bench.list(row('a', 'running', { hashes: { status: 's' } }));
    expect([entry.listed.status, entry.taken.status]).toEqual(['s', undefined]);
  });
});
