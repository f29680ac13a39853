import type { Bus } from '@vedette/bus';
import { describe, expect, it } from 'vitest';
import { Scene } from './scene.ts';

const vmCount = 2_000;
const appCount = 300;
const apps = Array.from({ length: appCount }, (_, app) => `application-${app}-with-a-name 1:2.3.${app}-4+deb12u1`);
const vms = Array.from({ length: vmCount }, (_, vm) => `vm-${String(vm).padStart(4, '0')}`);

async function largeHost(): Promise<Scene> {
  const scene = new Scene(['a', 'neighbour']);
  for (const vm of vms) scene.host.vms.set(vm, { state: 'running', apps });
  scene.hosts.neighbour?.vms.set('vm', { state: 'running' });
  return scene;
}

/** The same bus, with the size of every reply and hint that leaves through it written down. */
function weighed(bus: Bus, sizes: number[]): Bus {
  return new Proxy(bus, {
    get(target, member) {
      if (member === 'send') {
        return (subject: string, payload: Uint8Array) => {
          sizes.push(payload.byteLength);
          target.send(subject, payload);
        };
      }
      if (member === 'serve') {
        return (options: Parameters<Bus['serve']>[0]) =>
          target.serve({
            ...options,
            handler: async (request) => {
              const reply = await options.handler(request);
              sizes.push(reply.byteLength);
              return reply;
            },
          });
      }
      const value: unknown = Reflect.get(target, member);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe('S11: 2,000 VMs with 300 applications each on one host', () => {
  it('come in pages and parts, none above 256 KiB, and nothing is missing', { timeout: 60_000 }, async () => {
    await using scene = await largeHost();
    const sizes: number[] = [];
    await scene.serve({ bus: weighed(scene.broker.connect({ name: 'agent' }), sizes) });
    await using monitor = scene.monitor();
    const listing = await scene.poll(monitor);
    expect(listing).toMatchObject({ complete: true, agrees: true });
    expect(listing.rows.map(({ vm }) => vm)).toEqual(vms);
    const guests = await scene.settle(monitor.guestDetails(vms, { timeoutMs: 600_000 }));
    expect(guests.size).toBe(vmCount);
    for (const { observed, content } of guests.values()) {
      expect(observed).toBe('ok');
      expect(content?.apps).toHaveLength(appCount);
    }
    const devices = await scene.settle(monitor.deviceStats({ timeoutMs: 60_000 }));
    expect(devices.size).toBe(vmCount);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    expect(sizes.filter((size) => size > 200 * 1024).length, 'they are well filled').toBeGreaterThan(20);
    expect(scene.host.calls.deviceStats, 'sampled once for all pages').toBe(1);
  });

  it('a VM that comes, changes or leaves between two pages is told by the next poll', async () => {
    await using scene = await largeHost();
    await scene.serve({ config: { maxReplyBytes: 16_384 } });
    await using monitor = scene.monitor();
    const pending = monitor.runtimeStats({ timeoutMs: 60_000 });
    await scene.clock.advance(0);
    scene.host.tell({ 'vm-0000': { state: 'paused' }, 'vm-0000a': { state: 'running' } });
    scene.host.vms.delete('vm-1999');
    const listing = await scene.settle(pending);
    const held = new Map(listing.rows.map((row) => [row.vm, row.state]));
    const next = await scene.poll(monitor, listing);
    expect(next.agrees).toBe(true);
    for (const row of next.rows) held.set(row.vm, row.state);
    for (const vm of next.left) held.delete(vm);
    expect(held.get('vm-0000')).toBe('paused');
    expect(held.get('vm-0000a')).toBe('running');
    expect(held.has('vm-1999')).toBe(false);
    expect(held.size).toBe(vmCount);
  });

  it('N7: neighbours are answered in between, not after', { timeout: 60_000 }, async () => {
    await using scene = await largeHost();
    await scene.serve({ subscriptions: 'all' });
    await using monitor = scene.monitor();
    await using neighbour = scene.monitor('neighbour');
    const order: string[] = [];
    const fetching = monitor.guestDetails(vms, { timeoutMs: 600_000 }).then(() => order.push('all of the large one'));
    const polling = neighbour.runtimeStats({ timeoutMs: 10_000 }).then(() => order.push('the neighbour'));
    await scene.settle(Promise.all([fetching, polling]));
    expect(order).toEqual(['the neighbour', 'all of the large one']);
  });
});

describe('N7: one hung host among 1,000 of one process', () => {
  it.each(['each', 'all'] as const)('delays no other, with subscriptions for %s', async (subscriptions) => {
    const names = Array.from({ length: 1_000 }, (_, host) => (host === 0 ? 'a' : `host-${host}`));
    await using scene = new Scene(names);
    const agents = await scene.serve({ subscriptions });
    scene.host.held = new Promise(() => undefined);
    const monitors = names.map((name) => scene.monitor(name));
    const hung = monitors
      .slice(0, 1)
      .flatMap((monitor) =>
        Array.from({ length: 100 }, () => scene.failure(monitor.runtimeStats({ timeoutMs: 9_000 }))),
      );
    await scene.clock.advance(0);
    const begunMs = scene.clock.now();
    await Promise.all(monitors.slice(1).map((monitor) => scene.poll(monitor)));
    expect(scene.clock.now() - begunMs).toBeLessThan(100);
    const failures = await Promise.all(hung);
    expect(failures.every((failure) => (failure as { retryable?: boolean }).retryable)).toBe(true);
    expect(agents.figures()).toMatchObject({ hosts: 1_000, unreadable: 1 });
    scene.host.held = undefined;
  });
});
