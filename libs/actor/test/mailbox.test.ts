import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { VedetteError } from '@vedette/runtime';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mailbox, type MailboxOptions, mailboxPolicy } from '../src/index.ts';

function open<T>(options: MailboxOptions<T>): { mailbox: Mailbox<T>; dropped: T[] } {
  const dropped: T[] = [];
  return { mailbox: new Mailbox(mailboxPolicy(options, (message) => dropped.push(message))), dropped };
}

function takeAll<T>(mailbox: Mailbox<T>): T[] {
  return Array.from({ length: mailbox.depth }, () => mailbox.take());
}

describe('a full mailbox', () => {
  it('reject: refuses the message, counts it as rejected and keeps what waits', () => {
    const { mailbox, dropped } = open<number>({ capacity: 2, overflow: 'reject' });
    expect([1, 2, 3].map((message) => mailbox.offer(message))).toEqual([true, true, false]);
    expect(mailbox).toMatchObject({ depth: 2, queued: 2, rejected: 1, dropped: 0 });
    expect(takeAll(mailbox)).toEqual([1, 2]);
    expect(dropped).toEqual([]);
  });

  it('drop-oldest: accepts the message and drops the one that waited longest', () => {
    const { mailbox, dropped } = open<number>({ capacity: 2, overflow: 'drop-oldest' });
    expect([1, 2, 3].map((message) => mailbox.offer(message))).toEqual([true, true, true]);
    expect(mailbox).toMatchObject({ depth: 2, queued: 3, rejected: 0, dropped: 1 });
    expect(takeAll(mailbox)).toEqual([2, 3]);
    expect(dropped).toEqual([1]);
  });

  it('drop-newest: accepts the message only to drop it', () => {
    const { mailbox, dropped } = open<number>({ capacity: 2, overflow: 'drop-newest' });
    expect([1, 2, 3].map((message) => mailbox.offer(message))).toEqual([true, true, true]);
    expect(mailbox).toMatchObject({ depth: 2, queued: 3, rejected: 0, dropped: 1 });
    expect(takeAll(mailbox)).toEqual([1, 2]);
    expect(dropped).toEqual([3]);
  });

  it('coalesce: refuses a new key, but still replaces the message of a known one', () => {
    const { mailbox, dropped } = open<string>({ capacity: 2, overflow: 'coalesce', key: (message) => message[0] });
    expect(['a1', 'b1', 'c1', 'a2'].map((message) => mailbox.offer(message))).toEqual([true, true, false, true]);
    expect(mailbox).toMatchObject({ depth: 2, queued: 3, rejected: 1, dropped: 1 });
    expect(takeAll(mailbox)).toEqual(['a2', 'b1']);
    expect(dropped).toEqual(['a1']);
  });
});

describe('a coalescing mailbox', () => {
  it('queues a message anew once the one of the same key has been taken', () => {
    const { mailbox } = open<string>({ capacity: 4, overflow: 'coalesce', key: (message) => message[0] });
    mailbox.offer('a1');
    expect(mailbox.take()).toBe('a1');
    mailbox.offer('b1');
    mailbox.offer('a2');
    expect(takeAll(mailbox)).toEqual(['b1', 'a2']);
    expect(mailbox.dropped).toBe(0);
  });

  it('never replaces a message without a key', () => {
    const { mailbox } = open<string>({ capacity: 4, overflow: 'coalesce', key: () => undefined });
    for (const message of ['a', 'a', 'a']) mailbox.offer(message);
    expect(takeAll(mailbox)).toEqual(['a', 'a', 'a']);
  });

  it('goes on replacing right when more keys have passed through than it can hold', () => {
    const { mailbox } = open<number>({ capacity: 3, overflow: 'coalesce', key: (message) => message });
    for (let message = 0; message < 100; message++) {
      mailbox.offer(message);
      mailbox.offer(message);
      if (mailbox.depth === 3) mailbox.take();
    }
    expect(takeAll(mailbox)).toEqual([98, 99]);
    expect(mailbox).toMatchObject({ queued: 200, handled: 100, dropped: 100, rejected: 0 });
  });
});

