import type { OutgoingMessage, PublishOutcome } from '@vedette/bus';
import { decodeObserverEvent, type ObserverEvent, type VMState } from '@vedette/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultMonitorConfig } from '../src/config.ts';
import { newEntry, type Observation, type VMEntry } from '../src/knowledge.ts';
import { Outbox } from '../src/outbox.ts';

const poll: Observation = { observedAt: '2026-01-01T00:00:00.000Z', via: 'poll' };
const stored: PublishOutcome = { status: 'stored' };
const inDoubt: PublishOutcome = { status: 'in_doubt', error: new Error('no acknowledgement') };
const refused: PublishOutcome = { status: 'refused', error: new Error('too large') };

function seen(state: VMState, reason = '') {
  return { state, reason, raw: { state, reason } };
}

class Bench {
  readonly entries = new Map<string, VMEntry>();
  readonly outbox: Outbox;
  nowMs = 10_000;

  constructor(options: { firstContact?: boolean; config?: Partial<typeof defaultMonitorConfig> } = {}) {
    const origin = { host: 'h1', epoch: 7, source: '/vedette/host-monitor/m1', wallNow: () => 0 };
    const config = { ...defaultMonitorConfig, ...options.config };
    this.outbox = new Outbox(origin, config, this.entries, { firstContact: options.firstContact ?? false });
  }

  entry(vm: string): VMEntry {
    const entry = this.entries.get(vm) ?? newEntry(vm);
    this.entries.set(vm, entry);
    return entry;
  }

  see(vm: string, state: VMState): void {
    this.outbox.observeState(this.entry(vm), seen(state), poll);
  }

  /** It was removed and defined anew, and is seen so. */
  recreate(vm: string, state: VMState): void {
    this.outbox.observeState(this.entry(vm), { ...seen(state), recreated: true }, poll);
  }

  batch(): readonly OutgoingMessage[] {
    return this.outbox.nextBatch(this.nowMs, poll);
  }

  /** Sends everything there is to send, all of it stored; returns the events. */
  flush(): ObserverEvent[] {
    const events: ObserverEvent[] = [];
    for (let messages = this.batch(); messages.length > 0; messages = this.batch()) {
      events.push(...messages.map(eventOf));
      this.outbox.settle(messages.map(() => stored));
    }
    return events;
  }
}

function eventOf(message: OutgoingMessage): ObserverEvent {
  const result = decodeObserverEvent(message.payload);
  if (!result.ok) throw new Error(`${result.fault.path}: ${result.fault.message}`);
  expect(result.value.subject).toBe(message.subject);
  expect(result.value.id).toBe(message.id);
  return result.value;
}

function stateData(event: ObserverEvent | undefined) {
  if (event?.type !== 'vedette.VMStateChanged.v1') throw new Error(`not a change of state: ${event?.type}`);
  return event.data;
}

