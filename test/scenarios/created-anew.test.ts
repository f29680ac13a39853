import { subjects } from '@vedette/model';
import { recreate } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const minute = 60_000;

async function incarnationOf(world: World, vm: string) {
  const record = await world.store.vm(vm);
  return record && { incarnation: record.incarnation, everRan: record.everRan, state: record.truth.state };
}

/** A world with a VM that ran and is down. */
async function worldWithStopped(options: Parameters<typeof World.begin>[0] = {}) {
  const world = await World.begin(options);
  const [vm, host] = [world.vm(0, 0), world.host(0)];
  world.setState(0, vm, 'stopped');
  await world.pass(10_000);
  world.forget();
  return { world, vm, host };
}

describe('a VM created anew under the same UUID', () => {
  it.each([
    ['told by hints', { push: true }],
    ['by polls alone', { push: false, delta: false }],
    ['by differences alone', { push: false, delta: true }],
  ])('M8: looks as before, %s: one event, a new incarnation that never ran, told to the fleet', async (_, options) => {
    const { world, vm, host } = await worldWithStopped(options);
    await using _world = world;
    expect(await incarnationOf(world, vm)).toEqual({ incarnation: 1, everRan: 'yes', state: 'stopped' });
    world.script(recreate({ vm, host, atMs: world.nowMs }));
    await world.pass(minute);
    const [event, ...more] = world.told('VMStateChanged', vm);
    expect(more).toEqual([]);
    expect(event?.data).toMatchObject({ from: 'stopped', to: 'stopped', passed: [] });
    expect(event?.data.value.born).toEqual(event?.data.version);
    expect(await incarnationOf(world, vm)).toEqual({ incarnation: 2, everRan: 'unknown', state: 'stopped' });
    expect(world.told('VMChanged', vm).map(({ data }) => [data.reason, data.incarnation])).toEqual([['discovered', 2]]);
    world.setState(0, vm, 'running');
    await world.pass(10_000);
    expect(world.told('VMStateChanged', vm).at(-1)?.data.value.born).toEqual(event?.data.version);
    expect(await incarnationOf(world, vm)).toEqual({ incarnation: 2, everRan: 'yes', state: 'running' });
  });

  it('M8: is running already when it is seen: active anew, and it ran', async () => {
    await using world = await World.begin();
    const [vm, host] = [world.vm(0, 0), world.host(0)];
    world.forget();
    world.script(recreate({ vm, host, atMs: world.nowMs }));
    await world.pass(minute);
    const [event, ...more] = world.told('VMStateChanged', vm);
    expect(more).toEqual([]);
    const { version, value } = event?.data ?? {};
    expect(value).toMatchObject({ state: 'running', born: version, activation: version });
    expect(world.told('IPChanged', vm)).toHaveLength(1); // what the former one said of its addresses counts no more
    expect(await incarnationOf(world, vm)).toEqual({ incarnation: 2, everRan: 'yes', state: 'running' });
  });

  it('M8, F2: while the bus is away, among other changes: told on return, with nothing of what the former VM did', async () => {
    const { world, vm, host } = await worldWithStopped();
    await using _world = world;
    world.broker.disconnect('monitor');
    world.setState(0, world.vm(0, 1), 'paused'); // in doubt from now on: what follows waits
    await world.pass(1_000);
    for (const state of ['running', 'stopped'] as const) {
      world.setState(0, vm, state);
      await world.pass(5_000);
    }
    world.script(recreate({ vm, host, atMs: world.nowMs }));
    await world.pass(5_000);
    for (const state of ['failed', 'stopped'] as const) {
      world.setState(0, vm, state);
      await world.pass(5_000);
    }
    world.broker.reconnect('monitor');
    await world.pass(minute);
    const [event, ...more] = world.told('VMStateChanged', vm);
    expect(more).toEqual([]);
    expect(event?.data).toMatchObject({ to: 'stopped', passed: ['stopped', 'failed'] });
    expect(event?.data.value.born).toEqual(event?.data.version);
    expect(await incarnationOf(world, vm)).toEqual({ incarnation: 2, everRan: 'unknown', state: 'stopped' });
  });

  it('M8, I3: refused by the bus for good, it is told by the snapshot that follows', async () => {
    const { world, vm, host } = await worldWithStopped();
    await using _world = world;
    world.broker.faults.publish = (message) => (message.subject === subjects.vmState(host, vm) ? 'refused' : 'ok');
    world.script(recreate({ vm, host, atMs: world.nowMs }));
    await world.pass(10_000);
    const [snapshot] = world.told('HostSnapshot');
    const { vm: vms = [], born } = snapshot?.data.columns ?? {};
    expect(born?.[vms.indexOf(vm)]).toBeTruthy();
    expect(born?.filter((one) => one !== null)).toHaveLength(1);
    expect(await incarnationOf(world, vm)).toEqual({ incarnation: 2, everRan: 'unknown', state: 'stopped' });
  });

  it('M8, F10: a monitor that starts again, in order or not, begins no further incarnation', async () => {
    const { world, vm, host } = await worldWithStopped();
    await using _world = world;
    world.script(recreate({ vm, host, atMs: world.nowMs }));
    await world.pass(10_000);
    const born = world.told('VMStateChanged', vm).at(-1)?.data.value.born;
    world.forget();
    await world.restartMonitor();
    await world.pass(minute);
    expect(world.changesTold).toEqual([]);
    const former = await world.replaceMonitor();
    await world.pass(minute);
    world.setState(0, vm, 'running');
    await world.pass(minute);
    expect(world.told('VMStateChanged', vm).at(-1)?.data.value.born).toEqual(born);
    expect(await incarnationOf(world, vm)).toMatchObject({ incarnation: 2 });
    const stopping = former.stop({ deadlineMs: world.nowMs + 5_000, signal: new AbortController().signal });
    await world.pass(10_000);
    await stopping;
  });

  it('M8: twice between two polls is once; twice with a poll between is twice', async () => {
    const { world, vm, host } = await worldWithStopped({ push: false });
    await using _world = world;
    world.script(recreate({ vm, host, atMs: world.nowMs }), recreate({ vm, host, atMs: world.nowMs + 1 }));
    await world.pass(10_000);
    expect(await incarnationOf(world, vm)).toMatchObject({ incarnation: 2 });
    world.script(recreate({ vm, host, atMs: world.nowMs }));
    await world.pass(10_000);
    expect(await incarnationOf(world, vm)).toMatchObject({ incarnation: 3, everRan: 'unknown' });
  });

  it('M8: a VM that left its host and came back is the same one', async () => {
    await using world = await World.begin({ hosts: 3, vmsPerHost: 1 });
    const [vm, host] = [world.vm(0, 0), world.host(0)];
    world.setState(1, vm, 'running');
    world.script({ kind: 'absent', atMs: world.nowMs, host, vm });
    await world.pass(minute);
    world.setState(0, vm, 'running');
    world.script({ kind: 'absent', atMs: world.nowMs, host: world.host(1), vm });
    await world.pass(minute);
    expect(await incarnationOf(world, vm)).toEqual({ incarnation: 1, everRan: 'yes', state: 'running' });
  });
});
