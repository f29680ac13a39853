/** Listings over the bus: deltas, what proves them, and what comes late. */
import { writeDocument } from '@vedette/fetcher/agent-protocol';
import { expect, it } from 'vitest';
import { bench, documentsOf, LONG, told } from './support/bench.ts';

it('a delta has what was recorded since, with hashes only where they changed', async () => {
  const { agent, poll } = await bench();
  const first = await poll();
  expect(first.complete).toBe(true);
  agent.measure('a', 0.7);
  agent.set('b', 'running', { guest: { ...documentsOf('b').guest, hostname: 'renamed' } });
  agent.measure('b', 0.2);
  const delta = await poll(first);
  expect(delta).toMatchObject({ complete: false, agrees: true, left: [], rev: agent.rev });
  expect(delta.rows.map(({ vm, hashes, cpuUser }) => [vm, Object.keys(hashes), cpuUser])).toEqual([
    ['a', [], 0.7],
    ['b', ['guest'], 0.2],
  ]);
  expect(await poll(delta)).toMatchObject({ complete: false, rows: [], agrees: true });
});

it('I2: one that left is told once the checksum agrees', async () => {
  const { agent, poll } = await bench();
  const first = await poll();
  agent.remove('b');
  const delta = await poll(first);
  expect(delta).toMatchObject({ complete: false, agrees: true, left: ['b'] });
});

it('what was missed shows in the checksum, once, and the next poll lists all', async () => {
  const { agent, poll } = await bench();
  const first = await poll();
  agent.answers.getAllRuntimeStats = () =>
    writeDocument({ ...agent.head(), complete: false, rows: [], left: [], checksum: 'ffffffffffffffff' });
  const wrong = await poll(first);
  expect(wrong).toMatchObject({ complete: false, agrees: false });
  delete agent.answers.getAllRuntimeStats;
  const whole = await poll(wrong);
  expect(whole).toMatchObject({ complete: true, agrees: true });
  expect(await poll(whole)).toMatchObject({ complete: false, agrees: true });
});

it('an agent whose table is not what it told before is believed again after one complete listing', async () => {
  const { agent, poll } = await bench();
  const first = await poll();
  agent.rev = 2; // the same boot, and revisions that go back: a fault that no agent may have
  agent.set('a', 'paused');
  const wrong = await poll(first);
  const whole = wrong.complete ? wrong : await poll();
  expect(await poll(whole)).toMatchObject({ complete: false, agrees: true });
});

it('a since of which this side knows nothing is answered completely', async () => {
  const { agent, poll } = await bench();
  expect(await poll({ boot: agent.boot, rev: agent.rev })).toMatchObject({ complete: true });
});

it('S8: a reply that a hint has overtaken takes nothing back, and is asked for again', async () => {
  const { agent, clock, fetcher, hints, poll, settle } = await bench();
  const first = await poll();
  agent.remove('b');
  agent.measure('a', 0.5);
  agent.answers.getAllRuntimeStats = async () => {
    delete agent.answers.getAllRuntimeStats;
    const rows = [['a', agent.rev, 'running', 'booted']];
    const late = writeDocument({ ...agent.head(), complete: false, rows, left: ['b'], checksum: agent.checksum() });
    agent.set('a', 'paused');
    agent.set('b', 'paused', documentsOf('b'));
    await clock.sleep(50);
    return late;
  };
  const pending = fetcher.runtimeStats({ ...LONG, since: first });
  const delta = await settle(pending);
  expect(told(hints)).toContain('a paused');
  expect(delta).toMatchObject({ agrees: true, left: [] });
  expect(delta.rows.map(({ vm, state }) => `${vm} ${state}`)).toEqual(['a paused', 'b paused']);
});

it('S8: what never stops overtaking is no proof', async () => {
  const { agent, poll } = await bench();
  const first = await poll();
  agent.answers.getAllRuntimeStats = () => {
    const late = writeDocument({ ...agent.head(), complete: false, rows: [], left: ['a'], checksum: agent.checksum() });
    agent.set('a', agent.states().get('a') === 'paused' ? 'running' : 'paused');
    return late;
  };
  expect(await poll(first)).toMatchObject({ agrees: false, left: [] });
});

it('I2: one that cannot be read is neither present nor absent, in complete replies and in deltas', async () => {
  const { agent, poll } = await bench();
  agent.unreadable('b', true);
  const first = await poll();
  expect(first).toMatchObject({ complete: true, unreadable: ['b'] });
  expect(first.rows.map(({ vm }) => vm)).toEqual(['a', 'c']);
  agent.unreadable('b', false);
  const back = await poll(first);
  expect(back).toMatchObject({ complete: false, agrees: true, unreadable: [] });
  expect(back.rows.map(({ vm }) => vm)).toEqual(['b']);
  agent.unreadable('c', true);
  expect(await poll(back)).toMatchObject({ complete: false, agrees: true, unreadable: ['c'], left: [] });
});

