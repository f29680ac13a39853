import type { Hint, HostFetcher } from '@vedette/fetcher';
import { expect, it } from 'vitest';
import { answersAgain, LONG, outcomes, SHORT, type Subject, undone } from './subject.ts';

/** Longer than two heart-beats are apart. */
const SILENCE_MS = 7_000;

/** What hints lead to, and how they end. */
export function hints(subject: Subject): void {
  it('a change leads to rows that say so, or to a poll, without any poll in between', async (ctx) => {
    await using fetcher = subject.open();
    if (!fetcher.capabilities.push) ctx.skip('the driver does not declare push');
    await using reader = readHints(fetcher);
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const { vm, state } = await subject.on.changeState();
    const told = reader.until(
      (hint) =>
        hint.kind === 'poll' || (hint.kind === 'rows' && hint.rows.some((row) => row.vm === vm && row.state === state)),
    );
    const hint = await subject.on.settle(told);
    const rows = hint.kind === 'rows' ? hint.rows : (await subject.on.settle(fetcher.runtimeStats(LONG))).rows;
    expect(rows.find((row) => row.vm === vm)?.state).toBe(state);
  });

  it('a lost connection yields a poll once it is back', async (ctx) => {
    await using fetcher = subject.open();
    if (!fetcher.capabilities.push) ctx.skip('the driver does not declare push');
    await using reader = readHints(fetcher);
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const undo = await undone(subject.on.refuse());
    await outcomes(subject.on, [fetcher.runtimeStats(SHORT)]);
    await undo();
    const hint = await subject.on.settle(reader.until(({ kind }) => kind === 'poll'));
    expect(hint).toMatchObject({ kind: 'poll', reason: expect.stringMatching(/./) });
    await answersAgain(subject.on, fetcher);
  });

  it('heart-beats are signs of life after a listing, and none of a host that is not there', async (ctx) => {
    await using fetcher = subject.open();
    if (!fetcher.capabilities.heartBeats) ctx.skip('the driver does not declare heart-beats');
    await using reader = readHints(fetcher);
    await subject.on.settle(fetcher.runtimeStats(LONG));
    await subject.on.settle(reader.until(({ kind }) => kind === 'alive'));
    const undo = await undone(subject.on.refuse());
    await subject.on.pass(100);
    reader.forget();
    await subject.on.pass(SILENCE_MS);
    expect(reader.came.filter(({ kind }) => kind === 'alive')).toEqual([]);
    await undo();
    await answersAgain(subject.on, fetcher);
    await subject.on.settle(reader.until(({ kind }) => kind === 'alive'));
  });

  it('end without an error at the abort of their signal, and when the fetcher is closed', async () => {
    const fetcher = subject.open();
    const controller = new AbortController();
    const aborted = collect(fetcher.hints({ signal: controller.signal }));
    const closed = collect(fetcher.hints({ signal: new AbortController().signal }));
    await subject.on.settle(fetcher.runtimeStats(LONG));
    controller.abort();
    await subject.on.settle(aborted);
    await fetcher.close();
    await subject.on.settle(closed);
    await subject.on.settle(collect(fetcher.hints({ signal: new AbortController().signal })));
  });
}

async function collect(hints: AsyncIterable<Hint>): Promise<readonly Hint[]> {
  const collected: Hint[] = [];
  for await (const hint of hints) collected.push(hint);
  return collected;
}

/** Reads hints from now on; {@link HintReader.until} looks at those come so far, too. */
function readHints(fetcher: HostFetcher): HintReader {
  return new HintReader(fetcher);
}

class HintReader implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly came: Hint[] = [];
  readonly #done: Promise<void>;
  #wake: (() => void) | undefined;

  constructor(fetcher: HostFetcher) {
    this.#done = this.#read(fetcher.hints({ signal: this.#controller.signal }));
  }

  async until(matches: (hint: Hint) => boolean): Promise<Hint> {
    for (;;) {
      const found = this.came.find(matches);
      if (found !== undefined) return found;
      const next = Promise.withResolvers<void>();
      this.#wake = next.resolve;
      // oxlint-disable-next-line no-await-in-loop -- one hint after the other
      await next.promise;
    }
  }

  /** From now on only what comes then counts. */
  forget(): void {
    this.came.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#done;
  }

  async #read(hints: AsyncIterable<Hint>): Promise<void> {
    for await (const hint of hints) {
      this.came.push(hint);
      this.#wake?.();
    }
  }
}
