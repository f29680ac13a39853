/** S8: hints as the agent protocol has them, and what becomes of the lost, doubled and late ones. */
import { agentDriver } from '@vedette/fetcher/agent';
import { hintSubject } from '@vedette/fetcher/agent-protocol';
import { expect, it } from 'vitest';
import { bench, documentsOf, LONG, told } from './support/bench.ts';

it('a hint is told by its rows, without a poll', async () => {
  const { agent, arrive, hints, poll } = await bench();
  await poll();
  agent.set('a', 'paused', {}, { reason: 'user' });
  await arrive();
  expect(hints).toMatchObject([{ kind: 'rows', rows: [{ vm: 'a', state: 'paused', reason: 'user' }] }]);
});

it('S8: a doubled hint is told once', async () => {
  const { agent, arrive, hints, poll } = await bench();
  await poll();
  agent.onTheWay = (hint) => [hint, hint];
  agent.set('a', 'paused');
  await arrive();
  expect(told(hints)).toEqual(['a paused']);
});

it('S8: a lost hint shows in the next one, which asks for a poll once', async () => {
  const { agent, arrive, hints, poll } = await bench();
  const first = await poll();
  agent.onTheWay = () => [];
  agent.set('a', 'paused');
  agent.onTheWay = (hint) => [hint];
  agent.set('b', 'paused');
  agent.set('c', 'paused');
  await arrive();
  expect(told(hints)).toEqual(['b paused', 'poll', 'c paused']);
  expect(await poll(first)).toMatchObject({ agrees: true, rows: [{ vm: 'a' }, { vm: 'b' }, { vm: 'c' }] });
  agent.set('a', 'running');
  await arrive();
  expect(told(hints)).toEqual(['b paused', 'poll', 'c paused', 'a running']);
});

it('S8: hints that overtake one another end in the same state', async () => {
  const { agent, arrive, hints, poll } = await bench();
  const first = await poll();
  let held: Buffer | undefined;
  agent.onTheWay = (hint) => {
    const before = held;
    held = before === undefined ? hint : undefined;
    return before === undefined ? [] : [hint, before];
  };
  agent.set('a', 'paused');
  agent.set('a', 'running');
  await arrive();
  // The late one is a row of an older revision: whoever merges by revision leaves it.
  const states = hints.flatMap((hint) =>
    hint.kind === 'rows' ? hint.rows.map(({ state, rev }) => ({ state, rev })) : [],
  );
  expect(states.toSorted((one, other) => one.rev - other.rev).at(-1)?.state).toBe('running');
  expect(told(hints)).toContain('poll');
  expect((await poll(first)).rows).toMatchObject([{ vm: 'a', state: 'running' }]);
});

it('S8: a hint that a poll has told already is ignored', async () => {
  const { agent, arrive, hints, poll } = await bench();
  const late: Buffer[] = [];
  agent.onTheWay = (hint) => {
    late.push(hint);
    return [];
  };
  agent.set('a', 'paused');
  await poll();
  agent.onTheWay = () => late;
  agent.heartBeat();
  await arrive();
  expect(hints).toEqual([]);
});

it('I2: one that left asks for a poll, again and again until one has told it', async () => {
  const { agent, arrive, hints, poll } = await bench();
  const first = await poll();
  agent.remove('b');
  await arrive();
  agent.heartBeat();
  await arrive();
  expect(told(hints)).toEqual(['poll', 'poll']);
  expect(await poll(first)).toMatchObject({ left: ['b'], agrees: true });
  agent.heartBeat();
  await arrive();
  expect(told(hints)).toEqual(['poll', 'poll', 'alive']);
});

it('S9: hints of another run ask for a poll', async () => {
  const { agent, arrive, hints, poll } = await bench();
  await poll();
  agent.restart();
  agent.set('a', 'paused');
  await arrive();
  expect(hints).toEqual([{ kind: 'poll', reason: 'the agent has restarted' }]);
});

it('before the first listing nobody knows whose hints these are', async () => {
  const { agent, arrive, hints } = await bench();
  agent.set('a', 'paused');
  await arrive();
  expect(hints).toEqual([{ kind: 'poll', reason: 'nothing was listed yet' }]);
});

it('a hint that cannot be read asks for a poll', async () => {
  const { agent, arrive, hints, poll } = await bench();
  await poll();
  agent.onTheWay = () => [Buffer.from('{"boot":')];
  agent.set('a', 'paused');
  await arrive();
  expect(hints).toEqual([{ kind: 'poll', reason: 'a hint could not be read' }]);
});

it('a hint without content says that something changed', async () => {
  const { agent, arrive, hints, poll } = await bench();
  await poll();
  agent.onTheWay = (hint) => [Buffer.from(JSON.stringify({ ...JSON.parse(hint.toString()), rows: [] }))];
  agent.set('a', 'paused');
  await arrive();
  expect(hints).toEqual([{ kind: 'poll', reason: 'something changed' }]);
  agent.heartBeat();
  await arrive();
  expect(told(hints)).toEqual(['poll', 'poll']);
});

// ---- Heart-beats ---------------------------------------------------------------------------------------------

it('a heart-beat is a sign of life where everything was told', async () => {
  const { clock, hints, poll } = await bench({ heartBeatMs: 3_000 });
  await poll();
  await clock.advance(9_500);
  expect(told(hints)).toEqual(['alive', 'alive', 'alive']);
});

