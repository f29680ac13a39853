import { describe, expect, it } from 'vitest';
import { Semaphore } from '../src/semaphore.ts';

describe('Semaphore', () => {
  it('never lets more run at once than it has permits', async () => {
    const semaphore = new Semaphore({ permits: 3, maxWaiting: 100 });
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    await Promise.all(Array.from({ length: 20 }, () => semaphore.run(work)));
    expect(most).toBe(3);
    expect(semaphore.available).toBe(3);
  });

  it('gives permits in the order in which they were asked for', async () => {
    const semaphore = new Semaphore({ permits: 1, maxWaiting: 10 });
    const held = await semaphore.acquire();
    const order: number[] = [];
    const runs = [1, 2, 3].map((id) => semaphore.run(() => Promise.resolve(order.push(id))));
    expect(semaphore.waiting).toBe(3);
    held.release();
    await Promise.all(runs);
    expect(order).toEqual([1, 2, 3]);
  });

  it('releases a permit once, however often it is told to', async () => {
    const semaphore = new Semaphore({ permits: 2, maxWaiting: 10 });
    const first = await semaphore.acquire();
    await semaphore.acquire();
    first.release();
    first.release();
    first[Symbol.dispose]();
    expect(semaphore.available).toBe(1);
  });

  it('releases the permit of work that fails', async () => {
    const semaphore = new Semaphore({ permits: 1, maxWaiting: 0 });
    await expect(semaphore.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await expect(semaphore.run(() => Promise.resolve('fine'))).resolves.toBe('fine');
  });

  it('refuses more waiting callers than it allows', async () => {
    const semaphore = new Semaphore({ permits: 1, maxWaiting: 1 });
    const held = await semaphore.acquire();
    const waiting = semaphore.acquire();
    await expect(semaphore.acquire()).rejects.toMatchObject({ code: 'VDT_RUNTIME_TOO_MANY_WAITING', retryable: true });
    expect(semaphore.tryAcquire()).toBeUndefined();
    held.release();
    (await waiting).release();
    expect(semaphore.available).toBe(1);
  });

  it('forgets a caller whose signal aborts, without losing a permit', async () => {
    const semaphore = new Semaphore({ permits: 1, maxWaiting: 10 });
    const held = await semaphore.acquire();
    const controller = new AbortController();
    const leaving = semaphore.acquire({ signal: controller.signal });
    const staying = semaphore.acquire();
    controller.abort(new Error('stopping'));
    await expect(leaving).rejects.toThrow('stopping');
    await expect(semaphore.acquire({ signal: controller.signal })).rejects.toThrow('stopping');
    held.release();
    (await staying).release();
    expect(semaphore.available).toBe(1);
  });

  it('needs at least one permit', () => {
    expect(() => new Semaphore({ permits: 0, maxWaiting: 1 })).toThrow(RangeError);
  });
});
