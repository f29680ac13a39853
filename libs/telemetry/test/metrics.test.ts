import { describe, expect, it } from 'vitest';
import {
  definedMetrics,
  defineMetrics,
  exposeCounters,
  latencyBuckets,
  type MetricDefinition,
  Metrics,
  sizeBuckets,
} from '../src/index.ts';

const test = defineMetrics({
  polls: {
    type: 'counter',
    name: 'vedette_test_polls_total',
    help: 'Polls by their outcome and kind.',
    labels: { outcome: ['ok', 'failed'], kind: ['full', 'delta'] },
  },
  hosts: { type: 'gauge', name: 'vedette_test_hosts', help: 'Hosts that are watched now.' },
  dropped: {
    type: 'counter',
    name: 'vedette_test_dropped_total',
    help: 'Items that a queue gave up.',
    labels: { queue: 'owner', reason: ['full', 'closed'] },
  },
  depth: { type: 'gauge', name: 'vedette_test_depth', help: 'Items in a queue.', labels: { queue: 'owner' } },
  latency: {
    type: 'histogram',
    name: 'vedette_test_latency_seconds',
    help: 'Time from the change to the event.',
    buckets: [0.1, 1],
  },
});

/** The lines of the metrics named, without comments. */
async function linesOf(metrics: Metrics, prefix = 'vedette_test'): Promise<string[]> {
  const text = await metrics.render();
  return text.split('\n').filter((line) => line.startsWith(prefix));
}

