import { escapeToken, subjects, unescapeToken } from '@vedette/model';
import { describe, expect, test } from 'vitest';
import type { ConsumeOptions, ServeOptions } from '../port.ts';
import { bytes, failureOf, longMs, type Scene, scene, shortMs, texts } from './scene.ts';
import type { ConformanceTarget } from './target.ts';

/** Bounds and doors: back-pressure, sizes, subjects, options (B3, B4, B5). */
export function boundsConformance(target: ConformanceTarget): void {
  const { maxGroupMessages, maxPayloadBytes } = target.limits;

  describe('bounds', () => {
    boundedScene(
      maxGroupMessages,
      'B3: a full durable group holds publishers back; nothing is lost',
      async (s, max) => {
        const bus = await s.connect();
        const consumer = await s.consume(bus);
        const messages = s.messages(max + 3);
        const statuses = await s.publish(bus, messages, shortMs);
        expect(statuses).toEqual([...repeat('stored', max), ...repeat('in_doubt', 3)]);
        const waiting = s.publish(bus, messages.slice(max), longMs);
        const received = await s.take(consumer, max);
        for (const delivery of received) delivery.ack();
        expect(await waiting).toEqual(repeat('stored', 3));
        received.push(...(await s.take(consumer, 3)));
        expect([...new Set(texts(received))]).toEqual(s.numbered(0, max + 3));
      },
    );

    boundedScene(maxGroupMessages, 'F7: a full group delays nobody who publishes elsewhere', async (s, max) => {
      const [held, free] = [await s.connect(), await s.connect()];
      const options = { patterns: [s.event('slow')], maxInFlight: 1 };
      await s.within(held.consume({ ...options, group: s.group('slow') }));
      await s.publish(
        held,
        Array.from({ length: max }, (_, at) => s.message(`${at}`, s.event('slow'))),
      );
      const waiting = s.publish(held, [s.message('one too many', s.event('slow'))], shortMs);
      const quick = await s.within(free.consume({ ...options, group: s.group('quick'), patterns: [s.event('quick')] }));
      expect(await s.publish(free, [s.message('m', s.event('quick'))])).toEqual(['stored']);
      expect(texts(await s.take(quick, 1))).toEqual(['m']);
      expect(await waiting).toEqual(['in_doubt']);
    });

    scene(target, 'F7: a group whose member takes nothing delays no other group', async (s) => {
      const bus = await s.connect();
      await s.consume(await s.connect(), s.group('idle'));
      const busy = await s.consume(await s.connect(), s.group('busy'), 10);
      await s.publish(bus, s.messages(maxGroupMessages === undefined ? 20 : Math.min(20, maxGroupMessages)));
      expect(texts(await s.take(busy, 10))).toEqual(s.numbered(0, 10));
    });

    scene(target, 'a payload above the limit is refused, and the rest of its publish is stored', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      const huge = { ...s.message('huge'), payload: new Uint8Array(maxPayloadBytes + 1) };
      const outcomes = await s.within(bus.publish([s.message('a'), huge, s.message('b')], { timeoutMs: longMs }));
      expect(outcomes.map(({ status }) => status)).toEqual(['stored', 'refused', 'stored']);
      expect(outcomes[1]).toMatchObject({ error: { code: 'VDT_BUS_PAYLOAD_TOO_LARGE', retryable: false } });
      expect(texts(await s.take(consumer, 2))).toEqual(['a', 'b']);
    });

    scene(target, 'a payload above the limit is refused by every other call', async (s) => {
      const bus = await s.connect();
      const huge = new Uint8Array(maxPayloadBytes + 1);
      const failures = [
        await s.atOnce(() => bus.call(s.request, huge, { timeoutMs: longMs })),
        await s.atOnce(() => bus.cast(s.request, huge, { timeoutMs: longMs })),
        await s.atOnce(() => s.collect(bus.fanOut(s.request, huge, { timeoutMs: longMs }))),
        thrown(() => bus.send(s.sample, huge)),
      ];
      for (const failure of failures) expect(failure).toMatchObject({ code: 'VDT_BUS_PAYLOAD_TOO_LARGE' });
    });
  });

  describe('doors', () => {
    const badSubjects = [
      '',
      '.',
      'a..b',
      'a.*',
      'a.>',
      '>',
      'a b',
      'a.b.',
      'vm.h\u00e9',
      'a\nb',
      `v.${'x'.repeat(200)}`,
    ];
    const badPatterns = ['', 'a.>.b', 'a.*b', '.>', 'a b', `v.${'x'.repeat(200)}`];

    scene(target, 'B5: a wrong subject is refused by every call, and nothing is sent', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      for (const subject of badSubjects) {
        const payload = bytes('x');
        const failures = [
          // oxlint-disable-next-line no-await-in-loop -- one call at a time shows which one is at fault
          await failureOf(bus.publish([s.message('good'), { ...s.message('bad'), subject }], { timeoutMs: longMs })),
          // oxlint-disable-next-line no-await-in-loop -- as above
          await failureOf(bus.call(subject, payload, { timeoutMs: longMs })),
          // oxlint-disable-next-line no-await-in-loop -- as above
          await failureOf(bus.cast(subject, payload, { timeoutMs: longMs })),
          // oxlint-disable-next-line no-await-in-loop -- as above
          await failureOf(s.collect(bus.fanOut(subject, payload, { timeoutMs: longMs }))),
          thrown(() => bus.send(subject, payload)),
        ];
        for (const failure of failures) expect(failure, subject).toMatchObject({ code: 'VDT_BUS_SUBJECT' });
      }
      expect(await s.idle(consumer.next(1))).toBe(true);
    });

    scene(target, 'B5: a wrong pattern is refused by every subscription', async (s) => {
      const bus = await s.connect();
      for (const pattern of badPatterns) {
        const patterns = [s.events, pattern];
        const serve = { pattern, concurrency: 1, maxQueued: 1, handler: (): Uint8Array => bytes('') };
        // oxlint-disable-next-line no-await-in-loop -- one call at a time shows which one is at fault
        const failures = await Promise.all([
          failureOf(bus.consume({ group: s.group(), patterns, maxInFlight: 1 })),
          failureOf(bus.subscribe({ patterns, handler: () => undefined })),
          failureOf(bus.serve(serve)),
        ]);
        for (const failure of failures) expect(failure, pattern).toMatchObject({ code: 'VDT_BUS_SUBJECT' });
      }
    });

    const consume = { group: 'g', patterns: ['vedette.v1.>'], maxInFlight: 1 };
    const serve = { pattern: 'vedette.v1.x', concurrency: 1, maxQueued: 0, handler: (): Uint8Array => bytes('') };
    usageScene('a time-out that is not a finite number', async (s) => {
      const bus = await s.connect();
      const wrong = [Number.NaN, Number.POSITIVE_INFINITY, -1];
      return wrong.map((timeoutMs) => () => bus.call(s.request, bytes(''), { timeoutMs }));
    });
    usageScene('a consumer without bound, patterns or a plain name', async (s) => {
      const bus = await s.connect();
      const wrong: ConsumeOptions[] = [
        { ...consume, maxInFlight: 0 },
        { ...consume, maxInFlight: 1.5 },
        { ...consume, patterns: [] },
        { ...consume, group: '' },
        { ...consume, group: 'a.b' },
      ];
      return wrong.map((options) => () => bus.consume(options));
    });
    usageScene('a server without bounds', async (s) => {
      const bus = await s.connect();
      const wrong: ServeOptions[] = [
        { ...serve, concurrency: 0 },
        { ...serve, maxQueued: -1 },
      ];
      return wrong.map((options) => () => bus.serve(options));
    });
    usageScene('a second `next` while one is under way', async (s) => {
      const consumer = await s.consume(await s.connect());
      const first = consumer.next(1);
      return [
        async () => {
          await consumer.next(1);
          await first;
        },
      ];
    });
    usageScene('a `next` for nothing', async (s) => {
      const consumer = await s.consume(await s.connect());
      return [() => consumer.next(0)];
    });
    usageScene('a delivery refused for a negative time', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      await s.publish(bus, s.messages(1));
      const [delivery] = await s.take(consumer, 1);
      return [async () => delivery?.nak(-1)];
    });

    scene(target, 'D2: identifiers of any kind travel in subjects and come back unchanged', async (s) => {
      const bus = await s.connect();
      const ids = ['a.b', '*', '>', 'x y', 'h\u00e9llo', '\u{1f5a5}', '~7e', 'host\u0000', '4be8d1f3-1c2d'];
      const events = ids.map((id) => subjects.vmState(s.token, id));
      const patterns = [`vedette.v1.vm.state.${escapeToken(s.token)}.*`];
      const consumer = await s.within(bus.consume({ group: s.group(), patterns, maxInFlight: 20 }));
      await s.publish(
        bus,
        events.map((subject) => s.message('x', subject)),
      );
      const delivered = await s.take(consumer, ids.length);
      expect(delivered.map(({ subject }) => unescapeToken(subject.split('.').at(-1) ?? ''))).toEqual(ids);
    });

    scene(target, 'D2: an identifier too long for a subject is refused at the call', async (s) => {
      const bus = await s.connect();
      const subject = subjects.vmState(s.token, 'x'.repeat(300));
      const failure = await s.atOnce(() => bus.publish([s.message('x', subject)], { timeoutMs: longMs }));
      expect(failure).toMatchObject({ code: 'VDT_BUS_SUBJECT' });
    });
  });

  function boundedScene(max: number | undefined, title: string, body: (s: Scene, max: number) => Promise<void>): void {
    if (max === undefined) test(title, (context) => context.skip('this driver does not bound a durable group'));
    else scene(target, title, (s) => body(s, max));
  }

  function usageScene(what: string, calls: (s: Scene) => Promise<(() => Promise<unknown>)[]>): void {
    scene(target, `B4: refused as wrong use: ${what}`, async (s) => {
      for (const call of await calls(s)) {
        // oxlint-disable-next-line no-await-in-loop -- each has to fail by itself
        expect(await s.atOnce(call)).toMatchObject({ code: 'VDT_BUS_USAGE', retryable: false });
      }
    });
  }
}

function repeat<T>(value: T, times: number): T[] {
  return Array.from({ length: times }, () => value);
}

function thrown(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
