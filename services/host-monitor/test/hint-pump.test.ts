import type { Hint, HostFetcher } from '@vedette/fetcher';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import { MonitorCounters } from '../src/counters.ts';
import { pumpHints } from '../src/hint-pump.ts';
import type { HostMessage } from '../src/host-messages.ts';

const rows: Hint = { kind: 'rows', rows: [] };
const alive: Hint = { kind: 'alive' };

function pump(hints: () => AsyncIterable<Hint>) {
  const clock = new SimulatedClock();
  const counters = new MonitorCounters();
  const ended = new AbortController();
  const mailbox = { depth: 0 };
  const offered: Hint[] = [];
  const offer = (message: HostMessage): boolean => {
    if (message.kind === 'hint') offered.push(message.hint);
    return true;
  };
  const fetcher = { capabilities: { push: true }, hints } as unknown as HostFetcher;
  pumpHints(fetcher, { self: { mailbox, offer }, signal: ended.signal, clock } as never, counters);
  return { clock, counters, mailbox, offered, end: () => ended.abort() };
}

const kinds = (offered: readonly Hint[]): string[] => offered.map(({ kind }) => kind);

describe('the hints of a host', () => {
  it.each([true, false])('that break off (with an error: %s) are polled for, and followed anew', async (throws) => {
    const { clock, offered, end } = pump(async function* () {
      yield rows;
      if (throws) throw new Error('lost');
    });
    await clock.advance(2_500);
    expect(kinds(offered)).toEqual(['rows', 'poll', 'rows', 'poll', 'rows', 'poll']);
    end();
    await clock.advance(10_000);
    expect(offered).toHaveLength(6);
  });

  it('that end without a word each time are followed anew ever more rarely', async () => {
    // oxlint-disable-next-line no-empty-function -- it yields nothing
    const { clock, offered, end } = pump(async function* () {});
    await clock.advance(10 * 60_000);
    expect(offered.length).toBeLessThan(20);
    end();
    await clock.advance(0);
  });

  it('I6: of those too many, heart-beats are dropped without a word, anything else for a poll', async () => {
    let more: ((hint: Hint) => void) | undefined;
    const { clock, counters, mailbox, offered, end } = pump(async function* () {
      for (;;) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        yield await new Promise<Hint>((resolve) => {
          more = resolve;
        });
      }
    });
    await clock.advance(0);
    mailbox.depth = 256;
    more?.(alive);
    await clock.advance(0);
    expect(offered).toEqual([]);
    expect(counters.hintsLost).toBe(0);
    more?.(rows);
    await clock.advance(0);
    expect(kinds(offered)).toEqual(['poll']);
    expect(counters.hintsLost).toBe(1);
    end();
  });
});
