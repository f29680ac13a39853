import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { RealClock } from '@vedette/runtime';
import { Metrics, silentLogger } from '@vedette/telemetry';
import { eventually } from '@vedette/testbed';
import { expect, test } from 'vitest';
import { createMetricsListener, type MetricsListener, parseListenAddress } from '../../src/exporter/index.ts';
import { SampleWorld, smallDevices } from './support.ts';

const signal = new AbortController().signal;

/** A listener on a free port over a world of samples; time-outs run on the world's clock. */
class Door implements AsyncDisposable {
  readonly world: SampleWorld;
  readonly listener: MetricsListener;
  readonly metrics = new Metrics();

  private constructor(world: SampleWorld, limits: { concurrent?: number }) {
    this.world = world;
    const { metrics } = this;
    const { clock, samples } = world;
    this.listener = createMetricsListener({
      ...{ listen: '127.0.0.1:0', clock, logger: silentLogger(), metrics, samples, limits },
    });
  }

  static async open(limits: { concurrent?: number } = {}): Promise<Door> {
    const door = new Door(await SampleWorld.start(), limits);
    await door.listener.start({ signal });
    return door;
  }

  get port(): number {
    return parseListenAddress(this.listener.address ?? '').port;
  }

  async get(path: string, { method = 'GET', accept = '*/*' } = {}) {
    const { promise, resolve, reject } = Promise.withResolvers<import('node:http').IncomingMessage>();
    const asked = request({ host: '127.0.0.1', port: this.port, path, method, headers: { accept }, agent: false });
    asked.on('response', resolve).on('error', reject).end();
    const response = await promise;
    const chunks = await Array.fromAsync(response as AsyncIterable<Buffer>);
    return { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() };
  }

  /** Asks for the metrics and reads nothing of the answer. */
  async dawdle(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1').on('error', () => undefined);
    socket.pause().write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'connect');
    return socket;
  }

  /** More than the buffers of a connection hold. */
  async fill(): Promise<void> {
    for (let host = 0; host < 20; host++) {
      const rows = Array.from({ length: 500 }, (_, at) => ({ vm: `v${host}-${at}`, devices: smallDevices }));
      await this.world.vms(`h${host}`, ...rows);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.stop({ deadlineMs: 0, signal: AbortSignal.abort() });
    await this.world[Symbol.asyncDispose]();
  }
}

test('GET /metrics gives the domains, then the process’s own, in the text format', async () => {
  await using door = await Door.open();
  await door.world.vms('h1', { vm: 'a', name: 'web' });
  const { status, headers, text } = await door.get('/metrics?x=1');
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const domain = text.indexOf('\nlibvirt_domain_info{domain="web",host="h1",uuid="a"} 1\n');
  expect(domain).toBeGreaterThan(0);
  expect(text.indexOf('\nvedette_exporter_vms 1\n')).toBeGreaterThan(domain);
  expect(text).toContain('\nvedette_exporter_messages_total 1\n');
});

