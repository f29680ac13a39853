import { createMemoryBroker, type MemoryBroker, type MemoryLimits } from '@vedette/bus/memory';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bus, Consumer, Delivery, OutgoingMessage, PublishOutcome } from '../src/port.ts';

const subject = 'vedette.v1.vm.state.h1.v1';
const patterns = ['vedette.v1.vm.>'];

let clock: SimulatedClock;
let broker: MemoryBroker;
let bus: Bus;

beforeEach(() => start());

afterEach(async () => {
  const closing = broker.close();
  await clock.advance(10_000);
  await closing;
  expect(clock.pendingTimers).toBe(0);
});

function start(limits: Partial<MemoryLimits> = {}): void {
  clock = new SimulatedClock();
  broker = createMemoryBroker({ clock, limits });
  bus = broker.connect({ name: 'client' });
}

function message(id: string, bytes = 1): OutgoingMessage {
  return { subject, id, payload: new Uint8Array(bytes) };
}

function messages(count: number, bytes = 1): OutgoingMessage[] {
  return Array.from({ length: count }, (_, at) => message(`m${at}`, bytes));
}

function publish(sent: readonly OutgoingMessage[], timeoutMs = 1_000, from = bus): Promise<readonly PublishOutcome[]> {
  return from.publish(sent, { timeoutMs });
}

function statuses(outcomes: readonly PublishOutcome[]): string[] {
  return outcomes.map((outcome) =>
    outcome.status === 'stored' ? 'stored' : `${outcome.status} ${codeOf(outcome.error)}`,
  );
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? 'none';
}

function consume(group = 'g', maxInFlight = 1_000): Promise<Consumer> {
  return bus.consume({ group, patterns, maxInFlight });
}

async function takeNow(consumer: Consumer, max = 1_000): Promise<readonly Delivery[]> {
  return (await consumer.next(max)) ?? [];
}

describe('limits', () => {
  test.each([{ ackWaitMs: 0 }, { maxDeliveries: 1.5 }, { maxGroupBytes: Number.NaN }])(
    'a limit that is not a whole number of at least 1 is refused: %o',
    (limits) => {
      expect(() => createMemoryBroker({ clock, limits })).toThrow(expect.objectContaining({ code: 'VDT_BUS_USAGE' }));
    },
  );
});

