import { VedetteError } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import type { HostControl } from '../src/index.ts';
import { operations } from '../src/operations.ts';
import { Problem } from '../src/problems.ts';
import { type Reply, World } from './world.ts';

/** Hosts in the store alone, as a process without a monitor would keep them. */
function inStore(store: Store): HostControl {
  return {
    add: async ({ url = '', address = '', group, id, name, realm = 'r1' }) => {
      if (group === 'nowhere') throw new VedetteError('VDT_API_HOST_INVALID', { message: 'there is no group nowhere' });
      const known = id ?? name ?? address;
      const before = await store.host(known);
      if (before?.state === 'up') throw new VedetteError('VDT_API_HOST_EXISTS');
      const registration = { id: known, name: name ?? known, realm, url: url === '' ? `test://${address}` : url };
      await store.registerHosts([{ ...registration, origin: 'person' }]);
      return { id: known, known: before !== undefined };
    },
    remove: (id, author) => store.removeHosts([id], author),
  };
}

const begin = (): Promise<World> => World.start({ hosts: inStore });

function expectProblem(reply: Reply, status: number, code: string): void {
  expect({ status: reply.status, code: reply.json?.code }, reply.text).toEqual({ status, code });
  expect(Check(Problem, reply.json)).toBe(true);
}

describe('POST /v1/hosts', () => {
  test('watches a host, by its URL or by an address and its group, and tells it as it is registered', async () => {
    await using world = await begin();
    const reply = await world.tell('POST', '/v1/hosts', { url: 'test://kvm9/system', name: 'kvm9', realm: 'lab' });
    expect(reply.status, reply.text).toBe(201);
    expect(Check(operations.addHost.reply.schema, reply.json)).toBe(true);
    expect(reply.json).toMatchObject({ id: 'kvm9', realm: 'lab', state: 'connecting', origin: 'person' });
    const grouped = await world.tell('POST', '/v1/hosts', { address: 'kvm10', group: 'lab' });
    expect(grouped.json).toMatchObject({ id: 'kvm10', url: 'test://kvm10' });
    expect((await world.tell('POST', '/v1/hosts', { address: 'kvm10', group: 'lab' })).status).toBe(200);
  });

  test.each([
    [{}, '/address'],
    [{ url: 'test://a', address: 'b' }, '/url'],
    [{ address: 'b' }, '/group'],
    [{ url: '' }, '/url'],
    [{ url: 'x'.repeat(2_049) }, '/url'],
    [{ url: 'test://a', id: 'a\u0000b' }, '/id'],
    [{ url: 'test://a', realm: 'ä'.repeat(40) }, '/realm'],
    [{ url: 'test://a', admin: true }, '/admin'],
    [{ url: 5 }, '/url'],
  ])('D1: %j is refused with the member at fault', async (body, path) => {
    await using world = await begin();
    const reply = await world.tell('POST', '/v1/hosts', body);
    expectProblem(reply, 400, 'VDT_API_BAD_REQUEST');
    expect(reply.json.path).toBe(path);
    expect((await world.store.hosts({}, { limit: 1 })).items).toEqual([]);
  });

  test.each([
    ['', 400, 'VDT_API_BAD_REQUEST'],
    ['{', 400, 'VDT_API_BAD_REQUEST'],
    ['"text"', 400, 'VDT_API_BAD_REQUEST'],
    ['[]', 400, 'VDT_API_BAD_REQUEST'],
    ['\u00ff\u0000', 400, 'VDT_API_BAD_REQUEST'],
    ['['.repeat(10_000), 400, 'VDT_API_BAD_REQUEST'],
    ['{"__proto__": {"url": "test://a"}}', 400, 'VDT_API_BAD_REQUEST'],
    ['{"url": "test://a", "constructor": 1}', 400, 'VDT_API_BAD_REQUEST'],
    [`{"url": "${'x'.repeat(17_000)}"}`, 415, 'VDT_API_BODY_TYPE'],
  ])('D1: the body %.40s is refused', async (body, status, code) => {
    await using world = await begin();
    expectProblem(await world.ask('POST', '/v1/hosts', { 'content-type': 'application/json' }, body), status, code);
    expect(world.api.counters.failed).toBe(0);
  });

  test('D1: a body of another type than JSON is refused', async () => {
    await using world = await begin();
    const text = await world.ask('POST', '/v1/hosts', { 'content-type': 'text/plain' }, '{"url":"test://a"}');
    expectProblem(text, 415, 'VDT_API_BODY_TYPE');
  });

  test('D1: any document at all is answered with a host or with a problem of the client', async () => {
    await using world = await begin();
    const members = { url: fc.anything(), address: fc.anything(), id: fc.anything(), realm: fc.string() };
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), fc.record(members, { requiredKeys: [] })), async (document) => {
        const reply = await world.tell('POST', '/v1/hosts', document);
        expect([200, 201, 400]).toContain(reply.status);
      }),
      { numRuns: 100 },
    );
    expect(world.api.counters.failed).toBe(0);
  });

  test('what cannot be watched is a 400, what is there under another URL a 409', async () => {
    await using world = await begin();
    await world.host('h1');
    const lost = await world.tell('POST', '/v1/hosts', { address: 'kvm1', group: 'nowhere' });
    expectProblem(lost, 400, 'VDT_API_HOST_INVALID');
    expect(lost.json.detail).toBe('there is no group nowhere');
    expectProblem(await world.tell('POST', '/v1/hosts', { url: 'test://b', id: 'h1' }), 409, 'VDT_API_HOST_EXISTS');
  });
});

