import { matchSubject } from '@vedette/model';
import type { Clock } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDeliveryInfo } from '../src/drivers/nats/delivery.ts';
import { collide, covers, disjointCover } from '../src/drivers/nats/filters.ts';
import { type Timed, TimerWheel, turnMs } from '../src/drivers/nats/timer-wheel.ts';
import { Turns } from '../src/drivers/nats/turns.ts';
import { headerValue, isRequest, messageIdHeaders, readEnvelope } from '../src/drivers/nats/wire.ts';

describe('reply subjects', () => {
  test('say what a request is and how long its caller waits', () => {
    expect(readEnvelope('_INBOX.abc.c17.5000')).toEqual({ kind: 'call', timeoutMs: 5_000 });
    expect(readEnvelope('my.own.inbox.abc.f1.0')).toEqual({ kind: 'fanOut', timeoutMs: 0 });
    expect(readEnvelope('_INBOX.abc.k3.100')).toEqual({ kind: 'cast', timeoutMs: undefined });
  });

  test('of other programs are calls without a deadline', () => {
    for (const reply of ['_INBOX.x', '_INBOX.x.12', '_INBOX.abc.c.5', 'c1', '.5', '_INBOX.abc.c1x.5', '_R_.abc.def']) {
      expect(readEnvelope(reply), reply).toEqual({ kind: 'call', timeoutMs: undefined });
      expect(isRequest(reply), reply).toBe(false);
    }
  });

  test('of a publish are not those of a request', () => {
    expect(isRequest('_INBOX.abc.p7.0')).toBe(false);
    for (const kind of ['c', 'k', 'f']) expect(isRequest(`_INBOX.abc.${kind}7.9`)).toBe(true);
  });
});

describe('headers', () => {
  const encoded = (id: string): string =>
    Buffer.from((messageIdHeaders(id) as unknown as { encode(): Uint8Array }).encode()).toString('latin1');

  test('carry the message id as the broker wants it', () => {
    expect(encoded('host-1/7/12')).toBe('NATS/1.0\r\nNats-Msg-Id: host-1/7/12\r\n\r\n');
  });

  test('hold any id in one line, and different ids stay different', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(headerValue(a)).toMatch(/^[\x21-\x7e]*$/);
        if (a !== b) expect(headerValue(a)).not.toBe(headerValue(b));
      }),
    );
    expect(encoded('a\r\nEvil: 1').split('\r\n')).toHaveLength(4);
  });
});

describe('where a delivered message is from', () => {
  test('is read from the short form and from the one with domain and account', () => {
    const info = { attempt: 3, position: 41 };
    expect(readDeliveryInfo('$JS.ACK.VEDETTE.group.3.41.7.1700000000000000000.5')).toEqual(info);
    expect(readDeliveryInfo('$JS.ACK._.hash.VEDETTE.group.3.41.7.1700000000000000000.5.x')).toEqual(info);
  });

  test('anything else is not a delivery', () => {
    for (const reply of ['', '_INBOX.a.b', '$JS.ACK.VEDETTE', '$JS.ACK.a.b.c.d.e.f.g']) {
      expect(readDeliveryInfo(reply)).toBe(undefined);
    }
  });
});

describe('the filters of a group', () => {
  const token = fc.constantFrom('a', 'b', '*');
  const pattern = fc
    .tuple(fc.array(token, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([tokens, rest]) => (rest ? [...tokens, '>'] : tokens).join('.'));
  const subject = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 }).map((t) => t.join('.'));

  test('cover its patterns, and no subject meets two of them', () => {
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 5 }), subject, (patterns, each) => {
        const cover = disjointCover(patterns);
        const hits = cover.filter((one) => matchSubject(one, each)).length;
        expect(hits).toBeLessThanOrEqual(1);
        if (patterns.some((one) => matchSubject(one, each))) expect(hits).toBe(1);
      }),
    );
  });

  test('are the patterns themselves where these do not meet', () => {
    const patterns = ['v.vm.>', 'v.host.snapshot.*', 'v.host.state.*'];
    expect(disjointCover(patterns)).toEqual(patterns);
    expect(disjointCover(['v.vm.*', 'v.vm.>', 'v.vm.a'])).toEqual(['v.vm.>']);
  });

  test('meeting and covering agree with matching', () => {
    fc.assert(
      fc.property(pattern, pattern, subject, (a, b, each) => {
        const [inA, inB] = [matchSubject(a, each), matchSubject(b, each)];
        if (inA && inB) expect(collide(a, b)).toBe(true);
        if (covers(a, b) && inB) expect(inA).toBe(true);
      }),
    );
  });
});

class Entry implements Timed<Entry> {
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  dueTurn = 0;
  expiredMs: number | undefined;
  readonly #clock: SimulatedClock;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  expire(): void {
    this.expiredMs = this.#clock.now();
  }
}

describe('the timer wheel', () => {
  test('never expires early, and at most two turns late', async () => {
    const clock = new SimulatedClock();
    const wheel = new TimerWheel<Entry>(clock);
    const waits = [0, 1, 9, 10, 11, 99, 5_119, 5_120, 5_121, 12_345];
    const startMs = clock.now();
    const entries = waits.map((waitMs) => {
      const entry = new Entry(clock);
      wheel.add(entry, waitMs);
      return entry;
    });
    await clock.advance(20_000);
    for (const [at, waitMs] of waits.entries()) {
      const lateMs = (entries[at]?.expiredMs ?? Number.NaN) - startMs - waitMs;
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThanOrEqual(2 * turnMs);
    }
  });

  test('forgets what was taken out, also within another expiry', async () => {
    const clock = new SimulatedClock();
    const wheel = new TimerWheel<Entry>(clock);
    const [kept, removed, victim] = [new Entry(clock), new Entry(clock), new Entry(clock)];
    for (const entry of [kept, removed, victim]) wheel.add(entry, 50);
    wheel.remove(removed);
    wheel.remove(removed);
    kept.expire = () => wheel.remove(victim);
    await clock.advance(1_000);
    expect([removed.expiredMs, victim.expiredMs]).toEqual([undefined, undefined]);
  });

  test('holds no timer while it holds nothing', async () => {
    const clock = new SimulatedClock();
    const wheel = new TimerWheel<Entry>(clock);
    const entry = new Entry(clock);
    wheel.add(entry, 60_000);
    wheel.remove(entry);
    await clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('the time of volatile handlers', () => {
  test('what has no time left in a turn gets it in later ones, and nobody starves', async () => {
    let nowMs = 0;
    const turns = new Turns({ now: () => nowMs } as Clock);
    const served: string[] = [];
    const work = (name: string, pieces: number): (() => boolean) => {
      let left = pieces;
      return () => {
        while (left > 0 && turns.hasTime()) {
          served.push(name);
          left--;
          nowMs += 3;
        }
        return left > 0;
      };
    };
    expect(turns.hasTime()).toBe(true);
    nowMs += 10;
    expect(turns.hasTime()).toBe(false);
    turns.later(work('a', 6));
    turns.later(work('b', 2));
    for (let turn = 0; turn < 10; turn++) {
      // oxlint-disable-next-line no-await-in-loop -- one turn after the other
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(served).toHaveLength(8);
    expect(served.indexOf('b')).toBeLessThan(served.lastIndexOf('a'));
  });
});
