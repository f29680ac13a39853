import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import { AtOnceBudget } from '../src/at-once-budget.ts';
import { ListingGate } from '../src/listing-gate.ts';

function gateOf(places: number) {
  const clock = new SimulatedClock();
  const gate = new ListingGate({ clock, places, holdMs: 500 });
  const granted: string[] = [];
  const enter = (name: string, takes = true) =>
    gate.enter(() => {
      granted.push(name);
      return takes;
    });
  return { clock, gate, granted, enter };
}

describe('the gate of whole listings', () => {
  it('G1: gives places in the order of asking, one for each given back', () => {
    const { gate, granted, enter } = gateOf(2);
    const [a, b, c, d] = [enter('a'), enter('b'), enter('c'), enter('d')];
    expect([a, b, c, d].map(({ state }) => state)).toEqual(['held', 'held', 'waiting', 'waiting']);
    expect(gate).toMatchObject({ underWay: 2, waiting: 2 });
    gate.leave(b);
    gate.leave(b);
    expect(granted).toEqual(['c']);
    gate.leave(a);
    expect(granted).toEqual(['c', 'd']);
    gate.leave(c);
    gate.leave(d);
    expect(gate).toMatchObject({ underWay: 0, waiting: 0 });
  });

  it('G1: whoever gave up the wish, or is there no more, is passed over', () => {
    const { gate, granted, enter } = gateOf(1);
    const first = enter('first');
    const gaveUp = enter('gave up');
    enter('is gone', false);
    const last = enter('last');
    gate.leave(gaveUp);
    gate.leave(first);
    expect(granted).toEqual(['is gone', 'last']);
    expect(last.state).toBe('held');
    expect(gate).toMatchObject({ underWay: 1, waiting: 0 });
  });

  it('G2: a place goes to the next after its time, whatever became of its holder; no timer while nobody waits', async () => {
    const { clock, gate, granted, enter } = gateOf(2);
    enter('hung');
    await clock.advance(200);
    enter('hung too');
    expect(clock.pendingTimers).toBe(0);
    enter('c');
    enter('d');
    await clock.advance(299);
    expect(granted).toEqual([]);
    await clock.advance(1);
    expect(granted).toEqual(['c']);
    await clock.advance(200);
    expect(granted).toEqual(['c', 'd']);
    expect(clock.pendingTimers).toBe(0);
    gate.close();
  });

  it('G2: what nobody gave back is free again for whoever comes later', async () => {
    const { clock, enter } = gateOf(1);
    enter('forgotten');
    await clock.advance(600);
    expect(enter('later').state).toBe('held');
  });

  it('drops everybody when it is closed', async () => {
    const { clock, gate, granted, enter } = gateOf(1);
    enter('a');
    enter('b');
    gate.close();
    await clock.advance(10_000);
    expect(granted).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('the budget of polls out of turn', () => {
  const taken = (budget: AtOnceBudget, nowMs: number): number => {
    let count = 0;
    while (budget.take(nowMs)) count++;
    return count;
  };

  it('lets so many begin together, and so many a second', () => {
    const budget = new AtOnceBudget({ polls: 32, pollIntervalMs: 3_000, hosts: () => 5 });
    expect(taken(budget, 0)).toBe(32);
    expect(taken(budget, 0)).toBe(0);
    expect(taken(budget, 500)).toBe(16);
    expect(taken(budget, 1_000_000)).toBe(32);
  });

  it('grows with the hosts: as many as their polls come to by themselves', () => {
    const budget = new AtOnceBudget({ polls: 32, pollIntervalMs: 3_000, hosts: () => 9_000 });
    expect(taken(budget, 0)).toBe(300);
    expect(taken(budget, 10)).toBe(30);
  });
});