describe('the outbox of an observer (I3)', () => {
  it('tells a change once, and nothing when the same is seen again', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    expect(bench.flush().map(stateData)).toMatchObject([{ to: 'running', passed: [], version: { epoch: 7, seq: 1 } }]);
    bench.see('a', 'running');
    expect(bench.flush()).toEqual([]);
  });

  it('F12: an event in doubt is sent again with the same bytes, and a later change follows as one of its own', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    const first = bench.batch();
    bench.outbox.settle([inDoubt]);
    bench.see('a', 'paused');
    const again = bench.batch();
    expect(again.map((message) => Buffer.from(message.payload).toString())).toEqual(
      first.map((message) => Buffer.from(message.payload).toString()),
    );
    bench.outbox.settle([stored]);
    expect(bench.flush().map(stateData)).toMatchObject([{ from: 'running', to: 'paused', version: { seq: 2 } }]);
  });

  it('only what is in doubt of a batch is sent again, before anything newer', () => {
    const bench = new Bench();
    for (const vm of ['a', 'b', 'c']) bench.see(vm, 'running');
    const [, second] = bench.batch();
    bench.outbox.settle([stored, inDoubt, stored]);
    bench.see('a', 'stopped');
    expect(bench.batch()).toEqual([second]);
    bench.outbox.settle([stored]);
    expect(bench.flush().map((event) => stateData(event).to)).toEqual(['stopped']);
  });

  it('F2: while nothing can be sent, changes of a VM become one, with the states it went through, bounded', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    bench.batch();
    bench.outbox.settle([inDoubt]);
    for (let turn = 0; turn < 100; turn++) bench.see('a', turn % 2 === 0 ? 'paused' : 'running');
    expect(bench.outbox.pending).toBe(1);
    bench.batch();
    bench.outbox.settle([stored]);
    const [change, ...rest] = bench.flush().map(stateData);
    expect(rest).toEqual([]);
    expect(change).toMatchObject({ from: 'running', to: 'running' });
    expect(change?.passed).toHaveLength(16);
  });

  it('a VM that stopped and started again while it waited is told as active anew, and as held', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    bench.batch();
    bench.outbox.settle([inDoubt]);
    bench.see('a', 'stopped');
    bench.see('a', 'running');
    bench.batch();
    bench.outbox.settle([stored]);
    const [change] = bench.flush().map(stateData);
    expect(change?.value).toMatchObject({ activation: { epoch: 7, seq: 2 }, held: true });
  });

  it('S7: beyond ten events a second the changes of one VM wait until the second is over; others do not', () => {
    const bench = new Bench();
    let told = 0;
    for (let turn = 0; turn < 50; turn++) {
      bench.see('a', turn % 2 === 0 ? 'paused' : 'running');
      told += bench.flush().length;
      bench.nowMs += 20;
    }
    bench.nowMs += 1_000;
    const last = bench.flush();
    bench.see('b', 'running');
    expect(bench.flush()).toHaveLength(1);
    expect(told).toBeLessThanOrEqual(20);
    expect(stateData(last[0]).to).toBe('running');
    expect(stateData(last[0]).passed.length).toBeLessThanOrEqual(16);
  });

  it('O4: an event refused for good is followed by a snapshot that tells what it would have told', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    bench.batch();
    bench.outbox.settle([refused]);
    const [snapshot] = bench.flush();
    expect(snapshot?.type).toBe('vedette.HostSnapshot.v1');
    if (snapshot?.type !== 'vedette.HostSnapshot.v1') return;
    expect(snapshot.data.columns).toMatchObject({ vm: ['a'], state: ['running'] });
  });

  it('O4: a refusal is not forgotten over another event of the batch that is still in doubt', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    bench.see('b', 'running');
    bench.batch();
    bench.outbox.settle([refused, inDoubt]);
    bench.batch();
    bench.outbox.settle([stored]);
    expect(bench.flush().map(({ type }) => type)).toEqual(['vedette.HostSnapshot.v1']);
  });

  it('O4: a refused event about the host itself is followed by another, besides the snapshot', () => {
    const bench = new Bench();
    bench.outbox.observeHost({ from: 'non_operational', to: 'up', reason: '', vms: 0, ...poll });
    bench.batch();
    bench.outbox.settle([refused]);
    const [again] = bench.flush();
    expect(again?.type).toBe('vedette.HostStateChanged.v1');
    expect(again?.data).toMatchObject({ from: 'non_operational', to: 'up', version: { epoch: 7, seq: 2 } });
  });

  it('M7, O5: a host is told to be back after all that was found there, and to be away before', () => {
    const bench = new Bench({ config: { batchEvents: 2 } });
    for (const vm of ['a', 'b', 'c']) bench.see(vm, 'running');
    bench.flush();
    const told = (to: 'up' | 'non_responsive') => {
      for (const vm of ['a', 'b', 'c']) bench.see(vm, to === 'up' ? 'stopped' : 'paused');
      bench.outbox.observeHost({ from: to === 'up' ? 'non_responsive' : 'up', to, reason: '', vms: 3, ...poll });
      return bench.flush().map(({ type }) => type.split('.')[1]);
    };
    const [vm, host] = ['VMStateChanged', 'HostStateChanged'];
    expect(told('non_responsive')).toEqual([host, vm, vm, vm]);
    expect(told('up')).toEqual([vm, vm, vm, host]);
  });

  it('S7: addresses seen after a VM became active again are not told before that', () => {
    const bench = new Bench({ config: { stateEventsPerSecond: 1 } });
    bench.see('a', 'stopped');
    bench.flush();
    bench.see('a', 'running');
    bench.outbox.observeAddresses(bench.entry('a'), [], poll);
    bench.outbox.observeConfig(bench.entry('a'), { name: 'a', hashes: { info: '', config: '' } }, poll);
    expect(bench.flush()).toEqual([]);
    bench.nowMs += 1_000;
    expect(bench.flush()[0]?.type).toBe('vedette.VMStateChanged.v1');
  });

  it('M3: what was last seen as moved away and then as absent counts as having migrated', () => {
    const bench = new Bench();
    for (const state of ['running', 'migrated_away', 'absent'] as const) {
      bench.see('a', state);
      if (state !== 'absent') bench.flush();
    }
    expect(stateData(bench.flush()[0]).value.lastPresent).toBe('migrating_out');
  });

  it('the first contact is told by a snapshot alone, with activations at its version', () => {
    const bench = new Bench({ firstContact: true });
    bench.see('a', 'running');
    bench.see('b', 'stopped');
    expect(bench.flush()).toEqual([]);
    bench.outbox.requestSnapshot(poll);
    const events = bench.flush();
    expect(events.map((event) => event.type)).toEqual(['vedette.HostSnapshot.v1']);
    const [snapshot] = events;
    if (snapshot?.type !== 'vedette.HostSnapshot.v1') throw new Error('no snapshot');
    expect(snapshot.data.columns.activation).toEqual([snapshot.data.snapshot, { epoch: 0, seq: 0 }]);
    bench.see('a', 'paused');
    expect(bench.flush().map((event) => stateData(event).from)).toEqual(['running']);
  });

  it('M8: a VM defined anew that looks the same is told, born at that version, and bears it from then on', () => {
    const bench = new Bench();
    bench.see('a', 'stopped');
    bench.flush();
    bench.recreate('a', 'stopped');
    const [change] = bench.flush().map(stateData);
    expect(change).toMatchObject({ from: 'stopped', to: 'stopped', value: { born: { epoch: 7, seq: 2 } } });
    bench.see('a', 'stopped');
    expect(bench.flush()).toEqual([]);
    bench.see('a', 'running');
    expect(stateData(bench.flush()[0]).value).toMatchObject({
      born: { epoch: 7, seq: 2 },
      activation: { epoch: 7, seq: 3 },
    });
  });

  it('M8: of changes that wait the birth is kept, and what the former VM went through is not', () => {
    const bench = new Bench();
    bench.see('b', 'running');
    bench.see('a', 'stopped');
    bench.batch();
    bench.outbox.settle([inDoubt, inDoubt]);
    bench.see('a', 'running');
    bench.see('a', 'paused');
    bench.recreate('a', 'paused');
    bench.see('a', 'stopped');
    bench.batch();
    bench.outbox.settle([stored, stored]);
    const [change, ...rest] = bench.flush().map(stateData);
    expect(rest).toEqual([]);
    expect(change).toMatchObject({ from: 'stopped', to: 'stopped', passed: ['paused'] });
    expect(change?.value.born).toEqual(change?.version);
  });

  it('M8: one that runs is active anew; a birth in doubt is sent with the same bytes and repeated in no later event', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    bench.flush();
    bench.recreate('a', 'running');
    const first = bench.batch();
    bench.outbox.settle([inDoubt]);
    expect(bench.batch()).toEqual(first);
    bench.see('a', 'paused');
    bench.outbox.settle([stored]);
    const born = { epoch: 7, seq: 2 };
    expect(first.map(eventOf).map(stateData)).toMatchObject([{ value: { born, activation: born } }]);
    expect(bench.flush().map(stateData)).toMatchObject([{ to: 'paused', value: { born, activation: born } }]);
  });

  it('M8: a birth is in the snapshot, at its version; without any the column is left out', () => {
    const bench = new Bench();
    bench.see('a', 'stopped');
    bench.see('b', 'stopped');
    bench.flush();
    const columnsTold = () => {
      bench.outbox.requestSnapshot(poll);
      const [event] = bench.flush();
      if (event?.type !== 'vedette.HostSnapshot.v1') throw new Error(event?.type);
      return event.data.columns;
    };
    expect(columnsTold()).not.toHaveProperty('born');
    bench.recreate('b', 'stopped');
    bench.flush();
    expect(columnsTold()).toMatchObject({ vm: ['a', 'b'], born: [null, { epoch: 7, seq: 4 }] });
  });

  it('M8: a birth in a row that came too late says nothing else of the VM', () => {
    const bench = new Bench();
    bench.see('a', 'paused');
    bench.flush();
    bench.outbox.observeRecreation(bench.entry('a'), poll);
    bench.outbox.observeRecreation(bench.entry('nobody'), poll);
    expect(bench.flush().map(stateData)).toMatchObject([{ vm: 'a', from: 'paused', to: 'paused' }]);
  });

  it('S12, O4: that nothing is wrong any more with a VM that left is told again when it was refused', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    bench.outbox.observeConditions(bench.entry('a'), ['nic'], poll);
    bench.flush();
    bench.see('a', 'absent');
    bench.outbox.observeConditions(bench.entry('a'), [], poll);
    expect(bench.batch()).toHaveLength(2);
    bench.outbox.settle([stored, refused]);
    const told = bench.flush();
    expect(told.map(({ type }) => type)).toContain('vedette.VMConditionChanged.v1');
    expect(bench.outbox.settled).toBe(true);
    expect(bench.entries.size).toBe(0);
  });

  it('parts of a snapshot stay below the limit, have consecutive seqs and all name the last one', () => {
    const bench = new Bench({ firstContact: true, config: { snapshotPartBytes: 4_096 } });
    for (let vm = 0; vm < 100; vm++) bench.see(`vm-${vm}`, 'running');
    bench.outbox.requestSnapshot(poll);
    const messages = bench.batch();
    const parts = messages.map(eventOf).map((event) => {
      if (event.type !== 'vedette.HostSnapshot.v1') throw new Error(event.type);
      return event.data;
    });
    expect(parts.length).toBeGreaterThan(5);
    for (const message of messages) expect(message.payload.length).toBeLessThanOrEqual(4_096);
    expect(parts.map((part) => part.version.seq)).toEqual(parts.map((_, index) => index + 1));
    expect(new Set(parts.map((part) => part.snapshot.seq))).toEqual(new Set([parts.length]));
    expect(parts.flatMap((part) => part.columns.vm)).toHaveLength(100);
  });

  it('a VM told as absent is forgotten', () => {
    const bench = new Bench();
    bench.see('a', 'running');
    bench.flush();
    bench.see('a', 'absent');
    expect(stateData(bench.flush()[0]).value).toMatchObject({ state: 'absent', lastPresent: 'running' });
    expect(bench.entries.size).toBe(0);
  });

  it('whatever the bus does, what is told in the end is what was seen last, each seq with one content', () => {
    const states = fc.constantFrom<VMState>('running', 'paused', 'stopped', 'absent');
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ vm: fc.constantFrom('a', 'b', 'c'), state: states }) },
      { weight: 2, arbitrary: fc.record({ outcomes: fc.infiniteStream(fc.constantFrom(stored, stored, inDoubt)) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = new Bench();
        const last = new Map<string, VMState>();
        const arrived = new Map<string, string>();
        const truth = new Map<string, VMState>();
        const order: number[] = [];
        const arrive = (message: OutgoingMessage): void => {
          const text = Buffer.from(message.payload).toString();
          expect(arrived.get(message.id) ?? text).toBe(text);
          if (arrived.has(message.id)) return;
          arrived.set(message.id, text);
          const data = stateData(eventOf(message));
          order.push(data.version.seq);
          truth.set(data.vm, data.to);
        };
        for (const one of steps) {
          bench.nowMs += 300;
          if ('vm' in one) {
            bench.see(one.vm, one.state);
            last.set(one.vm, one.state);
            continue;
          }
          const messages = bench.batch();
          const outcomes = messages.map(() => one.outcomes.next().value as PublishOutcome);
          messages.forEach((message, index) => {
            if (outcomes[index] === stored) arrive(message);
          });
          bench.outbox.settle(outcomes);
        }
        for (let turn = 0; turn < 20 && !bench.outbox.settled; turn++) {
          bench.nowMs += 1_000;
          const messages = bench.batch();
          for (const message of messages) arrive(message);
          bench.outbox.settle(messages.map(() => stored));
        }
        expect(bench.outbox.settled).toBe(true);
        for (const [vm, state] of last) expect(truth.get(vm)).toBe(state);
        expect([...order].sort((a, b) => a - b)).toEqual(order.map((_, index) => index + 1));
      }),
      { numRuns: 200 },
    );
  });
});
