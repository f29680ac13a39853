import { describe, expect, it } from 'vitest';
import { Scene } from './scene.ts';

describe('a source that cannot be read', () => {
  it('I2: is told as its own error, never as an empty or former listing, and heart-beats stop until it is read', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' });
    const agents = await scene.serve();
    await scene.listen();
    await using monitor = scene.monitor();
    await scene.poll(monitor);
    scene.host.failure = 'VDT_FETCHER_REFUSED';
    expect(await scene.failure(monitor.runtimeStats({ timeoutMs: 10_000 }))).toMatchObject({
      code: 'VDT_FETCHER_REFUSED',
      retryable: true,
    });
    scene.heard.length = 0;
    await scene.clock.advance(30_000);
    expect(scene.heard, 'a heart-beat would say that the host is read').toEqual([]);
    expect(agents.figures()).toMatchObject({ unreadable: 1 });
    const hints = scene.hintsOf(monitor);
    scene.host.failure = undefined;
    await scene.clock.advance(3_000);
    expect(scene.heard.length).toBeGreaterThan(0);
    expect(hints, 'whoever was told of the outage asks at once').toContainEqual({
      kind: 'poll',
      reason: expect.any(String),
    });
    expect((await scene.poll(monitor)).rows).toHaveLength(1);
  });

  it('I2: one that does not answer is waited for no longer than it may take, and proves nothing meanwhile', async () => {
    await using scene = new Scene();
    await scene.serve();
    await scene.clock.advance(3_000);
    await scene.listen();
    scene.host.held = new Promise(() => undefined);
    await using monitor = scene.monitor();
    const failure = await scene.failure(monitor.runtimeStats({ timeoutMs: 10_000 }));
    expect(failure).toMatchObject({ code: 'VDT_FETCHER_TIMEOUT' });
    expect(scene.heard).toEqual([]);
    scene.host.held = undefined;
    await scene.poll(monitor);
  });

  it('I2: a listing that is not the whole proves nothing, and its rows are not told as one', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' });
    scene.host.partial = true;
    await scene.serve();
    await using monitor = scene.monitor();
    const failure = await scene.failure(monitor.runtimeStats({ timeoutMs: 10_000 }));
    expect(failure).toMatchObject({ code: 'VDT_FETCHER_PARTIAL' });
  });

  it('I2: VMs that cannot be read are neither there nor gone', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' }).set('vm-2', { state: 'running' });
    await scene.serve();
    await using monitor = scene.monitor();
    const before = await scene.poll(monitor);
    scene.host.unreadable = ['vm-2', 'vm-3'];
    const during = await scene.poll(monitor, before);
    expect(during).toMatchObject({ complete: false, agrees: true, left: [], unreadable: ['vm-2', 'vm-3'] });
    scene.host.unreadable = [];
    const after = await scene.poll(monitor, during);
    expect(after).toMatchObject({ complete: false, agrees: true, left: [], unreadable: [] });
    expect(after.rows.map(({ vm }) => vm)).toEqual(['vm-2']);
  });
});

describe('a poll', () => {
  it('is answered by a reading that began after it came, which all who wait share', async () => {
    await using scene = new Scene();
    await scene.serve();
    await scene.clock.advance(1);
    const before = scene.host.calls.runtimeStats;
    const held = Promise.withResolvers<void>();
    scene.host.held = held.promise;
    const monitors = [scene.monitor(), scene.monitor(), scene.monitor()];
    const polls = monitors.map((monitor) => monitor.runtimeStats({ timeoutMs: 10_000 }));
    await scene.clock.advance(1);
    expect(scene.host.calls.runtimeStats - before, 'the first is under way').toBe(1);
    scene.host.vms.set('vm-1', { state: 'running' });
    scene.host.held = undefined;
    held.resolve();
    const listings = await scene.settle(Promise.all(polls));
    expect(scene.host.calls.runtimeStats - before, 'the others share the second').toBe(2);
    expect(listings.map(({ rows }) => rows.length)).toEqual([1, 1, 1]);
    for (const monitor of monitors) await monitor.close();
  });

  it('is answered from the table where that is young enough, without another reading', async () => {
    await using scene = new Scene();
    await scene.serve({ config: { maxAgeMs: 3_500, readForHeartBeats: false } });
    await using monitor = scene.monitor();
    const first = await scene.poll(monitor);
    const { runtimeStats } = scene.host.calls;
    await scene.clock.advance(3_000);
    await scene.poll(monitor, first);
    expect(scene.host.calls.runtimeStats).toBe(runtimeStats);
    await scene.clock.advance(3_000);
    await scene.poll(monitor, first);
    expect(scene.host.calls.runtimeStats).toBe(runtimeStats + 1);
  });

  it('of which too many are under way is refused at once, retryable', async () => {
    await using scene = new Scene();
    await scene.serve({ config: { maxRequestsPerHost: 2 } });
    await scene.clock.advance(1);
    scene.host.held = new Promise(() => undefined);
    await using monitor = scene.monitor();
    const polls = Array.from({ length: 3 }, () => scene.failure(monitor.runtimeStats({ timeoutMs: 1_000 })));
    const failures = await Promise.all(polls);
    expect(failures.map((failure) => (failure as { code: string }).code).toSorted()).toEqual([
      'VDT_FETCHER_FAILED',
      'VDT_FETCHER_TIMEOUT',
      'VDT_FETCHER_TIMEOUT',
    ]);
    scene.host.held = undefined;
  });
});