describe('delivery', () => {
  test('the array published is the array delivered: nothing is copied', async () => {
    const consumer = await consume();
    const sent = message('m');
    await publish([sent]);
    const [delivery] = await takeNow(consumer);
    expect(delivery?.payload).toBe(sent.payload);
  });

  test('whatever one publish stores wakes a waiting consumer once, with all of it', async () => {
    const consumer = await consume();
    const waiting = consumer.next(1_000);
    let woken = false;
    const noted = waiting.then(() => {
      woken = true;
    });
    const published = publish(messages(100));
    expect(woken).toBe(false);
    await Promise.all([noted, published]);
    expect(await waiting).toHaveLength(100);
  });

  test('waiting members share what there is evenly', async () => {
    const members = await Promise.all([consume(), consume(), consume()]);
    const waiting = members.map((member) => member.next(1_000));
    await publish(messages(90));
    expect((await Promise.all(waiting)).map((batch) => batch?.length)).toEqual([30, 30, 30]);
  });

  test('a member at its bound leaves its share to the others', async () => {
    const [full, free] = [await consume('g', 1), await consume()];
    await publish([message('first')]);
    expect(await takeNow(full)).toHaveLength(1);
    const [waitingFull, waitingFree] = [full.next(10), free.next(10)];
    await publish(messages(4));
    await clock.advance(0);
    expect(await waitingFree).toHaveLength(4);
    await full.close();
    expect(await waitingFull).toBe(undefined);
  });

  test('one timer watches all deliveries of a group', async () => {
    const consumer = await consume();
    await publish(messages(500));
    await takeNow(consumer);
    expect(clock.pendingTimers).toBe(1);
    await consumer.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('`extend` moves the wait of its own delivery only', async () => {
    const consumer = await consume();
    await publish(messages(2));
    const [extended] = await takeNow(consumer);
    await clock.advance(20_000);
    extended?.extend();
    await clock.advance(10_000);
    expect((await takeNow(consumer)).map((each) => [each.payload === extended?.payload, each.attempt])).toEqual([
      [false, 2],
    ]);
    const again = consumer.next(1);
    await clock.advance(20_000);
    expect((await again)?.map((each) => [each.payload === extended?.payload, each.attempt])).toEqual([[true, 2]]);
  });

  test('the acknowledgement wait of each delivery counts from its own hand-over', async () => {
    const consumer = await consume();
    await publish(messages(2));
    await takeNow(consumer, 1);
    await clock.advance(20_000);
    await takeNow(consumer, 1);
    const again = consumer.next(10);
    await clock.advance(10_000);
    expect((await again)?.map((each) => each.attempt)).toEqual([2]);
    expect(broker.groups[0]).toMatchObject({ inFlight: 2, waiting: 0 });
    const other = consumer.next(10);
    await clock.advance(20_000);
    expect((await other)?.map((each) => each.attempt)).toEqual([2]);
  });
});

describe('volatile messages', () => {
  test('what is sent is kept by no durable group', async () => {
    const consumer = await consume();
    bus.send(subject, new Uint8Array(1));
    await publish([message('published')]);
    expect((await takeNow(consumer)).map(({ payload }) => payload.byteLength)).toEqual([1]);
    expect(broker.groups[0]).toMatchObject({ waiting: 0, inFlight: 1 });
  });

  test('what is queued when a subscription closes is dropped and counted', async () => {
    const received: string[] = [];
    const subscription = await bus.subscribe({ patterns, handler: (on) => received.push(on) });
    bus.send(subject, new Uint8Array(1));
    await subscription.close();
    await clock.advance(0);
    expect(received).toEqual([]);
    expect(bus.counters.volatileDropped).toBe(1);
  });
});

describe('a full group', () => {
  test('F7: holds the publishes of a connection back in their order, until there is room', async () => {
    start({ maxGroupMessages: 2 });
    const consumer = await consume();
    const calls = ['a', 'b', 'c', 'd'].map((id) => publish([message(id), message(`${id}2`)], 5_000));
    await clock.advance(0);
    const seen: number[] = [];
    for (let taken = 0; taken < 8; ) {
      // oxlint-disable-next-line no-await-in-loop -- batch after batch
      const batch = await takeNow(consumer);
      seen.push(batch.length);
      for (const delivery of batch) delivery.ack();
      taken += batch.length;
    }
    expect((await Promise.all(calls)).flatMap(statuses)).toEqual(Array.from({ length: 8 }, () => 'stored'));
    expect(Math.max(...seen)).toBe(2);
  });

  test('a publish made when room has just come does not overtake those that wait', async () => {
    start({ maxGroupMessages: 1 });
    const consumer = await consume();
    await publish([message('first')]);
    const held = publish([message('held', 2)], 10_000);
    for (const delivery of await takeNow(consumer)) delivery.ack();
    const late = publish([message('late', 3)], 10_000);
    const sizes: number[] = [];
    for (let at = 0; at < 2; at++) {
      // oxlint-disable-next-line no-await-in-loop -- one makes room for the next
      for (const delivery of await takeNow(consumer)) {
        sizes.push(delivery.payload.byteLength);
        delivery.ack();
      }
    }
    expect(sizes).toEqual([2, 3]);
    expect([...(await held), ...(await late)].map(({ status }) => status)).toEqual(['stored', 'stored']);
  });

  test('a publish behind one whose deadline passes goes on at once if its own group has room', async () => {
    start({ maxGroupMessages: 1 });
    await consume();
    await publish([message('first')]);
    const held = publish([message('held')], 100);
    const behind = publish([{ ...message('behind'), subject: 'vedette.v1.elsewhere' }], 10_000);
    await clock.advance(100);
    expect([statuses(await held), statuses(await behind)]).toEqual([['in_doubt VDT_BUS_FULL'], ['stored']]);
  });

  test('F7: at the deadline what waited is in doubt, and those behind it get their turn', async () => {
    start({ maxGroupMessages: 1 });
    const consumer = await consume();
    await publish([message('first')]);
    const impatient = publish([message('impatient')], 100);
    const patient = publish([message('patient')], 10_000);
    await clock.advance(100);
    expect(statuses(await impatient)).toEqual(['in_doubt VDT_BUS_FULL']);
    for (const delivery of await takeNow(consumer)) delivery.ack();
    expect(statuses(await patient)).toEqual(['stored']);
  });

  test('a publish behind one that gave up goes on at once if its own group has room', async () => {
    start({ maxGroupMessages: 1 });
    await consume();
    await publish([message('first')]);
    const controller = new AbortController();
    const held = bus.publish([message('held')], { timeoutMs: 10_000, signal: controller.signal });
    const behind = publish([{ ...message('behind'), subject: 'vedette.v1.elsewhere' }], 10_000);
    controller.abort(new Error('enough'));
    expect(statuses(await held)).toEqual(['in_doubt VDT_BUS_CANCELLED']);
    expect(statuses(await behind)).toEqual(['stored']);
  });

  test('is one in all or in none: a message waits until every group that matches has room', async () => {
    start({ maxGroupMessages: 1 });
    const [quick, slow] = [await consume('quick'), await consume('slow')];
    await publish([message('first')]);
    for (const delivery of await takeNow(quick)) delivery.ack();
    const second = publish([message('second')], 5_000);
    await clock.advance(0);
    expect(broker.groups.map(({ name, waiting }) => [name, waiting])).toEqual([
      ['quick', 0],
      ['slow', 1],
    ]);
    for (const delivery of await takeNow(slow)) delivery.ack();
    expect(statuses(await second)).toEqual(['stored']);
  });

  test('is bounded in bytes, too; an empty one takes any message', async () => {
    start({ maxGroupBytes: 100 });
    await consume();
    const outcomes = publish([message('large', 500), message('small', 1)], 10);
    await clock.advance(10);
    expect(statuses(await outcomes)).toEqual(['stored', 'in_doubt VDT_BUS_FULL']);
  });

  test('a repetition of what it holds is stored, not held back', async () => {
    start({ maxGroupMessages: 1 });
    await consume();
    await publish([message('first')]);
    expect(statuses(await publish([message('first')]))).toEqual(['stored']);
  });

  test('B3: messages waiting for room are bounded per connection; further ones are in doubt at once', async () => {
    start({ maxGroupMessages: 1, maxWaitingMessages: 3 });
    const consumer = await consume();
    await publish([message('first')]);
    const waiting = publish(messages(3), 10_000);
    expect(statuses(await publish([message('beyond')], 10_000))).toEqual(['in_doubt VDT_BUS_FULL']);
    for (let at = 0; at < 3; at++) {
      // oxlint-disable-next-line no-await-in-loop -- one makes room for the next
      for (const delivery of await takeNow(consumer)) delivery.ack();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await clock.advance(0);
    }
    expect(statuses(await waiting)).toEqual(['stored', 'stored', 'stored']);
    const again = publish(
      ['n1', 'n2', 'n3'].map((id) => message(id)),
      100,
    );
    expect(await Promise.race([again, clock.advance(50).then(() => 'still waiting')])).toBe('still waiting');
    await clock.advance(50);
    await again;
  });

  test('closing ends what waits for room after the drain time', async () => {
    start({ maxGroupMessages: 1 });
    await consume();
    const publisher = broker.connect({ name: 'publisher' });
    const waiting = publish(messages(2), 60_000, publisher);
    const closing = publisher.close({ timeoutMs: 500 });
    await clock.advance(500);
    await closing;
    expect(statuses(await waiting)).toEqual(['stored', 'in_doubt VDT_BUS_CLOSED']);
  });

  test('losing the connection ends what waits for room', async () => {
    start({ maxGroupMessages: 1 });
    await consume();
    const publisher = broker.connect({ name: 'publisher' });
    const waiting = publish(messages(2), 60_000, publisher);
    broker.disconnect('publisher');
    expect(statuses(await waiting)).toEqual(['stored', 'in_doubt VDT_BUS_DISCONNECTED']);
    broker.reconnect('publisher');
    expect(publisher.connected).toBe(true);
  });

  test('a group that nobody needs any more can be removed, and publishers go on', async () => {
    start({ maxGroupMessages: 1 });
    const consumer = await consume();
    const waiting = publish(messages(2), 5_000);
    expect(() => broker.removeGroup('g')).toThrow(expect.objectContaining({ code: 'VDT_BUS_USAGE' }));
    await consumer.close();
    expect([broker.removeGroup('g'), broker.removeGroup('g')]).toEqual([true, false]);
    expect(statuses(await waiting)).toEqual(['stored', 'stored']);
    expect(broker.groups).toEqual([]);
  });
});

describe('what is kept', () => {
  test('ids are remembered within a bounded window', async () => {
    start({ dedupMessages: 10 });
    const consumer = await consume();
    await publish(messages(30));
    await publish([message('m0'), message('m29')]);
    expect(await takeNow(consumer)).toHaveLength(31);
  });

  test.each([
    [{ retainedMessages: 3 }, 3],
    [{ retainedBytes: 25 }, 2],
    [{ retainedMessages: 1_000, maxGroupMessages: 4 }, 4],
  ])('what a new group can start from is bounded: %o', async (limits, expected) => {
    start(limits);
    await publish(messages(10, 10));
    const consumer = await bus.consume({ group: 'late', patterns, maxInFlight: 100, from: 'beginning' });
    expect(await takeNow(consumer)).toHaveLength(expected);
  });

  test('a new group starts only from what its patterns match', async () => {
    await publish([message('a'), { ...message('b'), subject: 'vedette.v1.mark' }]);
    const marks = await bus.consume({ group: 'm', patterns: ['vedette.v1.mark'], maxInFlight: 5, from: 'beginning' });
    expect((await takeNow(marks)).map((each) => each.subject)).toEqual(['vedette.v1.mark']);
  });

  test('F13: dead letters say what they were; the oldest make room and are counted', async () => {
    start({ maxDeliveries: 1, maxDeadLetters: 2 });
    const consumer = await consume();
    await publish(messages(3));
    for (const delivery of await takeNow(consumer)) delivery.nak(1_000);
    expect(broker.deadLetters.map(({ id, group, attempts }) => [id, group, attempts])).toEqual([
      ['m1', 'g', 1],
      ['m2', 'g', 1],
    ]);
    expect(broker.deadLetters[0]).toMatchObject({ subject, payload: new Uint8Array(1) });
    expect([broker.deadLettersDropped, bus.counters.deadLettered]).toEqual([1, 3]);
    expect(broker.groups[0]).toMatchObject({ waiting: 0, inFlight: 0, delayed: 0, bytes: 0 });
  });

  test('the state of a group says where its messages are', async () => {
    const consumer = await consume();
    await publish(messages(5, 10));
    const [first, second] = await takeNow(consumer, 3);
    first?.ack();
    second?.nak(1_000);
    expect(broker.groups).toEqual([
      { name: 'g', patterns, members: 1, waiting: 2, inFlight: 1, delayed: 1, bytes: 40 },
    ]);
  });
});

describe('scripted faults', () => {
  test('F12: in doubt but stored: the repetition is recognised, and both changes arrive in order', async () => {
    const consumer = await consume();
    broker.faults.publish = () => 'in_doubt_stored';
    expect(statuses(await publish([message('first')]))).toEqual(['in_doubt VDT_BUS_DISCONNECTED']);
    broker.faults.publish = undefined;
    expect(statuses(await publish([message('first'), message('second')]))).toEqual(['stored', 'stored']);
    expect(await takeNow(consumer)).toHaveLength(2);
  });

  test('in doubt and lost: the repetition is what arrives', async () => {
    const consumer = await consume();
    broker.faults.publish = (sent) => (sent.id === 'm1' ? 'in_doubt_lost' : 'ok');
    expect(statuses(await publish(messages(3)))).toEqual(['stored', 'in_doubt VDT_BUS_DISCONNECTED', 'stored']);
    expect(await takeNow(consumer)).toHaveLength(2);
    broker.faults.publish = undefined;
    await publish([message('m1')]);
    expect(await takeNow(consumer)).toHaveLength(1);
  });

  test('refused: never stored', async () => {
    broker.faults.publish = () => 'refused';
    expect(statuses(await publish([message('m')]))).toEqual(['refused VDT_BUS_REFUSED']);
    expect(bus.counters).toMatchObject({ published: 0, publishFailed: 1 });
  });

  test('hang: in doubt at the deadline, which nothing else of the connection waits for', async () => {
    broker.faults.publish = (sent) => (sent.id === 'm1' ? 'hang' : 'ok');
    const hung = publish(messages(3), 2_000);
    expect(statuses(await publish([message('other')]))).toEqual(['stored']);
    await clock.advance(2_000);
    expect(statuses(await hung)).toEqual(['stored', 'in_doubt VDT_BUS_DEADLINE', 'stored']);
  });

  test('the script is told whose message it is', async () => {
    const other = broker.connect({ name: 'other' });
    broker.faults.publish = (_, connection) => (connection === 'other' ? 'refused' : 'ok');
    expect(statuses(await publish([message('a')]))).toEqual(['stored']);
    expect(statuses(await publish([message('b')], 100, other))).toEqual(['refused VDT_BUS_REFUSED']);
  });

  test('a connection that nobody has cannot be cut', () => {
    expect(() => broker.disconnect('nobody')).toThrow(expect.objectContaining({ code: 'VDT_BUS_USAGE' }));
  });

  test('cutting twice, and restoring what was never cut, changes nothing', async () => {
    broker.reconnect('client');
    broker.disconnect('client');
    broker.disconnect('client');
    broker.reconnect('client');
    expect(statuses(await publish([message('m')]))).toEqual(['stored']);
  });
});

describe('handlers', () => {
  test('what a handler throws with nobody to tell is handed to the connection for its log', async () => {
    const seen: unknown[] = [];
    const server = broker.connect({ name: 'server', onHandlerError: (error, on) => seen.push([String(error), on]) });
    const fail = (): never => {
      throw new Error('the handler failed');
    };
    await server.subscribe({ patterns, handler: fail });
    await server.serve({ pattern: 'vedette.v1.x', concurrency: 1, maxQueued: 1, handler: fail });
    bus.send(subject, new Uint8Array(0));
    await bus.cast('vedette.v1.x', new Uint8Array(0), { timeoutMs: 100 });
    await clock.advance(0);
    expect(seen).toEqual([
      ['Error: the handler failed', subject],
      ['Error: the handler failed', 'vedette.v1.x'],
    ]);
  });

  test('a handler that returns no bytes is an error of the server, not a crash', async () => {
    const nothing = (): Promise<Uint8Array> => Promise.resolve(undefined as unknown as Uint8Array);
    await bus.serve({ pattern: 'vedette.v1.x', concurrency: 1, maxQueued: 1, handler: nothing });
    const call = bus.call('vedette.v1.x', new Uint8Array(0), { timeoutMs: 100 });
    await expect(call).rejects.toMatchObject({ code: 'VDT_BUS_REMOTE', remoteCode: 'VDT_BUS_USAGE' });
  });

  test('the first answer of several servers has the others told to stop', async () => {
    const signals: AbortSignal[] = [];
    const slow = ({ signal }: { signal: AbortSignal }): Promise<Uint8Array> => {
      signals.push(signal);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    };
    const serve = { pattern: 'vedette.v1.x', concurrency: 1, maxQueued: 1 };
    await bus.serve({ ...serve, handler: slow });
    await bus.serve({ ...serve, handler: ({ payload }) => payload });
    await bus.call('vedette.v1.x', new Uint8Array(0), { timeoutMs: 1_000 });
    expect(signals.map(({ aborted, reason }) => [aborted, codeOf(reason)])).toEqual([[true, 'VDT_BUS_CANCELLED']]);
  });

  test('a cast that hangs is told when its server is closed by force', async () => {
    const signals: AbortSignal[] = [];
    const handler = ({ signal }: { signal: AbortSignal }): Promise<Uint8Array> => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    const serving = await bus.serve({ pattern: 'vedette.v1.x', concurrency: 1, maxQueued: 1, handler });
    await bus.cast('vedette.v1.x', new Uint8Array(0), { timeoutMs: 100 });
    const closing = serving.close({ timeoutMs: 1_000 });
    await clock.advance(999);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await clock.advance(1);
    await closing;
    expect(signals.map(({ reason }) => codeOf(reason))).toEqual(['VDT_BUS_CLOSED']);
  });

  test('a server whose connection is lost is asked no more, nor is one that is closing when it is back', async () => {
    const server = broker.connect({ name: 'server' });
    const ask = (): Promise<string> =>
      bus.call('vedette.v1.x', new Uint8Array(0), { timeoutMs: 1_000 }).then(() => 'ok', codeOf);
    let hang = false;
    const handler = ({ payload }: { payload: Uint8Array }): Promise<Uint8Array> | Uint8Array =>
      hang ? new Promise(() => undefined) : payload;
    const serving = await server.serve({ pattern: 'vedette.v1.x', concurrency: 2, maxQueued: 1, handler });
    broker.disconnect('server');
    expect(await ask()).toBe('VDT_BUS_NO_RESPONDERS');
    broker.reconnect('server');
    expect(await ask()).toBe('ok');
    hang = true;
    const hung = ask();
    await clock.advance(0);
    const closing = serving.close({ timeoutMs: 500 });
    broker.disconnect('server');
    broker.reconnect('server');
    expect(await ask()).toBe('VDT_BUS_NO_RESPONDERS');
    await clock.advance(500);
    await closing;
    expect(await hung).toBe('VDT_BUS_DISCONNECTED');
  });

  test('a closing connection hands out nothing more while it drains, and still takes acknowledgements', async () => {
    const server = broker.connect({ name: 'server' });
    const handler = (): Promise<Uint8Array> => new Promise(() => undefined);
    await server.serve({ pattern: 'vedette.v1.x', concurrency: 1, maxQueued: 1, handler });
    await bus.cast('vedette.v1.x', new Uint8Array(0), { timeoutMs: 100 });
    const consumer = await server.consume({ group: 'g', patterns, maxInFlight: 10 });
    await publish(messages(2));
    const [held] = await takeNow(consumer, 1);
    const closing = server.close({ timeoutMs: 1_000 });
    expect(await consumer.next(1)).toBe(undefined);
    held?.ack();
    expect(broker.groups[0]).toMatchObject({ waiting: 1, inFlight: 0 });
    await clock.advance(1_000);
    await closing;
  });

  test('a call leaves no timer behind', async () => {
    await bus.serve({ pattern: 'vedette.v1.x', concurrency: 1, maxQueued: 1, handler: ({ payload }) => payload });
    await bus.call('vedette.v1.x', new Uint8Array(0), { timeoutMs: 60_000 });
    expect(clock.pendingTimers).toBe(0);
  });

  test('a server closed with a request queued and one running answers both', async () => {
    const server = broker.connect({ name: 'server' });
    const handler = (): Promise<Uint8Array> => new Promise(() => undefined);
    const serving = await server.serve({ pattern: 'vedette.v1.x', concurrency: 1, maxQueued: 5, handler });
    const calls = [1, 2].map(() => bus.call('vedette.v1.x', new Uint8Array(0), { timeoutMs: 60_000 }));
    const failed = Promise.all(calls.map((call) => call.catch(codeOf)));
    const closing = serving.close({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    await closing;
    expect(await failed).toEqual(['VDT_BUS_DISCONNECTED', 'VDT_BUS_DISCONNECTED']);
  });
});
