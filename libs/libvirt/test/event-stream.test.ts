import { expect, it } from 'vitest';
import { EventStream } from '../src/event-stream.ts';

interface Numbered {
  readonly type: 'numbered';
  readonly number: number;
}

function numbered(number: number): Numbered {
  return { type: 'numbered', number };
}

async function readAll(stream: EventStream<Numbered>): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  for await (const event of stream) seen.push(event);
  return seen;
}

it('events are read in order, also those pushed while the reader waits', async () => {
  const stream = new EventStream<Numbered>(8);
  stream.push(numbered(1));
  const reading = readAll(stream);
  await Promise.resolve();
  stream.push(numbered(2));
  stream.push(numbered(3));
  stream.end();
  stream.push(numbered(4));
  await expect(reading).resolves.toEqual([1, 2, 3].map(numbered));
});

it('S8: when the reader does not keep up one `lost` stands for all that were dropped', async () => {
  const stream = new EventStream<Numbered>(3);
  for (let number = 1; number <= 10; number++) stream.push(numbered(number));
  stream.end();
  const seen = await readAll(stream);
  expect(seen[0]).toEqual({ type: 'lost' });
  expect(seen.slice(1)).not.toContainEqual({ type: 'lost' });
  expect(seen.at(-1)).toEqual(numbered(10));
  expect(seen.length).toBeLessThanOrEqual(4);
  expect(stream.dropped).toBe(10 - (seen.length - 1));
});

it('the end may be an error: the reader gets what is queued first', async () => {
  const stream = new EventStream<Numbered>(3);
  stream.push(numbered(1));
  stream.end(new Error('gone'));
  const seen: unknown[] = [];
  const read = async (): Promise<void> => {
    for await (const event of stream) seen.push(event);
  };
  await expect(read()).rejects.toThrow('gone');
  expect(seen).toEqual([numbered(1)]);
});

it('a reader that stops is told to the writer, and nothing is queued after it', async () => {
  let stopped = 0;
  const stream = new EventStream<Numbered>(3, () => stopped++);
  stream.push(numbered(1));
  for await (const _event of stream) break;
  stream.push(numbered(2));
  expect(stopped).toBe(1);
  await expect(readAll(stream)).resolves.toEqual([]);
});
