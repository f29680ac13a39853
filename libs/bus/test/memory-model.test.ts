import { createMemoryBroker } from '@vedette/bus/memory';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Consumer, Delivery } from '../src/port.ts';

/** What a group's members and its broker may do to each other, in any order. */
type Action =
  | { readonly do: 'publish'; readonly count: number }
  | { readonly do: 'take'; readonly member: number; readonly max: number }
  | { readonly do: 'ack' | 'nak' | 'extend'; readonly held: number }
  | { readonly do: 'leave'; readonly member: number }
  | { readonly do: 'cut' }
  | { readonly do: 'wait'; readonly ms: number };

const nat = fc.nat(50);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ do: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ do: fc.constant('take' as const), member: nat, max: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constantFrom('ack' as const, 'nak' as const, 'extend' as const), held: nat }),
  fc.record({ do: fc.constant('leave' as const), member: nat }),
  fc.record({ do: fc.constant('cut' as const) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 800 }) }),
);

const subject = 'vedette.v1.vm.state.h1.v1';

/** A group with a few members, driven by actions, and what an observer from outside knows about its messages. */
class Group {
  readonly clock = new SimulatedClock();
  readonly broker = createMemoryBroker({ clock: this.clock, limits: { ackWaitMs: 500, maxDeliveries: 5 } });
  readonly bus = this.broker.connect({ name: 'publisher' });
  readonly members: Consumer[] = [];
  readonly held: Delivery[] = [];
  /** Messages acknowledged while the acknowledgement counted. */
  readonly done = new Set<number>();
  readonly deliveredAfterAck: number[] = [];
  published = 0;

  async join(): Promise<Consumer> {
    const bus = this.broker.connect({ name: 'member' });
    const member = await bus.consume({ group: 'g', patterns: ['vedette.v1.vm.>'], maxInFlight: 4 });
    this.members.push(member);
    return member;
  }

  async run(step: Action): Promise<void> {
    if (step.do === 'publish') await this.publish(step.count);
    else if (step.do === 'take') await this.take(this.members[step.member % this.members.length], step.max);
    else if (step.do === 'leave') await this.members.splice(step.member % this.members.length, 1)[0]?.close();
    else if (step.do === 'wait') await this.clock.advance(step.ms);
    else if (step.do === 'cut') {
      this.broker.disconnect('member');
      this.broker.reconnect('member');
    } else this.settle(this.held.splice(step.held % Math.max(1, this.held.length), 1)[0], step.do);
    if (this.members.length === 0) await this.join();
  }

  async publish(count: number): Promise<void> {
    const messages = Array.from({ length: count }, () => {
      const id = this.published++;
      return { subject, id: `${id}`, payload: Uint8Array.of(id >> 8, id & 0xff) };
    });
    await this.bus.publish(messages, { timeoutMs: 1_000 });
  }

  /** Takes what there is now; a member that would have to wait takes nothing. */
  async take(member: Consumer | undefined, max: number): Promise<readonly Delivery[]> {
    const { waiting } = this.broker.groups[0] ?? { waiting: 0 };
    if (member === undefined || waiting === 0) return [];
    const atBound = Symbol('at bound');
    const batch = await Promise.race([member.next(max), this.clock.advance(0).then(() => atBound)]);
    if (typeof batch === 'symbol' || batch === undefined) {
      // It waits at its bound: replace it, since a member has one `next` at a time.
      await member.close();
      this.members.splice(this.members.indexOf(member), 1);
      return [];
    }
    for (const delivery of batch) if (this.done.has(idOf(delivery))) this.deliveredAfterAck.push(idOf(delivery));
    this.held.push(...batch);
    return batch;
  }

  settle(delivery: Delivery | undefined, how: 'ack' | 'nak' | 'extend'): void {
    if (delivery === undefined) return;
    const before = this.acknowledged();
    delivery[how]();
    if (how === 'extend') this.held.push(delivery);
    if (this.acknowledged() > before) this.done.add(idOf(delivery));
  }

  /** What left the group for good and not as a dead letter. */
  acknowledged(): number {
    const { waiting = 0, inFlight = 0, delayed = 0 } = this.broker.groups[0] ?? {};
    return this.published - waiting - inFlight - delayed - this.broker.deadLetters.length;
  }
}

function idOf({ payload }: Delivery): number {
  return ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
}

test('B1: whatever members do, every message is acknowledged or set aside, and none comes after its acknowledgement', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const group = new Group();
      await group.join();
      // oxlint-disable-next-line no-await-in-loop -- actions follow each other
      for (const step of actions) await group.run(step);
      for (const member of group.members.splice(0)) void member.close();
      const last = await group.join();
      for (
        let rounds = 0;
        rounds < 200 && group.acknowledged() + group.broker.deadLetters.length < group.published;
        rounds++
      ) {
        // oxlint-disable-next-line no-await-in-loop -- until nothing is left
        for (const delivery of await group.take(last, 4)) group.settle(delivery, 'ack');
        // oxlint-disable-next-line no-await-in-loop -- delayed ones come back
        await group.clock.advance(10);
      }
      const dead = new Set(group.broker.deadLetters.map(({ id }) => Number(id)));
      const ended = [...group.done, ...dead];
      expect(group.deliveredAfterAck).toEqual([]);
      expect(ended.toSorted((a, b) => a - b)).toEqual(Array.from({ length: group.published }, (_, at) => at));
    }),
    { numRuns: 60 },
  );
});