describe('DELETE /v1/hosts/{id}', () => {
  test('N11: its VMs are unknown from then on, counted in the answer; the author stands in the record', async () => {
    await using world = await begin();
    const h1 = await world.host('h1');
    await world.apply(h1.state('v1', 'running'), h1.state('v2', 'stopped'));
    const reply = await world.ask('DELETE', '/v1/hosts/h1?author=anna');
    expect(reply).toMatchObject({ status: 200, json: { id: 'h1', name: 'name of h1', vms: 2 } });
    expect((await world.get('/v1/vms/v1')).json).toMatchObject({ state: 'unknown', lastState: 'running' });
    expect((await world.get('/v1/hosts/h1')).json).toMatchObject({ state: 'removed', reason: 'removed by anna' });
  });

  test('one that is not there, or not any more, is a 404', async () => {
    await using world = await begin();
    await world.host('h1');
    expectProblem(await world.ask('DELETE', '/v1/hosts/h9'), 404, 'VDT_API_NOT_FOUND');
    expect((await world.ask('DELETE', '/v1/hosts/h1')).status).toBe(200);
    const again = await world.ask('DELETE', '/v1/hosts/h1');
    expectProblem(again, 404, 'VDT_API_NOT_FOUND');
    expect(again.json.action).toContain('vedette hosts add');
  });

  test('nobody can remove a host in the name of the configuration', async () => {
    await using world = await begin();
    await world.host('h1');
    const reply = await world.ask('DELETE', '/v1/hosts/h1?author=configuration');
    expectProblem(reply, 400, 'VDT_API_BAD_REQUEST');
    expect((await world.get('/v1/hosts/h1')).json.state).toBe('up');
  });
});

describe('PUT /v1/hosts/{id}/mode', () => {
  test('a mode is shown, told to those who follow, and can be asked for', async () => {
    await using world = await begin();
    await world.host('h1');
    await world.host('h2');
    await world.relay();
    const reply = await world.tell('PUT', '/v1/hosts/h1/mode', { mode: 'maintenance' });
    expect(reply).toMatchObject({ status: 200, json: { id: 'h1', state: 'up', mode: 'maintenance' } });
    const [event] = await world.store.outbox(10);
    expect(JSON.parse(event?.json ?? '{}').data).toMatchObject({ host: 'h1', mode: 'maintenance' });
    expect((await world.get('/v1/hosts?mode=maintenance')).json.items).toHaveLength(1);
    expect((await world.get('/v1/hosts?mode=active')).json.items).toMatchObject([{ id: 'h2' }]);
  });

  test.each([[{ mode: 'asleep' }], [{}], [{ mode: 'active', until: 'tomorrow' }]])(
    'D1: %j is refused',
    async (body) => {
      await using world = await begin();
      await world.host('h1');
      expectProblem(await world.tell('PUT', '/v1/hosts/h1/mode', body), 400, 'VDT_API_BAD_REQUEST');
    },
  );

  test('a host that is unknown, or was removed, has no mode to set', async () => {
    await using world = await begin();
    await world.host('h1');
    await world.store.removeHosts(['h1'], 'anna');
    for (const id of ['h1', 'h9']) {
      expectProblem(await world.tell('PUT', `/v1/hosts/${id}/mode`, { mode: 'active' }), 404, 'VDT_API_NOT_FOUND');
    }
  });
});

test('a process whose hosts are fixed says so', async () => {
  await using world = await World.start();
  await world.host('h1');
  expectProblem(await world.tell('POST', '/v1/hosts', { url: 'test://a', id: 'a' }), 409, 'VDT_API_HOSTS_FIXED');
  expectProblem(await world.ask('DELETE', '/v1/hosts/h1'), 409, 'VDT_API_HOSTS_FIXED');
  expect((await world.tell('PUT', '/v1/hosts/h1/mode', { mode: 'draining' })).status).toBe(200);
});
