import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue, type OverflowPolicy } from '../src/bounded-queue.ts';

function queueOf(overflow: OverflowPolicy, capacity = 2): BoundedQueue<number> {
  return new BoundedQueue<number>({ capacity, overflow });
}

/** Lets everything that is ready run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('BoundedQueue', () => {
  it('gives items out in the order in which they came', async () => {
    const queue = queueOf('reject', 3);
    for (const item of [1, 2, 3]) queue.offer(item);
    expect([await queue.take(), queue.tryTake(), await queue.take(), queue.tryTake()]).toEqual([1, 2, 3, undefined]);
  });

  it('hands an item straight to a consumer who waits, the first come first', async () => {
    const queue = queueOf('reject', 1);
    const taken = Promise.all([queue.take(), queue.take()]);
    expect([queue.offer(1), queue.offer(2)]).toEqual([true, true]);
    expect(await taken).toEqual([1, 2]);
    expect(queue.counters).toEqual({ accepted: 2, taken: 2, dropped: 0, rejected: 0 });
  });

  it('refuses what does not fit under `reject`, with an error that may be retried', async () => {
    const queue = queueOf('reject');
    expect([queue.offer(1), queue.offer(2), queue.offer(3)]).toEqual([true, true, false]);
    await expect(queue.push(4)).rejects.toMatchObject({ code: 'VDT_RUNTIME_QUEUE_FULL', retryable: true });
    expect(queue.counters).toEqual({ accepted: 2, taken: 0, dropped: 0, rejected: 2 });
  });

  it('gives up the oldest under `drop-oldest`, and counts it', async () => {
    const queue = queueOf('drop-oldest');
    for (const item of [1, 2, 3]) expect(queue.offer(item)).toBe(true);
    await queue.push(4);
    expect([queue.tryTake(), queue.tryTake()]).toEqual([3, 4]);
    expect(queue.counters).toEqual({ accepted: 4, taken: 2, dropped: 2, rejected: 0 });
  });

  it('lets senders wait for room under `wait`, in their order, while an offer never waits', async () => {
    const queue = queueOf('wait', 1);
    await queue.push(1);
    const accepted: number[] = [];
    const pushes = [2, 3].map((item) => queue.push(item, {}).then(() => accepted.push(item)));
    await turn();
    expect(accepted).toEqual([]);
    expect(queue.offer(9)).toBe(false);
    expect(queue.tryTake()).toBe(1);
    await turn();
    expect(accepted).toEqual([2]);
    expect([queue.tryTake(), queue.tryTake()]).toEqual([2, 3]);
    await Promise.all(pushes);
    expect(queue.waitingSenders).toBe(0);
  });

  it('bounds the senders that wait as well', async () => {
    const queue = new BoundedQueue<number>({ capacity: 1, overflow: 'wait', maxWaiting: 1 });
    await queue.push(1);
    const second = queue.push(2);
    await expect(queue.push(3)).rejects.toMatchObject({ code: 'VDT_RUNTIME_QUEUE_FULL' });
    queue.tryTake();
    await second;
  });

  it('forgets a sender or consumer whose signal aborts, and keeps serving the others', async () => {
    const controller = new AbortController();
    const reason = new Error('stopping');
    const queue = queueOf('wait', 1);
    const first = queue.take({ signal: controller.signal });
    const second = queue.take();
    controller.abort(reason);
    await expect(first).rejects.toBe(reason);
    await queue.push(1);
    await expect(second).resolves.toBe(1);

    await queue.push(2);
    const late = new AbortController();
    const lost = queue.push(3, { signal: late.signal });
    const kept = queue.push(4);
    late.abort(reason);
    await expect(lost).rejects.toBe(reason);
    expect([queue.tryTake(), queue.tryTake()]).toEqual([2, 4]);
    await kept;
    await expect(queue.take({ signal: late.signal })).rejects.toBe(reason);
    await expect(queue.push(5, { signal: late.signal })).rejects.toBe(reason);
  });

  it('lets what it holds be taken after it was closed, then ends', async () => {
    const queue = queueOf('reject');
    queue.offer(1);
    queue.close();
    queue.close();
    expect(queue.offer(2)).toBe(false);
    await expect(queue.push(2)).rejects.toMatchObject({ code: 'VDT_RUNTIME_QUEUE_CLOSED', retryable: false });
    expect([await queue.take(), await queue.take()]).toEqual([1, undefined]);
  });

  it('ends waiting consumers and refuses waiting senders when it closes', async () => {
    const empty = queueOf('wait', 1);
    const taking = empty.take();
    empty.close();
    await expect(taking).resolves.toBeUndefined();

    const full = queueOf('wait', 1);
    await full.push(1);
    const pushing = full.push(2);
    full.close();
    await expect(pushing).rejects.toMatchObject({ code: 'VDT_RUNTIME_QUEUE_CLOSED' });
  });

  it('drops and counts what it holds when it is disposed', async () => {
    const outer = queueOf('reject');
    {
      await using queue = outer;
      queue.offer(1);
    }
    expect(outer.size).toBe(0);
    expect(outer.counters.dropped).toBe(1);
    await expect(outer.take()).resolves.toBeUndefined();
  });

  it('is iterated until it is closed, or until the signal aborts', async () => {
    const queue = queueOf('wait', 1);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const item of queue) seen.push(item);
    })();
    for (const item of [1, 2, 3]) {
      await queue.push(item);
    }
    queue.close();
    await reading;
    expect(seen).toEqual([1, 2, 3]);

    const controller = new AbortController();
    const items = queueOf('reject').items({ signal: controller.signal });
    const next = items.next();
    controller.abort(new Error('stopping'));
    await expect(next).rejects.toThrow('stopping');
  });

  it('has a capacity of at least one', () => {
    expect(() => queueOf('reject', 0)).toThrow(RangeError);
    expect(() => queueOf('reject', 1.5)).toThrow(RangeError);
  });

  it('behaves like an array with a bound, whatever is done to it', () => {
    const command = fc.oneof(fc.constant('take' as const), fc.constant('offer' as const));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom<OverflowPolicy>('reject', 'drop-oldest', 'wait'),
        fc.array(command, { maxLength: 200 }),
        (capacity, overflow, commands) => {
          const queue = queueOf(overflow, capacity);
          const model: number[] = [];
          commands.forEach((step, at) => {
            if (step === 'take') expect(queue.tryTake()).toBe(model.shift());
            else if (model.length < capacity || overflow === 'drop-oldest') {
              model.push(at);
              if (model.length > capacity) model.shift();
              expect(queue.offer(at)).toBe(true);
            } else expect(queue.offer(at)).toBe(false);
            expect(queue.size).toBe(model.length);
            const { accepted, taken, dropped } = queue.counters;
            expect(accepted).toBe(taken + dropped + queue.size);
          });
        },
      ),
    );
  });
});
