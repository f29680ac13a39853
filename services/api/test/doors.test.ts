import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '../src/problems.ts';
import { type Reply, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

function expectProblem(reply: Reply, status: number, code: string): void {
  expect(reply.status, reply.text).toBe(status);
  expect(reply.headers['content-type']).toBe('application/problem+json');
  expect(Check(Problem, reply.json), reply.text).toBe(true);
  expect(reply.json).toMatchObject({ code, status });
}

describe('D1: a malformed request is refused whole, with the parameter at fault and our code', () => {
  test.each([
    ['/v1/vms?limit=0', '/limit'],
    ['/v1/vms?limit=1001', '/limit'],
    ['/v1/vms?limit=many', '/limit'],
    ['/v1/vms?limit=1&limit=2', '/limit'],
    ['/v1/vms?limit=1e2', '/limit'],
    ['/v1/vms?state=flying', '/state'],
    ['/v1/vms?state=', '/state'],
    ['/v1/vms?ip=10.0.0.0/33', '/ip'],
    ['/v1/vms?ip=localhost', '/ip'],
    ['/v1/vms?gone=perhaps', '/gone'],
    ['/v1/vms?fields=password', '/fields'],
    ['/v1/vms?nonsense=1', '/nonsense'],
    ['/v1/vms?__proto__=1', '/__proto__'],
    ['/v1/vms?constructor=1', '/constructor'],
    ['/v1/vms?realm=', '/realm'],
    ['/v1/vms?realm=a%00b', '/realm'],
    [`/v1/vms?host=${'x'.repeat(300)}`, '/host'],
    [`/v1/vms?host=${encodeURIComponent('ä'.repeat(40))}`, '/host'],
    ['/v1/vms/a?fields=name', '/fields'],
    ['/v1/hosts?state=running', '/state'],
    ['/v1/events?after=yesterday', '/after'],
    ['/v1/events?after=abc-99999999999999999', '/after'],
    ['/v1/events?name=Everything', '/name'],
    ['/v1/events?observers=true&realm=r1', '/realm'],
    ['/v1/events?vm=a%01', '/vm'],
  ])('%s', async (path, at) => {
    const reply = await world.get(path);
    expectProblem(reply, 400, 'VDT_API_BAD_REQUEST');
    expect(reply.json.path).toBe(at);
  });

  test('a cursor that the store did not give', async () => {
    const reply = await world.get('/v1/vms?cursor=made-up');
    expect(reply.status).toBe(400);
    expect(reply.json.code).toBe('VDT_STORE_CURSOR');
  });

  test.each([
    ['GET', '/v1/nothing'],
    ['GET', '/'],
    ['DELETE', '/v1/vms/a'],
    ['HEAD', '/v1/vms'],
    ['GET', '/V1/vms'],
    ['GET', '/v1/vms/'],
  ])('%s %s is no endpoint', async (method, path) => {
    const reply = await world.ask(method, path);
    expect(reply.status).toBe(path === '/v1/vms/' ? 400 : 404);
    if (method !== 'HEAD') expect(reply.json.code).toMatch(/^VDT_API_(NO_ENDPOINT|BAD_REQUEST)$/);
  });

  test.each([
    ['application/json', '{"__proto__": {"admin": true}}'],
    ['application/json', '['.repeat(100_000)],
    ['text/plain', 'hello'],
    ['application/x-www-form-urlencoded', 'a=b'],
  ])('a body of type %s, where none is taken', async (type, body) => {
    const reply = await world.ask('POST', '/v1/vms/a/forget', { 'content-type': type }, body);
    expectProblem(reply, 415, 'VDT_API_BODY');
  });

  test('what is no HTTP, or more than is read', async () => {
    expect(await world.raw('hello\r\n\r\n')).toContain('VDT_API_HTTP');
    expect(await world.raw(`GET /v1/vms?q=${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`)).toContain(
      'VDT_API_HTTP',
    );
  });

  test('any query at all is answered with records or with a problem of the client, and counted', async () => {
    const before = world.api.counters.failed;
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('__proto__', 'limit', 'state', 'q'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('vms', 'hosts', 'status', 'vms/a', 'vms/a/history', 'hosts/a'),
        fc.array(fc.tuple(text, text), { maxLength: 4 }),
        async (path, parameters) => {
          const query = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value]));
          const reply = await world.get(`/v1/${path}?${query.toString()}`);
          expect([200, 400, 404]).toContain(reply.status);
          if (reply.status !== 200) expect(Check(Problem, reply.json)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
    expect(world.api.counters.failed).toBe(before);
  });
});

describe('D2: identifiers in a path', () => {
  const odd = [
    'vm.with.dots',
    'star*',
    'a b',
    'größe',
    'per%cent',
    'slash/inside',
    '~',
    "quote'd",
    '@provider',
    '虚拟机',
  ];

  test.each(odd)('%s comes back as it is', async (id) => {
    await using own = await World.start();
    const observer = await own.host('h 1.x');
    await own.apply(observer.state(id, 'running'));
    const reply = await own.get(`/v1/vms/${encodeURIComponent(id)}`);
    expect(reply.json).toMatchObject({ id, host: 'h 1.x' });
    expect((await own.get(`/v1/vms/${encodeURIComponent(id)}/history`)).json.items.length).toBeGreaterThan(0);
    expect((await own.get('/v1/hosts/h%201.x')).json.vms).toBe(1);
  });

  test.each([
    ['300 bytes', 'x'.repeat(300)],
    ['a control character', '%07'],
    ['half a percent-encoding', '%E4'],
    ['a broken percent-encoding', '%zz'],
    ['4,000 bytes', 'x'.repeat(4_000)],
  ])('%s is refused', async (_what, id) => {
    const reply = await world.get(`/v1/vms/${id}`);
    expect([400, 404]).toContain(reply.status);
    expect(reply.json.code).toMatch(/^VDT_API_(BAD_REQUEST|NO_ENDPOINT)$/);
  });
});

test('an error of our own is a 500 that tells nothing of the inside, and is counted', async () => {
  await using broken = await World.start();
  broken.store.counts = () => Promise.reject(new Error('secret detail'));
  const reply = await broken.get('/v1/status');
  expectProblem(reply, 500, 'VDT_API_INTERNAL');
  expect(reply.text).not.toContain('secret');
  expect(broken.api.counters.failed).toBe(1);
});

test('requests and refusals are metrics, born at zero and gone with the API', async () => {
  const own = await World.start();
  expect(await own.metrics.render()).toContain('vedette_api_requests_total 0');
  await own.get('/v1/vms?limit=0');
  expect(await own.metrics.render()).toContain('vedette_api_requests_refused_total 1');
  await own[Symbol.asyncDispose]();
  expect(await own.metrics.render()).not.toContain('vedette_api_requests');
});
