import { type Hint, HintChannel } from '@vedette/fetcher';
import { expect, it } from 'vitest';

const poll = (reason: string): Hint => ({ kind: 'poll', reason });

async function take(hints: AsyncIterator<Hint>, count: number): Promise<readonly Hint[]> {
  const taken: Hint[] = [];
  for (let at = 0; at < count; at++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { value, done } = await hints.next();
    if (done !== true) taken.push(value);
  }
  return taken;
}

it('gives hints in order, also such as came before anybody read', async () => {
  const channel = new HintChannel();
  channel.offer(poll('a'));
  const hints = channel.hints(new AbortController().signal);
  channel.offer(poll('b'));
  expect(await take(hints, 2)).toEqual([poll('a'), poll('b')]);
});

it('F7: what does not fit is replaced by one poll, and hints go on after it', async () => {
  const channel = new HintChannel({ capacity: 2 });
  for (const reason of ['a', 'b', 'lost', 'lost too']) channel.offer(poll(reason));
  const hints = channel.hints(new AbortController().signal);
  expect(await take(hints, 3)).toEqual([poll('a'), poll('b'), poll('hints came faster than they were read')]);
  channel.offer(poll('c'));
  expect(await take(hints, 1)).toEqual([poll('c')]);
});

it('ends without an error when it is closed or its signal aborts, whatever is held', async () => {
  const closed = new HintChannel();
  const waiting = take(closed.hints(new AbortController().signal), 1);
  closed.close();
  closed.offer(poll('too late'));
  expect(await waiting).toEqual([]);
  expect(await take(closed.hints(new AbortController().signal), 1)).toEqual([]);

  const channel = new HintChannel();
  const controller = new AbortController();
  const aborted = take(channel.hints(controller.signal), 1);
  controller.abort();
  channel.offer(poll('too late'));
  expect(await aborted).toEqual([]);
});

it('an iteration that is left, closed or aborted says so, once', async () => {
  const told: string[] = [];
  const channel = new HintChannel();
  const controller = new AbortController();
  const { signal } = new AbortController();
  const left = channel.hints(signal, () => told.push('left'));
  const aborted = channel.hints(controller.signal, () => told.push('aborted'));
  channel.hints(signal, () => told.push('closed'));
  await left.return?.();
  await left.return?.();
  controller.abort();
  channel.close();
  channel.close();
  expect(told).toEqual(['left', 'aborted', 'closed']);
  expect(await aborted.next()).toEqual({ value: undefined, done: true });
});

it('of two readers each hint goes to one that waits', async () => {
  const channel = new HintChannel();
  const { signal } = new AbortController();
  const [one, other] = [channel.hints(signal), channel.hints(signal)];
  const waiting = other.next();
  channel.offer(poll('a'));
  channel.offer(poll('b'));
  expect((await waiting).value).toEqual(poll('a'));
  expect(await take(one, 1)).toEqual([poll('b')]);
});

it('two questions at once are refused', async () => {
  const channel = new HintChannel();
  const hints = channel.hints(new AbortController().signal);
  const first = hints.next();
  await expect(hints.next()).rejects.toThrow('one hint at a time');
  channel.offer(poll('a'));
  expect((await first).value).toEqual(poll('a'));
});