describe('Metrics', () => {
  it('T1: shows every declared series at zero from its declaration on', async () => {
    const metrics = new Metrics();
    metrics.counter(test.polls);
    metrics.gauge(test.hosts);
    metrics.histogram(test.latency);
    expect(await linesOf(metrics)).toEqual([
      'vedette_test_polls_total{outcome="ok",kind="full"} 0',
      'vedette_test_polls_total{outcome="ok",kind="delta"} 0',
      'vedette_test_polls_total{outcome="failed",kind="full"} 0',
      'vedette_test_polls_total{outcome="failed",kind="delta"} 0',
      'vedette_test_hosts 0',
      'vedette_test_latency_seconds_bucket{le="0.1"} 0',
      'vedette_test_latency_seconds_bucket{le="1"} 0',
      'vedette_test_latency_seconds_bucket{le="+Inf"} 0',
      'vedette_test_latency_seconds_sum 0',
      'vedette_test_latency_seconds_count 0',
    ]);
  });

  it('counts through handles that were resolved once', async () => {
    const metrics = new Metrics();
    const failed = metrics.counter(test.polls).with({ kind: 'delta', outcome: 'failed' });
    const hosts = metrics.gauge(test.hosts);
    failed.inc();
    failed.inc(2);
    hosts.set(10);
    hosts.add(-3);
    expect(await linesOf(metrics)).toContain('vedette_test_polls_total{outcome="failed",kind="delta"} 3');
    expect(await linesOf(metrics)).toContain('vedette_test_hosts 7');
    expect([failed.value, hosts.value]).toEqual([3, 7]);
  });

  it('renders OpenMetrics beside the text format: counters without their suffix, and an end mark', async () => {
    const metrics = new Metrics();
    const scope = metrics.scope({ queue: 'q' });
    metrics.histogram(test.latency).observe(0.5);
    scope.counter(test.dropped).with({ reason: 'full' }).inc(2);
    const before = await metrics.render();
    const text = await metrics.render('openmetrics');
    expect(text.split('\n').filter((line) => /latency|dropped|^$|EOF/.test(line) && !line.includes('HELP'))).toEqual([
      '# TYPE vedette_test_latency_seconds histogram',
      'vedette_test_latency_seconds_bucket{le="0.1"} 0',
      'vedette_test_latency_seconds_bucket{le="1"} 1',
      'vedette_test_latency_seconds_bucket{le="+Inf"} 1',
      'vedette_test_latency_seconds_sum 0.5',
      'vedette_test_latency_seconds_count 1',
      '# TYPE vedette_test_dropped counter',
      'vedette_test_dropped_total{queue="q",reason="full"} 2',
      'vedette_test_dropped_total{queue="q",reason="closed"} 0',
      '# EOF',
      '',
    ]);
    expect(await metrics.render()).toBe(before); // one format does not change what the other calls a metric
    scope.close();
    expect(await metrics.render('openmetrics')).not.toContain('dropped');
  });

  it('sorts observations into buckets by their upper bounds', async () => {
    const metrics = new Metrics();
    const latency = metrics.histogram(test.latency);
    for (const seconds of [0.05, 0.1, 0.5, 30]) latency.observe(seconds);
    expect(await linesOf(metrics)).toEqual([
      'vedette_test_latency_seconds_bucket{le="0.1"} 2',
      'vedette_test_latency_seconds_bucket{le="1"} 3',
      'vedette_test_latency_seconds_bucket{le="+Inf"} 4',
      'vedette_test_latency_seconds_sum 30.65',
      'vedette_test_latency_seconds_count 4',
    ]);
    expect([latency.count, latency.sum]).toEqual([4, 30.65]);
  });

  it('refuses numbers that would spoil a series', () => {
    const metrics = new Metrics();
    const polls = metrics.counter(test.polls).with({ kind: 'full', outcome: 'ok' });
    const latency = metrics.histogram(test.latency);
    expect(() => polls.inc(-1)).toThrow(RangeError);
    expect(() => polls.inc(Number.NaN)).toThrow(RangeError);
    expect(() => latency.observe(Number.NaN)).toThrow(RangeError);
    expect([polls.value, latency.count]).toEqual([0, 0]);
  });

  it('T2: shows the series of an owner while it lives, and removes them with it', async () => {
    const metrics = new Metrics();
    const outbox = metrics.scope({ queue: 'outbox' });
    const inbox = metrics.scope({ queue: 'inbox' });
    for (const owner of [outbox, inbox]) owner.counter(test.dropped);
    outbox.gauge(test.depth);
    outbox.close();
    outbox.close();
    expect(await linesOf(metrics)).toEqual([
      'vedette_test_dropped_total{queue="inbox",reason="full"} 0',
      'vedette_test_dropped_total{queue="inbox",reason="closed"} 0',
    ]);
    expect(await metrics.render()).not.toContain('vedette_test_depth');
    expect(() => outbox.gauge(test.depth)).toThrow('closed with their owner');
    expect(() => outbox.scope()).toThrow('closed with their owner');
  });

  it('T2: removes the series of scopes within a scope, and lets the next owner of the name begin at zero', async () => {
    const metrics = new Metrics();
    {
      using part = metrics.scope({ queue: 'outbox' });
      part.scope().counter(test.dropped).with({ reason: 'full' }).inc(5);
      expect(await linesOf(metrics)).toContain('vedette_test_dropped_total{queue="outbox",reason="full"} 5');
    }
    expect(await linesOf(metrics)).toEqual([]);
    metrics.scope({ queue: 'outbox' }).counter(test.dropped);
    expect(await linesOf(metrics)).toContain('vedette_test_dropped_total{queue="outbox",reason="full"} 0');
  });

  it('T3: refuses a series that a living owner has', () => {
    const metrics = new Metrics();
    metrics.scope({ queue: 'outbox' }).gauge(test.depth);
    expect(() => metrics.scope({ queue: 'outbox' }).gauge(test.depth)).toThrow('has a living series');
    expect(() => metrics.scope({ queue: 'other' }).gauge(test.depth)).not.toThrow();
  });

  it('keeps the metrics of two processes apart', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    one.gauge(test.hosts).set(1);
    other.gauge(test.hosts).set(2);
    expect([await linesOf(one), await linesOf(other)]).toEqual([['vedette_test_hosts 1'], ['vedette_test_hosts 2']]);
  });

  it('reads values from where they are kept, at every rendering; one that fails costs its own series only', async () => {
    const metrics = new Metrics();
    const queue = { size: 3, dropped: 1 };
    const owner = metrics.scope({ queue: 'outbox' });
    owner.gauge(test.depth).readFrom(() => queue.size);
    owner
      .counter(test.dropped)
      .with({ reason: 'full' })
      .readFrom(() => queue.dropped);
    metrics.gauge(test.hosts).readFrom(() => {
      throw new Error('gone');
    });
    queue.size = 4;
    expect(await linesOf(metrics)).toEqual([
      'vedette_test_depth{queue="outbox"} 4',
      'vedette_test_dropped_total{queue="outbox",reason="full"} 1',
      'vedette_test_dropped_total{queue="outbox",reason="closed"} 0',
    ]);
    expect(await linesOf(metrics, 'vedette_metrics')).toEqual(['vedette_metrics_read_errors_total 1']);
  });

  it('escapes what owners are called', async () => {
    const metrics = new Metrics();
    metrics.scope({ queue: 'a"b\\c\nd' }).gauge(test.depth);
    expect(await linesOf(metrics)).toEqual(['vedette_test_depth{queue="a\\"b\\\\c\\nd"} 0']);
  });

  it('renders the Prometheus text format with help and type', async () => {
    const metrics = new Metrics();
    metrics.gauge(test.hosts);
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await metrics.render()).toContain(
      '# HELP vedette_test_hosts Hosts that are watched now.\n# TYPE vedette_test_hosts gauge\nvedette_test_hosts 0',
    );
  });

  it('refuses what was not declared, what lacks its owner, and labels that do not exist', () => {
    const metrics = new Metrics();
    const copy = { ...test.hosts };
    expect(() => metrics.gauge(copy)).toThrow('is not declared: use defineMetrics');
    expect(() => metrics.gauge(test.depth)).toThrow('needs an owner with the label queue');
    // @ts-expect-error -- no such outcome is declared
    expect(() => metrics.counter(test.polls).with({ outcome: 'lost', kind: 'full' })).toThrow('has no series');
  });
});