test('OpenMetrics where it is asked for, with its end mark at the end and nowhere else', async () => {
  await using door = await Door.open();
  await door.world.vms('h1', { vm: 'a' });
  const { headers, text } = await door.get('/metrics', { accept: 'application/openmetrics-text;version=1.0.0' });
  expect(headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(text.indexOf('# EOF')).toBe(text.length - '# EOF\n'.length);
  expect(text).toContain('# TYPE vedette_exporter_messages counter\nvedette_exporter_messages_total 1\n');
  expect(text).toContain('# TYPE libvirt_domain_info gauge\n');
});

test('a scraper can ask for some groups: what changes every 15 s, or the devices, or the process itself', async () => {
  await using door = await Door.open();
  await door.world.vms('h1', { vm: 'a', devices: smallDevices });
  const has = async (query: string) => {
    const { status, text } = await door.get(`/metrics?${query}`, { accept: 'application/openmetrics-text' });
    const found = ['libvirt_up{', 'libvirt_domain_info{', 'target_device="vda"', 'vedette_exporter_vms'];
    return [status, text.endsWith('# EOF\n'), ...found.map((one) => text.includes(one))];
  };
  expect(await has('collect[]=hosts&collect%5B%5D=domains')).toEqual([200, true, true, true, false, false]);
  expect(await has('collect[]=devices')).toEqual([200, true, false, false, true, false]);
  expect(await has('collect[]=process')).toEqual([200, true, false, false, false, true]);
  expect((await has('collect[]=nothing'))[0]).toBe(400);
});

test('GET /healthz, and nothing else', async () => {
  await using door = await Door.open();
  expect(await door.get('/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
  for (const path of ['/', '/metrics/', '/v1/vms']) expect((await door.get(path)).status).toBe(404);
  expect(await door.get('/metrics', { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET' } });
});

test('F7: a reader that does not read delays nobody: others are served, and its place goes to whoever wants it', async () => {
  await using door = await Door.open({ concurrent: 2 });
  await door.fill();
  const slow = [await door.dawdle(), await door.dawdle()];
  const { scrapes } = door.listener;
  await eventually(() => expect(scrapes.underWay).toBe(2));
  await eventually(() => expect(scrapes.counters.bytes).toBeGreaterThan(0));
  expect((await door.get('/healthz')).status).toBe(200);
  await eventually(async () => {
    const before = scrapes.counters.bytes; // both are as far as they get
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(scrapes.counters.bytes).toBe(before);
  });
  expect((await door.get('/metrics')).status).toBe(503);
  const held = scrapes.counters.bytes;
  await door.world.clock.advance(1_000);
  const { status, text } = await door.get('/metrics');
  expect(status).toBe(200);
  expect(held).toBeLessThan(text.length); // what two readers left unread is in the kernel, and not whole pages
  expect(scrapes.counters).toMatchObject({ scrapesRefused: 1, scrapesCut: 1 });
  for (const socket of slow) socket.destroy();
});

test('a scrape that takes longer than its deadline is cut, and its page has no end', async () => {
  await using door = await Door.open();
  await door.fill();
  const slow = await door.dawdle();
  const { scrapes } = door.listener;
  await eventually(() => expect(scrapes.counters.bytes).toBeGreaterThan(0));
  await door.world.clock.advance(15_000);
  await eventually(() => expect(scrapes.underWay).toBe(0));
  expect(scrapes.counters.scrapesCut).toBe(1);
  const { promise, resolve } = Promise.withResolvers<string>();
  const read: Buffer[] = [];
  slow.on('data', (chunk: Buffer) => read.push(chunk)).on('close', () => resolve(Buffer.concat(read).toString()));
  slow.resume();
  expect((await promise).endsWith('0\r\n\r\n')).toBe(false);
});

test('a scraper that goes away in the middle costs its place no longer', async () => {
  await using door = await Door.open();
  await door.fill();
  const gone = await door.dawdle();
  await eventually(() => expect(door.listener.scrapes.underWay).toBe(1));
  gone.destroy();
  await eventually(() => expect(door.listener.scrapes.underWay).toBe(0));
  expect(door.listener.scrapes.counters.scrapesCut).toBe(0);
});

test('an address in use is one clear sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as import('node:net').AddressInfo;
  await using world = new SampleWorld();
  const listener = createMetricsListener({
    ...{ listen: `:${port}`, clock: new RealClock(), logger: silentLogger(), metrics: new Metrics() },
    samples: world.samples,
  });
  await expect(listener.start({ signal })).rejects.toMatchObject({
    code: 'VDT_API_METRICS_LISTEN',
    message: `metrics cannot be served at 127.0.0.1:${port}: another process listens there already`,
  });
  taken.close();
});

test('addresses: loopback unless a host is named, brackets around IPv6, nothing malformed', () => {
  expect(parseListenAddress(':9177')).toEqual({ host: '127.0.0.1', port: 9177 });
  expect(parseListenAddress('0.0.0.0:1')).toEqual({ host: '0.0.0.0', port: 1 });
  expect(parseListenAddress('[::1]:9177')).toEqual({ host: '::1', port: 9177 });
  for (const bad of ['', '9177', 'a:b', '::1:9177', 'host:99999', 'http://a:1', 'a b:1']) {
    expect(() => parseListenAddress(bad)).toThrow(/HOST:PORT/);
  }
});

test('stopped, it listens no more and its metrics are gone', async () => {
  const door = await Door.open();
  const { port } = door;
  await door[Symbol.asyncDispose]();
  expect(door.listener.address).toBeUndefined();
  expect(await door.metrics.render()).not.toContain('vedette_exporter');
  const refused = connect(port, '127.0.0.1');
  const [error] = await once(refused, 'error');
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
});