it('S9: a new run is listed completely, with its boot', async () => {
  const { agent, poll } = await bench();
  const first = await poll();
  agent.restart();
  const again = await poll(first);
  expect(again).toMatchObject({ complete: true, boot: 'boot-2' });
  expect(again.rows.map(({ vm, hashes }) => [vm, hashes])).toEqual(first.rows.map(({ vm, hashes }) => [vm, hashes]));
});

it('S11: pages are one listing, taken up from where the first page was', async () => {
  const { agent, clock, fetcher, poll, settle } = await bench();
  for (let vm = 10; vm < 40; vm++) agent.set(`vm-${vm}`, 'running', documentsOf(`vm-${vm}`));
  agent.maxBytes = 2_000;
  const pending = fetcher.runtimeStats(LONG);
  await clock.advance(0);
  const whole = await settle(pending);
  expect(whole.rows).toHaveLength(33);
  expect(agent.asked.filter((verb) => verb === 'getAllRuntimeStats').length).toBeGreaterThan(3);
  agent.set('vm-12', 'paused');
  expect(await poll(whole)).toMatchObject({ complete: false, agrees: true, rows: [{ vm: 'vm-12' }] });
});

it('S11: what changes between two pages is in the next delta', async () => {
  const { agent, poll } = await bench();
  for (let vm = 10; vm < 20; vm++) agent.set(`vm-${vm}`, 'running', documentsOf(`vm-${vm}`));
  agent.maxBytes = 1_800;
  const onTheWay = agent.onTheWay;
  agent.onTheWay = () => []; // by listings alone
  let pages = 0;
  agent.answers.getAllRuntimeStats = (request) => {
    pages++;
    delete agent.answers.getAllRuntimeStats;
    const page = agent.answer(request);
    agent.remove('a');
    agent.set('b', 'paused');
    return page;
  };
  const whole = await poll();
  agent.onTheWay = onTheWay;
  expect(pages).toBe(1);
  const delta = await poll(whole);
  expect(delta).toMatchObject({ complete: false, agrees: true, left: ['a'] });
  expect(delta.rows.map(({ vm, state }) => `${vm} ${state}`)).toEqual(['b paused']);
});

it('S11: an agent that restarts between two pages has listed nothing', async () => {
  const { agent, fetcher, settle } = await bench();
  agent.maxBytes = 700;
  agent.answers.getAllRuntimeStats = (request) => {
    delete agent.answers.getAllRuntimeStats;
    const page = agent.answer(request);
    agent.restart();
    return page;
  };
  await expect(settle(fetcher.runtimeStats(LONG))).rejects.toMatchObject({
    code: 'VDT_FETCHER_PARTIAL',
    retryable: true,
  });
});

it('S11: pages that do not end are given up', async () => {
  const { agent, fetcher, settle } = await bench();
  agent.answers.getAllRuntimeStats = () =>
    writeDocument({
      ...agent.head(),
      ...{ complete: true, protocol: 1, fields: ['vmId', 'rev', 'status', 'reason'] },
      ...{ rows: [['a', 1, 'running', '']], checksum: agent.checksum(), next: 'a' },
    });
  await expect(settle(fetcher.runtimeStats(LONG))).rejects.toMatchObject({ code: 'VDT_FETCHER_PARTIAL' });
});

it('I2: a delta of another host changes nothing here, and is no proof', async () => {
  const { agent, poll } = await bench();
  const first = await poll();
  const own = agent.hostUuid;
  agent.hostUuid = 'somebody-else';
  agent.set('a', 'paused');
  expect(await poll(first)).toMatchObject({ hostUuid: 'somebody-else', agrees: false });
  agent.hostUuid = own;
  expect(await poll(first)).toMatchObject({ complete: false, agrees: true, rows: [{ vm: 'a' }] });
});

it('N1: a bad reply is refused whole, with its place, and the next good one counts', async () => {
  const { agent, fetcher, poll, settle } = await bench();
  const first = await poll();
  agent.set('a', 'paused');
  agent.answers.getAllRuntimeStats = () =>
    writeDocument({
      ...agent.head(),
      ...{ complete: false, left: [], checksum: agent.checksum() },
      rows: [
        ['a', agent.rev, 'paused', ''],
        ['b', 'x', 'running', ''],
      ],
    });
  await expect(settle(fetcher.runtimeStats({ ...LONG, since: first }))).rejects.toMatchObject({
    code: 'VDT_FETCHER_MALFORMED',
    path: '/rows/1/1',
  });
  delete agent.answers.getAllRuntimeStats;
  expect(await poll(first)).toMatchObject({ complete: false, agrees: true, rows: [{ vm: 'a', state: 'paused' }] });
});
