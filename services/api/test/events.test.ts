import { formatStreamPosition } from '@vedette/api/contract';
import { eventually } from '@vedette/testbed';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Followed, type Loose, World } from './world.ts';

/** A host with VMs, everything on the bus. */
async function begun(options: Parameters<typeof World.start>[0] = {}) {
  const world = await World.start(options);
  const host = await world.host('h1');
  await world.relay();
  return { world, host, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

async function heard(stream: Followed, count: number): Promise<void> {
  await eventually(() => expect(stream.events.length).toBeGreaterThanOrEqual(count));
}

/** Everything that was under way has arrived. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

describe('following the fleet', () => {
  test('S1: without a position only what comes from now on is sent, with its position as id', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    await world.apply(host.state('a', 'running'));
    await world.relay();
    using stream = await world.follow('/v1/events');
    await world.apply(host.state('a', 'stopped'));
    await world.relay();
    await heard(stream, 1);
    const { id, position } = await world.store.identity();
    expect(stream.events).toMatchObject([
      { name: 'VMChanged', id: `${id}-${position}`, data: { data: { vm: 'a', state: 'stopped', position } } },
    ]);
  });

  test('from a position on, the log comes first and then what happens, each event once and in order', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    const { json } = await world.get('/v1/vms');
    for (let vm = 0; vm < 600; vm++) await world.apply(host.state(`vm-${vm}`, 'running'));
    await world.relay();
    using stream = await world.follow(`/v1/events?after=${json.position}`);
    await world.apply(host.state('vm-0', 'stopped'));
    await world.relay();
    await heard(stream, 601);
    expect(stream.positions).toEqual(
      Array.from({ length: 601 }, (_, at) => Number(json.position.split('-').at(-1)) + 1 + at),
    );
  });

  test('Last-Event-ID wins over the parameter, as a reconnecting client sends both', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    const { json } = await world.get('/v1/vms');
    await world.apply(host.state('a', 'running'), host.state('b', 'running'));
    await world.relay();
    const { id, position } = await world.store.identity();
    using stream = await world.follow(`/v1/events?after=${json.position}`, {
      'last-event-id': formatStreamPosition({ store: id, position: position - 1 }),
    });
    await heard(stream, 1);
    await settled();
    expect(stream.positions).toEqual([position]);
  });

  test('what the bus lost is read from the log', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    const { position } = await world.store.identity();
    using stream = await world.follow('/v1/events');
    await world.apply(...['a', 'b', 'c', 'd'].map((vm) => host.state(vm, 'running')));
    await world.relay((at) => at === position + 2 || at === position + 3);
    await heard(stream, 4);
    expect(stream.positions).toEqual([1, 2, 3, 4].map((more) => position + more));
  });

  test('what the bus lost last is found at the next heart-beat', async () => {
    await using scene = await begun({ limits: { heartbeatIntervalMs: 15_000 } });
    const { world, host } = scene;
    using stream = await world.follow('/v1/events');
    await eventually(() => expect(stream.heartbeats).toBe(1));
    await world.apply(host.state('a', 'running'));
    await world.relay(() => true);
    await settled();
    expect(stream.events).toEqual([]);
    await world.clock.advance(15_000);
    await heard(stream, 1);
  });

  test('what the bus repeats is sent once', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    using stream = await world.follow('/v1/events');
    await world.apply(host.state('a', 'running'));
    const waiting = await world.store.outbox(10);
    await world.relay();
    for (const { subject, json } of waiting) world.bus.send(subject, Buffer.from(json));
    await world.apply(host.state('b', 'running'));
    await world.relay();
    await heard(stream, 2);
    await settled();
    expect(stream.positions).toEqual([...new Set(stream.positions)]);
    expect(stream.events).toHaveLength(2);
  });

  test('a message that is no event is counted and not sent on', async () => {
    await using scene = await begun();
    const { world } = scene;
    using stream = await world.follow('/v1/events');
    world.bus.send('vedette.v1.fleet.vm.x', Buffer.from('{"type":"vedette.VMChanged.v1"}'));
    await eventually(() => expect(world.api.counters.messagesRefused).toBe(1));
    expect(stream.events).toEqual([]);
  });

  test('a change while the first page is being read is told to whoever follows from it', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    const read = world.store.vms.bind(world.store);
    world.store.vms = async (...args) => {
      const page = await read(...args);
      await world.apply(host.state('a', 'running'));
      return page;
    };
    const { json } = await world.get('/v1/vms');
    expect(json.items).toEqual([]);
    using stream = await world.follow(`/v1/events?after=${json.position}`);
    await heard(stream, 1);
    expect(stream.events).toMatchObject([{ data: { data: { vm: 'a' } } }]);
  });

  test('list, then follow: nothing is missed and nothing repeated, however it falls out', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('change' as const), vm: fc.nat({ max: 5 }) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('relay' as const), lose: fc.nat({ max: 3 }) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('list' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('follow' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await using scene = await begun();
        const { world, host } = scene;
        const up = new Set<number>();
        let listed: { states: Map<string, string>; position: string } | undefined;
        const streams: Followed[] = [];
        for (const one of steps) {
          if (one.do === 'change') {
            const running = !up.has(one.vm);
            if (running) up.add(one.vm);
            else up.delete(one.vm);
            await world.apply(host.state(`vm-${one.vm}`, running ? 'running' : 'stopped'));
          } else if (one.do === 'relay') await world.relay((position) => one.lose > 0 && position % 4 === one.lose);
          else if (one.do === 'list') {
            if (listed !== undefined) continue;
            const { json } = await world.get('/v1/vms');
            listed = { states: new Map(json.items.map((vm: Loose) => [vm.id, vm.state])), position: json.position };
          } else if (one.do === 'follow') {
            if (listed === undefined || streams.some((stream) => !stream.ended)) continue;
            const from = streams.at(-1)?.lastId ?? listed.position;
            streams.push(await world.follow('/v1/events', { 'last-event-id': from }));
          } else streams.at(-1)?.[Symbol.dispose]();
        }
        if (listed === undefined) return;
        if (streams.every((stream) => stream.ended)) {
          streams.push(
            await world.follow('/v1/events', { 'last-event-id': streams.at(-1)?.lastId ?? listed.position }),
          );
        }
        await world.relay();
        await world.clock.advance(15_000);
        const { id, position } = await world.store.identity();
        await eventually(() => expect(streams.at(-1)?.lastId).toBe(formatStreamPosition({ store: id, position })));
        const events = streams.flatMap((stream) => stream.events);
        const first = Number(listed.position.split('-').at(-1));
        expect(events.map(({ data }) => data.data.position)).toEqual(
          Array.from({ length: position - first }, (_, at) => first + 1 + at),
        );
        for (const { name, data } of events) if (name === 'VMChanged') listed.states.set(data.data.vm, data.data.state);
        const now = await world.get('/v1/vms');
        expect(listed.states).toEqual(new Map(now.json.items.map((vm: Loose) => [vm.id, vm.state])));
        for (const stream of streams) stream[Symbol.dispose]();
      }),
      { numRuns: 40 },
    );
  });
});

describe('positions', () => {
  test.each([
    ['of another store', (position: number) => `another-${position}`],
    ['beyond the end', (position: number, store: string) => `${store}-${position + 1}`],
  ])('one %s is a 410', async (_what, after) => {
    await using scene = await begun();
    const { id, position } = await scene.world.store.identity();
    const reply = await scene.world.get(`/v1/events?after=${after(position, id)}`);
    expect(reply).toMatchObject({ status: 410, json: { code: 'VDT_API_POSITION_GONE' } });
  });

  test('one whose events are no longer kept is a 410', async () => {
    await using scene = await begun({ fleetLogRows: 10 });
    const { world, host } = scene;
    const { json } = await world.get('/v1/vms');
    for (let round = 0; round < 3; round++) {
      for (let vm = 0; vm < 600; vm++) await world.apply(host.state(`vm-${round}-${vm}`, 'running'));
      await world.relay();
      await world.apply(host.state('last', round % 2 === 0 ? 'running' : 'stopped'));
    }
    const reply = await world.get(`/v1/events?after=${json.position}`);
    expect(reply).toMatchObject({ status: 410, json: { code: 'VDT_API_POSITION_GONE' } });
  });

  test('a header that is none is a 400', async () => {
    await using scene = await begun();
    const reply = await scene.world.get('/v1/events', { 'last-event-id': 'yesterday' });
    expect(reply).toMatchObject({ status: 400, json: { code: 'VDT_API_BAD_REQUEST', path: '/Last-Event-ID' } });
  });
});

describe('filters', () => {
  test('by VM, host, realm and name; a VM that moves belongs to both of its hosts', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    const other = await world.host('h2', 'r2');
    await world.relay();
    using byVM = await world.follow('/v1/events?vm=a,x');
    using byHost = await world.follow('/v1/events?host=h2');
    using byRealm = await world.follow('/v1/events?realm=r2');
    using byName = await world.follow('/v1/events?name=HostChanged');
    await world.apply(host.state('a', 'running'), host.state('b', 'running'), other.state('c', 'running'));
    await world.apply(other.hostState('non_responsive'));
    await world.apply(
      other.state('b', 'migrating_in'),
      host.state('b', 'migrated_away', { lastPresent: 'migrating_out' }),
    );
    await world.apply(host.state('d', 'running'));
    await world.relay();
    const { id, position } = await world.store.identity();
    await world.clock.advance(15_000);
    const end = formatStreamPosition({ store: id, position });
    for (const stream of [byVM, byHost, byRealm, byName]) await eventually(() => expect(stream.lastId).toBe(end));
    const who = (stream: Followed): string[] => stream.events.map(({ data }) => data.data.vm ?? data.data.host);
    expect(who(byVM)).toEqual(['a']);
    expect(new Set(who(byHost))).toEqual(new Set(['c', 'h2', 'b']));
    expect(new Set(who(byRealm))).toEqual(new Set(['c', 'h2', 'b']));
    expect(new Set(who(byName))).toEqual(new Set(['h2']));
  });

  test('a long run of events that do not pass does not keep the one behind them', async () => {
    await using scene = await begun({ limits: { batchEvents: 16 } });
    const { world, host } = scene;
    const { json } = await world.get('/v1/vms');
    for (let vm = 0; vm < 100; vm++) await world.apply(host.state(`vm-${vm}`, 'running'));
    await world.apply(host.state('last', 'running'));
    using stream = await world.follow(`/v1/events?vm=last&after=${json.position}`);
    await heard(stream, 1);
  });

  test('what observers publish comes on request only, live and without an id', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    using plain = await world.follow('/v1/events');
    using observing = await world.follow('/v1/events?observers=1&vm=a');
    const seen = host.state('a', 'running');
    await world.publish(seen, host.state('b', 'running'));
    await heard(observing, 1);
    expect(observing.events).toMatchObject([{ id: undefined, name: 'VMStateChanged', data: seen }]);
    await world.apply(seen);
    await world.relay();
    await heard(plain, 1);
    await settled();
    expect(plain.events.map(({ name }) => name)).toEqual(['VMChanged']);
  });
});

describe('a stream ends well', () => {
  test('a heart-beat comes at once, every 15 s, and tells how far the stream has come', async () => {
    await using scene = await begun();
    const { world, host } = scene;
    using stream = await world.follow('/v1/events?vm=nobody');
    await eventually(() => expect(stream.heartbeats).toBe(1));
    await world.apply(host.state('a', 'running'));
    await world.relay();
    await world.clock.advance(15_000);
    await eventually(() => expect(stream.heartbeats).toBe(2));
    const { id, position } = await world.store.identity();
    expect(stream.lastId).toBe(`${id}-${position}`);
    expect(stream.events).toEqual([]);
  });

  test('F7: a client that does not read is told so, closed and counted; it misses nothing when it resumes', async () => {
    await using scene = await begun({ limits: { stallTimeoutMs: 30_000, batchEvents: 64 } });
    const { world, host } = scene;
    const { json } = await world.get('/v1/vms');
    using slow = await world.follow(`/v1/events?after=${json.position}`);
    using quick = await world.follow(`/v1/events?after=${json.position}`);
    await eventually(() => expect(slow.heartbeats).toBe(1));
    slow.pause();
    const count = 3_000;
    for (let vm = 0; vm < count; vm++) await world.apply(host.state(`vm-${vm}`, 'running'));
    await world.relay();
    await heard(quick, count); // nobody waits for the slow one
    await world.clock.advance(30_000);
    await eventually(() => expect(world.api.counters.streamsTooSlow).toBe(1));
    slow.resume();
    await eventually(() => expect(slow.ended).toBe(true));
    expect(slow.events.at(-1)).toMatchObject({ name: 'end', data: { code: 'VDT_API_SLOW_CONSUMER', retryable: true } });
    const got = slow.events.length - 1;
    expect(got).toBeLessThan(count);
    using resumed = await world.follow('/v1/events', { 'last-event-id': slow.lastId ?? '' });
    await heard(resumed, count - got);
    const positions = [...slow.positions.slice(0, -1), ...resumed.positions];
    expect(positions).toEqual(quick.positions);
  });

  test('F7: a client so far behind that its events are no longer kept is told to list anew', async () => {
    await using scene = await begun({ fleetLogRows: 10, limits: { batchEvents: 64 } });
    const { world, host } = scene;
    using slow = await world.follow('/v1/events');
    await eventually(() => expect(slow.heartbeats).toBe(1));
    slow.pause();
    for (let vm = 0; vm < 5_000; vm++) {
      await world.apply(host.state(`vm-${vm}`, 'running'));
      if (vm % 10 === 0) await world.relay();
    }
    await world.relay();
    await settled();
    slow.resume();
    await eventually(() => expect(slow.ended).toBe(true));
    expect(slow.events.at(-1)).toMatchObject({
      name: 'end',
      data: { code: 'VDT_API_POSITION_GONE', retryable: false },
    });
  });

  test('F7: a client that cannot keep up with the observers is told so and closed', async () => {
    await using scene = await begun({ limits: { queuedObserverEvents: 50, batchEvents: 8 } });
    const { world, host } = scene;
    using slow = await world.follow('/v1/events?observers=1');
    await eventually(() => expect(slow.heartbeats).toBe(1));
    slow.pause();
    for (let vm = 0; vm < 4_000; vm++) await world.publish(host.state(`vm-${vm}`, 'running'));
    await eventually(() => expect(world.api.counters.streamsTooSlow).toBe(1));
    slow.resume();
    await eventually(() => expect(slow.events.at(-1)?.data.code).toBe('VDT_API_SLOW_CONSUMER'));
  });

  test('as many streams as are allowed, no more; one that is closed makes room', async () => {
    await using scene = await begun({ limits: { streams: 2 } });
    const { world } = scene;
    const first = await world.follow('/v1/events');
    using _second = await world.follow('/v1/events');
    expect(await world.get('/v1/events')).toMatchObject({ status: 503, json: { code: 'VDT_API_BUSY' } });
    first[Symbol.dispose]();
    using _third = await eventually(() => world.follow('/v1/events'));
  });

  test('a process that stops says so to every client, and does not wait for one that does not read', async () => {
    const world = await World.start();
    using stream = await world.follow('/v1/events');
    await eventually(() => expect(stream.heartbeats).toBe(1));
    await world[Symbol.asyncDispose]();
    await eventually(() => expect(stream.ended).toBe(true));
    expect(stream.events).toMatchObject([{ name: 'end', data: { code: 'VDT_API_STOPPING', retryable: true } }]);
  });

  test('I10: at the deadline of a stop, connections that are left are cut', async () => {
    await using scene = await begun({ limits: { endTimeoutMs: 1_000_000 } });
    const { world, host } = scene;
    const { json } = await world.get('/v1/vms');
    using stuck = await world.follow(`/v1/events?after=${json.position}`);
    stuck.pause();
    for (let vm = 0; vm < 3_000; vm++) await world.apply(host.state(`vm-${vm}`, 'running'));
    await world.relay();
    await settled();
    const force = new AbortController();
    const stopped = world.api.stop({ deadlineMs: 0, signal: force.signal });
    await settled();
    force.abort();
    await stopped;
  });
});