describe('a mailbox', () => {
  it('drops and counts all that waits when it is cleared', () => {
    const { mailbox, dropped } = open<number>({ capacity: 10, overflow: 'reject' });
    for (const message of [1, 2, 3]) mailbox.offer(message);
    mailbox.take();
    expect(mailbox.clear()).toBe(2);
    expect(mailbox).toMatchObject({ depth: 0, queued: 3, handled: 1, dropped: 2 });
    expect(dropped).toEqual([2, 3]);
  });

  it('holds on to no message that was taken from it', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const { mailbox } = open<object>({ capacity: 2, overflow: 'reject' });
    const passThrough = (): WeakRef<object> => {
      mailbox.offer({});
      return new WeakRef(mailbox.take());
    };
    const taken = passThrough();
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(taken.deref()).toBeUndefined();
    expect(mailbox.handled).toBe(1);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses the capacity %d', (capacity) => {
    expect(() => mailboxPolicy({ capacity, overflow: 'reject' })).toThrowError(
      expect.toSatisfy((error) => VedetteError.is(error, 'VDT_ACTOR_DEFINITION')),
    );
  });

  it('does what the plain description of its policy does, whatever is offered and taken', () => {
    const overflow = fc.constantFrom('reject', 'drop-oldest', 'drop-newest', 'coalesce' as const);
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c', undefined) }) },
      { weight: 2, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constant('clear' as const) },
    );
    fc.assert(
      fc.property(
        overflow,
        fc.integer({ min: 1, max: 40 }),
        fc.array(step, { maxLength: 200 }),
        (policy, capacity, steps) => {
          const key = (message: Numbered): string | undefined => message.key;
          const options = policy === 'coalesce' ? { capacity, overflow: policy, key } : { capacity, overflow: policy };
          const { mailbox, dropped } = open<Numbered>(options as MailboxOptions<Numbered>);
          const model = new PlainQueue(policy, capacity);
          let number = 0;
          for (const next of steps) {
            if (next === 'clear') {
              mailbox.clear();
              model.clear();
            } else if (next === 'take') {
              if (mailbox.depth > 0) expect(mailbox.take()).toBe(model.take());
            } else {
              const message = { key: next.key, number: number++ };
              expect(mailbox.offer(message)).toBe(model.offer(message));
            }
            expect(mailbox.depth).toBe(model.waiting.length);
            expect(mailbox.depth).toBeLessThanOrEqual(capacity);
            expect(mailbox.queued).toBe(mailbox.handled + mailbox.dropped + mailbox.depth);
            expect(mailbox.queued + mailbox.rejected).toBe(number);
          }
          expect(dropped).toEqual(model.dropped);
          expect(mailbox.dropped).toBe(dropped.length);
          expect(takeAll(mailbox)).toEqual(model.waiting);
        },
      ),
    );
  });
});

interface Numbered {
  readonly key: string | undefined;
  readonly number: number;
}

/** The policies in as few words as possible. */
class PlainQueue {
  waiting: Numbered[] = [];
  readonly dropped: Numbered[] = [];
  readonly #policy: MailboxOptions<Numbered>['overflow'];
  readonly #capacity: number;

  constructor(policy: MailboxOptions<Numbered>['overflow'], capacity: number) {
    this.#policy = policy;
    this.#capacity = capacity;
  }

  offer(message: Numbered): boolean {
    const same = this.waiting.findIndex(({ key }) => key !== undefined && key === message.key);
    if (this.#policy === 'coalesce' && same >= 0) {
      this.dropped.push(...this.waiting.splice(same, 1, message));
      return true;
    }
    if (this.waiting.length < this.#capacity) this.waiting.push(message);
    else if (this.#policy === 'drop-oldest') {
      this.dropped.push(...this.waiting.splice(0, 1));
      this.waiting.push(message);
    } else if (this.#policy === 'drop-newest') this.dropped.push(message);
    else return false;
    return true;
  }

  take(): Numbered | undefined {
    return this.waiting.shift();
  }

  clear(): void {
    this.dropped.push(...this.waiting.splice(0));
  }
}