describe('the run of an agent', () => {
  it('S9: a source that connects anew with the same content (libvirtd restarted) is the same run, and nothing is told', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' });
    await scene.serve();
    await scene.listen();
    await using monitor = scene.monitor();
    const before = await scene.poll(monitor);
    scene.host.failure = 'VDT_FETCHER_RESET';
    await scene.failure(monitor.runtimeStats({ timeoutMs: 1_000 }));
    scene.host.failure = undefined;
    scene.host.boot = 'connection-2';
    const after = await scene.poll(monitor, before);
    expect(after).toMatchObject({ boot: before.boot, complete: false, agrees: true, rows: [], left: [] });
    expect(scene.heard.every(({ rows }) => rows.length === 0)).toBe(true);
  });

  it('S9: the agent restarts: a new boot, a full listing, the same content; the next heart-beat has it asked for', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' }).set('vm-2', { state: 'stopped' });
    const first = await scene.serve();
    await using monitor = scene.monitor();
    const hints = scene.hintsOf(monitor);
    const before = await scene.poll(monitor);
    await scene.stop(first);
    await scene.serve();
    await scene.clock.advance(3_000);
    expect(hints).toContainEqual({ kind: 'poll', reason: 'the agent has restarted' });
    const after = await scene.poll(monitor, before);
    expect(after.boot).not.toBe(before.boot);
    expect(after).toMatchObject({ complete: true, agrees: true });
    const saying = (rows: typeof after.rows): unknown => rows.map((row) => ({ ...row, rev: 0 }));
    expect(saying(after.rows)).toEqual(saying(before.rows));
  });

  it('N1: another host behind the same address is told as another, with none of the former VMs', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' });
    await scene.serve();
    await using monitor = scene.monitor();
    const before = await scene.poll(monitor);
    scene.host.hostUuid = 'uuid-2';
    scene.host.vms.clear();
    const other = await scene.poll(monitor, before);
    expect(other).toMatchObject({ hostUuid: 'uuid-2', complete: true, rows: [] });
    expect(other.boot).not.toBe(before.boot);
    scene.host.hostUuid = 'uuid-1';
    expect((await scene.poll(monitor, before)).boot, 'the same again, under its name').toBe(before.boot);
  });

  it('N1: another boot of a source is another run only where that was said', async () => {
    await using scene = new Scene();
    await scene.serve({ followBoot: true });
    await using monitor = scene.monitor();
    const before = await scene.poll(monitor);
    scene.host.boot = 'boot-2';
    const after = await scene.poll(monitor, before);
    expect(after.complete).toBe(true);
    expect(after.boot).not.toBe(before.boot);
  });

  it('N1: of two agents on one address one answers, and what the other tells leads to polls, never to rows', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' });
    await scene.serve();
    await scene.serve();
    await using monitor = scene.monitor();
    const hints = scene.hintsOf(monitor);
    await scene.listen();
    const before = await scene.poll(monitor);
    await scene.clock.advance(3_000);
    expect(new Set(scene.heard.map(({ boot }) => boot)).size).toBe(2);
    expect(hints).toContainEqual({ kind: 'poll', reason: 'the agent has restarted' });
    const after = await scene.poll(monitor, before);
    expect(after.boot).toBe(before.boot);
    expect(hints.filter(({ kind }) => kind === 'rows')).toEqual([]);
  });

  it('N1: two hosts that answer in turn behind one agent show as two boots in turn', async () => {
    await using scene = new Scene();
    await scene.serve();
    await using monitor = scene.monitor();
    const boots: string[] = [];
    for (let polls = 0; polls < 6; polls++) {
      scene.host.hostUuid = `uuid-${polls % 2}`;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      boots.push((await scene.poll(monitor)).boot);
    }
    expect(new Set(boots).size).toBe(2);
    expect(boots.slice(2)).toEqual(boots.slice(0, -2));
  });
});
