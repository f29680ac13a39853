import { VedetteError } from '@vedette/runtime';
import { describe, expect, it } from 'vitest';
import { type ActorContext, type Behaviour, defineActor } from '../src/index.ts';
import { Gate, Scene } from './scene.ts';

describe('casting', () => {
  it('never runs the handler inside the sender, and runs it before any other event', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const actor = scene.system.spawn(
      scene.kindOf<string>((message) => {
        seen.push(message);
      }),
      { name: 'a' },
    );
    setImmediate(() => seen.push('next event'));
    actor.cast('message');
    seen.push('cast returned');
    await scene.settle();
    expect(seen).toEqual(['cast returned', 'message', 'next event']);
  });

  it('builds the behaviour with its arguments in the first turn, not inside spawn', async () => {
    await using scene = new Scene();
    const built: number[] = [];
    const kind = defineActor<string, { readonly start: number }>({
      kind: 'counting',
      mailbox: { capacity: 1, overflow: 'reject' },
      create: ({ start }) => {
        built.push(start);
        return { handle: () => {} };
      },
    });
    scene.system.spawn(kind, { name: 'a', args: { start: 7 } });
    expect(built).toEqual([]);
    await scene.settle();
    expect(built).toEqual([7]);
  });

  it('waits with the messages until a factory that takes its time has built the behaviour', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    const seen: string[] = [];
    const actor = scene.system.spawn(
      scene.kindOfBehaviour<string>(async () => {
        await gate.opened;
        return { handle: (message) => void seen.push(message) };
      }),
      { name: 'a' },
    );
    actor.cast('early');
    await scene.settle();
    expect(seen).toEqual([]);
    gate.open();
    await scene.settle();
    expect(seen).toEqual(['early']);
  });

  it('throws VDT_ACTOR_MAILBOX_FULL at a full mailbox, where offer returns false; both are counted', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<number>(() => {}, { mailbox: { capacity: 1, overflow: 'reject' } });
    const actor = scene.system.spawn(kind, { name: 'narrow' });
    actor.cast(1);
    expect(() => actor.cast(2)).toThrowError(
      expect.toSatisfy((error) => VedetteError.is(error, 'VDT_ACTOR_MAILBOX_FULL') && error.message.includes('narrow')),
    );
    expect(actor.offer(3)).toBe(false);
    expect(actor.mailbox).toMatchObject({ depth: 1, queued: 1, rejected: 2 });
    await scene.settle();
    expect(actor.mailbox).toMatchObject({ depth: 0, handled: 1 });
  });

  it('hands over the newest of several hints of one key when the policy is coalesce', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const kind = scene.kindOf<string>((message) => void seen.push(message), {
      mailbox: { capacity: 10, overflow: 'coalesce', key: (message) => message[0] },
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (const message of ['a1', 'b1', 'a2', 'a3']) actor.cast(message);
    await scene.settle();
    expect(seen).toEqual(['a3', 'b1']);
    expect(actor.mailbox).toMatchObject({ queued: 4, handled: 2, dropped: 2 });
  });
});

describe('an actor', () => {
  it('A1: hands over one message at a time, also while a promise is waited for', async () => {
    await using scene = new Scene();
    const gates = [new Gate(), new Gate()];
    const seen: string[] = [];
    const actor = scene.system.spawn(
      scene.kindOf<number>(async (message) => {
        seen.push(`${message} begins`);
        await gates[message]?.opened;
        seen.push(`${message} ends`);
      }),
      { name: 'a' },
    );
    for (const message of [0, 1, 2]) actor.cast(message);
    await scene.settle();
    expect(seen).toEqual(['0 begins']);
    gates[0]?.open();
    await scene.settle();
    expect(seen.slice(1)).toEqual(['0 ends', '1 begins']);
    gates[1]?.open();
    await scene.settle();
    expect(seen.slice(3)).toEqual(['1 ends', '2 begins', '2 ends']);
  });

  it('handles what it casts at itself after what waits already', async () => {
    await using scene = new Scene();
    const seen: number[] = [];
    const actor = scene.system.spawn(
      scene.kindOf<number>((message, { self }) => {
        seen.push(message);
        if (message < 10) self.cast(message + 10);
      }),
      { name: 'a' },
    );
    for (const message of [1, 2, 3]) actor.cast(message);
    await scene.settle();
    expect(seen).toEqual([1, 2, 3, 11, 12, 13]);
  });

  it('keeps the state of its class and gets the same context with every message', async () => {
    await using scene = new Scene();
    class Sum implements Behaviour<number> {
      total = 0;
      readonly contexts = new Set<ActorContext<number>>();

      handle(message: number, context: ActorContext<number>): void {
        this.total += message;
        this.contexts.add(context);
      }
    }
    const sum = new Sum();
    const actor = scene.system.spawn(
      scene.kindOfBehaviour<number>(() => sum),
      { name: 'a' },
    );
    for (const message of [1, 2, 3]) actor.cast(message);
    await scene.settle();
    expect(sum.total).toBe(6);
    expect([...sum.contexts].map(({ self }) => self)).toEqual([actor]);
  });
});