it('S8: a heart-beat after a lost hint asks for a poll until there was one, and is no sign of life', async () => {
  const { agent, clock, hints, poll } = await bench({ heartBeatMs: 3_000 });
  const first = await poll();
  const through = agent.onTheWay;
  agent.onTheWay = () => [];
  agent.set('a', 'paused');
  agent.onTheWay = through;
  await clock.advance(6_500);
  expect(told(hints)).toEqual(['poll', 'poll']);
  await poll(first);
  await clock.advance(3_000);
  expect(told(hints)).toEqual(['poll', 'poll', 'alive']);
});

it('a heart-beat is no sign of life after a delta that does not agree', async () => {
  const { agent, arrive, hints, poll } = await bench();
  const first = await poll();
  const rows = agent.answers;
  rows.getAllRuntimeStats = () =>
    Buffer.from(JSON.stringify({ ...agent.head(), complete: false, rows: [], left: [], checksum: 'ffffffffffffffff' }));
  expect(await poll(first)).toMatchObject({ agrees: false });
  agent.heartBeat();
  await arrive();
  expect(told(hints)).toEqual(['poll']);
});

it('figures recorded in between are no reason to ask', async () => {
  const { agent, arrive, hints, poll } = await bench();
  await poll();
  agent.measure('a', 0.9);
  agent.heartBeat();
  await arrive();
  expect(told(hints)).toEqual(['alive']);
});

it('S9: the heart-beat of another run asks for a poll', async () => {
  const { agent, arrive, hints, poll } = await bench();
  await poll();
  agent.restart();
  agent.heartBeat();
  agent.heartBeat();
  await arrive();
  expect(told(hints)).toEqual(['poll', 'poll']);
});

it('after a poll that nobody answered, the first sign of the agent asks for one', async () => {
  const { agent, clock, fetcher, hints, poll, settle } = await bench({ heartBeatMs: 3_000 });
  await poll();
  agent.stuck = true;
  await expect(settle(fetcher.runtimeStats({ timeoutMs: 400 }))).rejects.toMatchObject({ code: 'VDT_FETCHER_TIMEOUT' });
  agent.stuck = false;
  await clock.advance(6_500);
  expect(told(hints)).toEqual(['poll', 'alive']);
});

// ---- One subscription for all --------------------------------------------------------------------------------

it('the hints of thousands of hosts come over one subscription, each to its host, until nobody reads', async () => {
  const { agent, broker, bus, clock, fetcher, poll } = await bench();
  const driver = agentDriver({ bus, clock });
  const counting = { count: 0 };
  const subscribe = bus.subscribe.bind(bus);
  bus.subscribe = (options) => {
    counting.count++;
    return subscribe(options);
  };
  const fetchers = Array.from({ length: 1_000 }, (_, at) => driver.open({ id: `h${at}`, url: `agent:h${at}` }));
  const heard: number[] = [];
  const readings = fetchers.map(async (each, at) => {
    for await (const hint of each.hints({ signal: new AbortController().signal }))
      if (hint.kind === 'poll') heard.push(at);
  });
  await clock.advance(1);
  expect(counting.count).toBe(1);
  const other = broker.connect({ name: 'others' });
  other.send(hintSubject('h17'), Buffer.from('{"boot":"b","rev":1,"stateRev":1,"prev":1}'));
  other.send(hintSubject('nobody'), Buffer.from('{"boot":"b","rev":1,"stateRev":1,"prev":1}'));
  await clock.advance(1);
  expect(heard).toEqual([17]);
  await Promise.all(fetchers.map((each) => each.close()));
  await Promise.all(readings);
  const { volatileDelivered } = bus.counters;
  await poll();
  agent.set('a', 'paused', documentsOf('a'));
  await clock.advance(1);
  expect(bus.counters.volatileDelivered, 'only the other driver subscribes still').toBe(volatileDelivered + 1);
  await fetcher.runtimeStats(LONG);
});

it('without a reader there is no subscription', async () => {
  const { broker, clock } = await bench();
  const bus = broker.connect({ name: 'another' });
  await using fetcher = agentDriver({ bus, clock }).open({ id: 'host', url: 'agent:host' });
  await fetcher.runtimeStats(LONG);
  broker.connect({ name: 'third' }).send(hintSubject('host'), Buffer.from('{}'));
  await clock.advance(1);
  expect(bus.counters.volatileDelivered).toBe(0);
});

it('a reader that comes back is not told what came while nobody read', async () => {
  const { agent, bus, clock, poll } = await bench();
  await using fetcher = agentDriver({ bus, clock }).open({ id: 'host', url: 'agent:host' });
  await fetcher.runtimeStats(LONG);
  const first = new AbortController();
  const unread = fetcher.hints({ signal: first.signal })[Symbol.asyncIterator]();
  await clock.advance(1);
  agent.heartBeat();
  await clock.advance(1);
  first.abort();
  expect(await unread.next()).toMatchObject({ done: true });
  const later = fetcher.hints({ signal: new AbortController().signal })[Symbol.asyncIterator]();
  await clock.advance(1);
  agent.set('a', 'paused');
  await clock.advance(1);
  expect((await later.next()).value).toMatchObject({ kind: 'rows', rows: [{ vm: 'a', state: 'paused' }] });
  await poll();
});
