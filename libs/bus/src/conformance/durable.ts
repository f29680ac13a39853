import { describe, expect } from 'vitest';
import { declaredScene, type Scene, scene, texts } from './scene.ts';
import type { ConformanceTarget } from './target.ts';

/** Publish, groups, acknowledgement and order (B1, B2). */
export function durableConformance(target: ConformanceTarget): void {
  describe('publish and groups', () => {
    scene(target, 'B1: a message reaches every durable group that matches', async (s) => {
      const bus = await s.connect();
      const first = await s.consume(bus, s.group('a'));
      const second = await s.consume(bus, s.group('b'));
      expect(await s.publish(bus, [s.message('one')])).toEqual(['stored']);
      expect(texts(await s.take(first, 1))).toEqual(['one']);
      expect(texts(await s.take(second, 1))).toEqual(['one']);
    });

    scene(target, 'B1: a message acknowledged is not delivered to its group again', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      await s.publish(bus, s.messages(3));
      for (const delivery of await s.take(consumer, 3)) delivery.ack();
      await target.wait(target.limits.ackWaitMs * 2);
      await consumer.close();
      await s.publish(bus, [s.message('next')]);
      expect(texts(await s.take(await s.consume(bus), 1))).toEqual(['next']);
    });

    scene(target, 'the bytes delivered are the bytes published, up to the largest payload', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      const every = Uint8Array.from({ length: 256 }, (_, at) => at);
      const largest = new Uint8Array(target.limits.maxPayloadBytes).fill(0xa5);
      const payloads = [every, new Uint8Array(0), largest];
      const messages = payloads.map((payload, at) => ({ subject: s.event(), id: `${s.token}/bytes${at}`, payload }));
      expect(await s.publish(bus, messages)).toEqual(['stored', 'stored', 'stored']);
      const delivered = await s.take(consumer, 3);
      expect(delivered.map(({ payload }) => Buffer.from(payload))).toEqual(payloads.map((each) => Buffer.from(each)));
    });

    scene(target, 'each message goes to one member of a group, and all members take part', async (s) => {
      const publisher = await s.connect();
      const members = [
        await s.consume(await s.connect(), s.group(), 1),
        await s.consume(await s.connect(), s.group(), 1),
      ];
      const asked = members.map((member) => s.take(member, 1));
      await s.publish(publisher, s.messages(2));
      const deliveries = (await Promise.all(asked)).flat();
      expect(texts(deliveries).sort()).toEqual(['m0', 'm1']);
    });

    scene(target, 'messages of one publisher arrive in order, whether its calls were waited for or not', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      const messages = s.messages(60);
      const calls = [0, 20, 40].map((from) => s.publish(bus, messages.slice(from, from + 20)));
      const expected = messages.map((_, at) => `m${at}`);
      expect(texts(await s.take(consumer, 60))).toEqual(expected);
      await Promise.all(calls);
    });

    scene(target, 'messages of two publishers arrive each in its own order', async (s) => {
      const [one, two] = [await s.connect(), await s.connect()];
      const consumer = await s.consume(await s.connect());
      const sent = [s.messages(50, 'a'), s.messages(50, 'b')] as const;
      await Promise.all([s.publish(one, sent[0]), s.publish(two, sent[1])]);
      const received = texts(await s.take(consumer, 100));
      expect(received.filter((each) => each.startsWith('a'))).toEqual(sent[0].map((_, at) => `a${at}`));
      expect(received.filter((each) => each.startsWith('b'))).toEqual(sent[1].map((_, at) => `b${at}`));
    });

    scene(target, 'wildcards: `*` is one token, `>` is one or more at the end', async (s) => {
      const bus = await s.connect();
      const base = `vedette.v1.vm.state.${s.token}`;
      const subjects = [`${base}.a`, `${base}.b`, `${base}.a.x`, `${base}.b.x`, `${base}.a.x.y`];
      const expected: Record<string, number[]> = {
        [`${base}.a`]: [0],
        [`${base}.*`]: [0, 1],
        [`${base}.>`]: [0, 1, 2, 3, 4],
        [`${base}.*.x`]: [2, 3],
        [`${base}.a.>`]: [2, 4],
        [`${base}.*.*.*`]: [4],
        [`vedette.*.vm.*.${s.token}.b`]: [1],
      };
      const consumers = await Promise.all(
        Object.keys(expected).map((pattern, at) =>
          bus.consume({ group: s.group(`w${at}`), patterns: [pattern], maxInFlight: 10 }),
        ),
      );
      await s.publish(
        bus,
        subjects.map((subject) => s.message(subject, subject)),
      );
      for (const [at, indexes] of Object.values(expected).entries()) {
        const consumer = consumers[at];
        if (consumer === undefined) throw new Error('no consumer');
        // oxlint-disable-next-line no-await-in-loop -- read one group after the other
        const delivered = await s.take(consumer, indexes.length);
        expect(delivered.map(({ subject }) => subject)).toEqual(indexes.map((index) => subjects[index]));
        expect(await s.idle(consumer.next(1))).toBe(true);
      }
    });

    scene(target, 'a message that several patterns of a group match comes once', async (s) => {
      const bus = await s.connect();
      const patterns = [s.events, s.event('*'), s.event('v1')];
      const consumer = await s.within(bus.consume({ group: s.group(), patterns, maxInFlight: 10 }));
      await s.publish(bus, s.messages(2));
      expect(texts(await s.take(consumer, 2))).toEqual(['m0', 'm1']);
      expect(await s.idle(consumer.next(1))).toBe(true);
    });

    scene(target, 'B1: a group keeps what was published while it had no member', async (s) => {
      const bus = await s.connect();
      await (await s.consume(bus)).close();
      await s.publish(bus, s.messages(3));
      expect(texts(await s.take(await s.consume(bus), 3))).toEqual(['m0', 'm1', 'm2']);
    });

    scene(target, 'a group that begins with `new` gets nothing from before', async (s) => {
      const bus = await s.connect();
      await s.publish(bus, [s.message('before')]);
      const consumer = await s.consume(bus);
      await s.publish(bus, [s.message('after')]);
      expect(texts(await s.take(consumer, 1))).toEqual(['after']);
    });

    scene(target, 'members of one group must have the same patterns', async (s) => {
      const bus = await s.connect();
      await s.consume(bus);
      const other = { group: s.group(), patterns: [s.event('other')], maxInFlight: 1 };
      const error = await s.atOnce(() => bus.consume(other));
      expect(error).toMatchObject({ code: 'VDT_BUS_GROUP_PATTERNS' });
    });
  });

  describe('declared: stored messages', () => {
    declaredScene(target, 'replay', 'a new group may start from the beginning of what is retained', async (s) => {
      const bus = await s.connect();
      await s.publish(bus, s.messages(5));
      const options = { group: s.group(), patterns: [s.events], maxInFlight: 10, from: 'beginning' } as const;
      const consumer = await s.within(bus.consume(options));
      await s.publish(bus, [s.message('m5')]);
      expect(texts(await s.take(consumer, 6))).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5']);
    });

    declaredScene(target, 'dedup', 'a publish repeated with the same id is stored once', async (s) => {
      const bus = await s.connect();
      const consumer = await s.consume(bus);
      const messages = s.messages(2);
      expect(await s.publish(bus, messages)).toEqual(['stored', 'stored']);
      expect(await s.publish(await s.connect(), messages)).toEqual(['stored', 'stored']);
      await s.publish(bus, [s.message('last')]);
      expect(texts(await s.take(consumer, 3))).toEqual(['m0', 'm1', 'last']);
    });

    declaredScene(target, 'persistent', 'messages outlive the process that published them', async (s) => {
      await (await s.consume(await s.connect())).close();
      await s.publish(await s.connect(), s.messages(3));
      await restart(s);
      expect(texts(await s.take(await s.consume(await s.connect()), 3))).toEqual(['m0', 'm1', 'm2']);
    });

    declaredScene(target, 'positions', 'positions grow from message to message, over a restart too', async (s) => {
      const before = await s.connect();
      const consumer = await s.consume(before);
      await s.publish(before, s.messages(2));
      const first = await s.take(consumer, 2);
      for (const delivery of first) delivery.ack();
      await consumer.close();
      await restart(s);
      const after = await s.connect();
      await s.publish(after, s.messages(1));
      const positions = [...first, ...(await s.take(await s.consume(after), 1))].map(({ position }) => position ?? -1);
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
      expect(positions[0]).toBeGreaterThanOrEqual(0);
    });

    if (!target.capabilities.positions) {
      scene(target, 'positions are undefined where they are not declared', async (s) => {
        const bus = await s.connect();
        const consumer = await s.consume(bus);
        await s.publish(bus, s.messages(1));
        expect((await s.take(consumer, 1)).map(({ position }) => position)).toEqual([undefined]);
      });
    }
  });
}

async function restart(s: Scene): Promise<void> {
  if (s.world.restart === undefined) throw new Error('the target declares this capability but offers no restart');
  await s.world.restart();
}