describe('turns', () => {
  async function orderOf(messagesPerTurn: number, handle: () => void | Promise<void>): Promise<string> {
    await using scene = new Scene();
    const seen: string[] = [];
    const kind = scene.kindOf<string>(
      (message) => {
        seen.push(message);
        return handle();
      },
      { messagesPerTurn },
    );
    const a = scene.system.spawn(kind, { name: 'a' });
    const b = scene.system.spawn(kind, { name: 'b' });
    for (let count = 0; count < 4; count++) a.cast('a');
    for (let count = 0; count < 4; count++) b.cast('b');
    await scene.settle();
    return seen.join('');
  }

  it('let a busy actor handle no more than its messagesPerTurn before the next one', async () => {
    expect(await orderOf(2, () => {})).toBe('aabbaabb');
    expect(await orderOf(3, () => {})).toBe('aaabbbab');
  });

  it('are not held up by another actor whose promise is not ready', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    const seen: string[] = [];
    const kind = scene.kindOf<string>(async (message) => {
      if (message === 'slow') await gate.opened;
      seen.push(message);
    });
    scene.system.spawn(kind, { name: 'a' }).cast('slow');
    const b = scene.system.spawn(kind, { name: 'b' });
    for (let count = 0; count < 3; count++) b.cast('fast');
    await scene.settle();
    expect(seen).toEqual(['fast', 'fast', 'fast']);
    gate.open();
    await scene.settle();
    expect(seen).toEqual(['fast', 'fast', 'fast', 'slow']);
  });

  it.each(['sync', 'async'])('leave room for other events, however long %s actors keep casting', async (manner) => {
    await using scene = new Scene();
    const handle = (message: string, { self }: ActorContext<string>): void => {
      self.offer(message);
    };
    const kind = scene.kindOf<string>(
      manner === 'sync' ? handle : async (message, context) => handle(message, context),
    );
    const actors = Array.from({ length: 100 }, () => scene.system.spawn(kind, { name: 'perpetual' }));
    for (const actor of actors) actor.cast('again');
    for (let event = 0; event < 3; event++) await new Promise((resolve) => setTimeout(resolve, 0));
    for (const actor of actors) expect(actor.mailbox.handled).toBeGreaterThan(3);
    await scene.system.stop({ drain: false });
  });

  it('begin at once again when a great burst is over', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const kind = scene.kindOf<string>((message) => void seen.push(message), {
      mailbox: { capacity: 10_000, overflow: 'reject' },
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    const burst = 8192 + 10;
    for (let count = 0; count < burst; count++) actor.cast('burst');
    await scene.settle();
    expect(seen).toHaveLength(burst);
    setImmediate(() => seen.push('next event'));
    actor.cast('single');
    await scene.settle();
    expect(seen.slice(burst)).toEqual(['single', 'next event']);
  });
});

describe('counters', () => {
  it('are summed by kind over living and stopped actors, children included', async () => {
    await using scene = new Scene({ decide: 'resume' });
    const stopOnWish = (message: string, context: ActorContext<string>): void => {
      if (message === 'stop') context.stop();
    };
    const child = scene.kindOf<string>(stopOnWish, { kind: 'child' });
    const parent = scene.kindOf<string>(
      (message, context) => {
        if (message === 'fail') throw new Error('refused');
        context.spawn(child, { name: 'c' }).cast(message === 'spawn' ? 'hello' : 'stop');
      },
      { kind: 'parent' },
    );
    const first = scene.system.spawn(parent, { name: 'p1' });
    const second = scene.system.spawn(parent, { name: 'p2' });
    first.cast('spawn');
    second.cast('spawn');
    second.cast('fail');
    await scene.settle();
    await first.stop();
    second.cast('spawn one that stops');
    await scene.settle();
    const counters = scene.system.counters();
    expect(counters.get('parent')).toEqual({
      actors: 1,
      depth: 0,
      queued: 4,
      handled: 4,
      dropped: 0,
      rejected: 0,
      failures: 1,
      restarts: 0,
      openAsks: 0,
      lateReplies: 0,
    });
    expect(counters.get('child')).toMatchObject({ actors: 1, queued: 3, handled: 3 });
  });
});
