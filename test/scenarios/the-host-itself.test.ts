import { envelope, subjects } from '@vedette/model';
import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const minute = 60_000;
/** As long as it may take until a host is asked again what it can. */
const describedAgainMs = 5 * minute + 10_000;

describe('the host itself', () => {
  it('becomes unfit and fit again while it answers: non_operational with the reason, up; no VM event, VMs stay seen', async () => {
    await using world = await World.begin({ hosts: 2, vmsPerHost: 3 });
    const [host, vm] = [world.host(0), world.vm(0, 0)];
    world.forget();
    const reason = 'storage: pool images is inactive';
    world.script({ kind: 'fault', atMs: world.nowMs, host, fault: { kind: 'unfit', reason } });
    await world.pass(describedAgainMs);
    expect(world.told('HostStateChanged').map(({ data }) => [data.host, data.from, data.to, data.reason])).toEqual([
      [host, 'up', 'non_operational', reason],
    ]);
    expect(world.changesTold.filter(({ type }) => !/Host(State)?Changed/.test(type))).toEqual([]);
    expect(await world.state(vm)).toBe('running');
    world.setState(0, vm, 'paused');
    await world.pass(10_000);
    expect(await world.state(vm)).toBe('paused');
    world.forget();
    world.script({ kind: 'recover', atMs: world.nowMs, host });
    await world.pass(describedAgainMs);
    expect(world.told('HostStateChanged').map(({ data }) => [data.from, data.to, data.reason])).toEqual([
      ['non_operational', 'up', ''],
    ]);
    expect(world.told('HostChanged').map(({ data }) => data.state)).toEqual(['up']);
    expect(world.told('VMStateChanged')).toEqual([]);
  });

  it('another reason for being unfit is told, the same one is not told again', async () => {
    await using world = await World.begin();
    const host = world.host(0);
    world.forget();
    for (const reason of ['KVM is missing', 'KVM is missing', 'network: br0 is down']) {
      world.script({ kind: 'fault', atMs: world.nowMs, host, fault: { kind: 'unfit', reason } });
      await world.pass(describedAgainMs);
    }
    const reasons = world.told('HostStateChanged').map(({ data }) => data.reason);
    expect(reasons).toEqual(['KVM is missing', 'network: br0 is down']);
  });

  it('I2: a host that cannot be described stays what it was', async () => {
    await using world = await World.begin();
    world.forget();
    const fault = { kind: 'refuse', only: ['describe'] } as const;
    world.script({ kind: 'fault', atMs: world.nowMs, host: world.host(0), fault });
    await world.pass(20 * minute);
    expect(world.changesTold).toEqual([]);
  });

  it('what it can is told with its first state, and hosts are not described all at once', async () => {
    await using world = await World.begin({ hosts: 3 });
    for (const host of world.fleet.hostIds()) {
      expect((await world.store.host(host))?.capabilities).toMatchObject({ hypervisor: 'simulation' });
      expect((await world.store.host(host))?.state).toBe('up');
    }
    expect(world.told('HostStateChanged').map(({ data }) => data.to)).toEqual(['up', 'up', 'up']);
  });

  it('one that cannot be described at first contact is up all the same', async () => {
    await using world = await World.begin({ watch: [] });
    const host = world.host(0);
    const fault = { kind: 'hang', only: ['describe'] } as const;
    world.script({ kind: 'fault', atMs: 0, host, fault });
    const added = { id: host, name: host, realm: world.realmOf(host), url: `sim://${host}` };
    await world.store.registerHosts([added]);
    await world.monitor.addHost(added);
    await world.pass(minute);
    expect((await world.store.host(host))?.state).toBe('up');
    expect(world.told('HostStateChanged')).toHaveLength(1);
  });

  it('N11: removed by a person: its VMs read unknown, once for all; what it says afterwards changes nothing', async () => {
    await using world = await World.begin({ hosts: 3, vmsPerHost: 2 });
    const [removed, vm, elsewhere] = [world.host(0), world.vm(0, 0), world.vm(1, 0)];
    world.forget();
    await world.store.removeHosts([removed], 'alice');
    world.setState(0, vm, 'paused'); // its monitor has not heard of it yet
    await world.pass(1_000);
    await world.endWatching(removed);
    world.setState(0, world.vm(0, 1), 'stopped');
    await world.pass(10 * minute);
    const record = await world.store.host(removed);
    expect(record).toMatchObject({ state: 'removed', removedBy: 'alice' });
    expect(await world.state(vm)).toBe('unknown (paused)');
    expect(await world.state(world.vm(0, 1))).toBe('unknown (running)');
    expect(await world.state(elsewhere)).toBe('running');
    expect(world.told('HostChanged').map(({ data }) => [data.host, data.state, data.vms])).toEqual([
      [removed, 'removed', 2],
    ]);
    expect(world.told('VMChanged').map(({ data }) => data.state)).not.toContain('gone');
    expect(world.told('HostStateChanged')).toEqual([]);
  });

  it('I2: a mark that was heard but not answered when its actor failed is answered by the next run', async () => {
    await using world = await World.begin({ hosts: 1, latencyMs: 2_500 });
    await world.pass(10_000);
    const host = world.host(0);
    const asker = world.broker.connect({ name: 'asker' });
    const data = { mark: 99, realms: [] };
    const subject = subjects.mark();
    const mark = envelope({ name: 'MarkCast', id: 'mark/99', source: '/vedette/updater/u9', subject, wallMs: 0, data });
    const epoch = (await world.store.host(host))?.epoch ?? 0;
    world.forget();
    asker.send(subject, Buffer.from(JSON.stringify(mark)));
    await world.pass(100);
    const request = Buffer.from(JSON.stringify({ epoch: epoch + 1 }));
    const ended = asker.call(subjects.observer(host, 'superseded'), request, { timeoutMs: 1_000 });
    await world.pass(minute);
    await ended;
    expect((await world.store.host(host))?.epoch).toBe(epoch + 1);
    const echoes = world.told('HostCoverage').flatMap((event) => event.data.marks);
    expect(echoes.map((echo) => [echo.mark, echo.version.epoch])).toContainEqual([99, epoch + 1]);
  });
});