describe('defineMetrics', () => {
  const gauge = { type: 'gauge', name: 'vedette_test_x', help: 'Something or other.' } as const;
  const histogram = { ...gauge, type: 'histogram', name: 'vedette_test_x_seconds', buckets: [1] } as const;
  const many = Array.from({ length: 20 }, (_, at) => `v${at}`);

  it.each<[string, MetricDefinition, string]>([
    ['another prefix', { ...gauge, name: 'fleet_test_x' }, 'is not named'],
    ['no part', { ...gauge, name: 'vedette_x' }, 'is not named'],
    ['capitals', { ...gauge, name: 'vedette_test_X' }, 'is not named'],
    ['milliseconds', { ...gauge, name: 'vedette_test_x_ms' }, 'is not in a base unit'],
    ['megabytes', { ...gauge, type: 'counter', name: 'vedette_test_x_mib_total' }, 'is not in a base unit'],
    ['a counter without _total', { ...gauge, type: 'counter' }, 'does not end in _total'],
    ['a gauge with _total', { ...gauge, name: 'vedette_test_x_total' }, 'a suffix with a meaning'],
    ['a histogram with _count', { ...histogram, name: 'vedette_test_x_count' }, 'a suffix with a meaning'],
    ['a histogram without a unit', { ...histogram, name: 'vedette_test_x' }, 'the unit of its values'],
    ['no help', { ...gauge, help: '' }, 'has no help text'],
    ['no bucket', { ...histogram, buckets: [] }, 'buckets that do not grow'],
    ['buckets that shrink', { ...histogram, buckets: [2, 1] }, 'buckets that do not grow'],
    ['a label with a dash', { ...gauge, labels: { 'a-b': ['x'] } }, 'cannot have the label a-b'],
    ['the label le', { ...gauge, labels: { le: ['x'] } }, 'cannot have the label le'],
    ['a label without values', { ...gauge, labels: { a: [] } }, 'has no value for the label a'],
    ['a value twice', { ...gauge, labels: { a: ['x', 'x'] } }, 'has a value of the label a twice'],
    ['too many series', { ...gauge, labels: { a: many, b: many } }, 'would have 400 series'],
    ['a name that is taken', { ...test.hosts }, 'is defined twice'],
  ])('refuses %s', (_title, definition, message) => {
    expect(() => defineMetrics({ definition })).toThrow(message);
  });

  it('lists what was declared, sorted by name, for the documentation', () => {
    const names = definedMetrics().map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining(['vedette_metrics_read_errors_total', 'vedette_test_polls_total']));
    expect(definedMetrics().find(({ name }) => name === 'vedette_test_polls_total')).toBe(test.polls);
  });

  it('accepts the ready-made buckets', () => {
    const histograms = defineMetrics({
      ready: { ...histogram, name: 'vedette_test_ready_seconds', buckets: latencyBuckets },
      size: { ...histogram, name: 'vedette_test_size_bytes', buckets: sizeBuckets },
    });
    expect(() => new Metrics().histogram(histograms.size)).not.toThrow();
  });
});

describe('plain counters shown as metrics', () => {
  const own = defineMetrics({
    jobs: { type: 'counter', name: 'vedette_test_jobs_total', help: 'Jobs done.' },
    faults: { type: 'counter', name: 'vedette_test_faults_total', help: 'Jobs that failed.' },
  });

  it('are born at zero, read when scraped, and go with their owner', async () => {
    const metrics = new Metrics();
    const counters = { jobs: 0, faults: 0 };
    const scope = exposeCounters(metrics, own, counters);
    expect(await metrics.render()).toContain('vedette_test_faults_total 0');
    counters.jobs += 3;
    expect(await metrics.render()).toContain('vedette_test_jobs_total 3');
    scope.close();
    expect(await metrics.render()).not.toContain('vedette_test_jobs_total 3');
  });
});
