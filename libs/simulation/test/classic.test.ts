import { vdsmState } from '@vedette/model';
import { addressesOf, classicHost, createFleet } from '@vedette/simulation';
import { describe, expect, it } from 'vitest';

const fleet = createFleet({
  seed: 5,
  hosts: 2,
  vmsPerHost: 40,
  churn: { stateChangesPerMinute: 0.5 },
  stoppedShare: 0.1,
});
const host = fleet.host(0);
const atMs = 90_000;

describe('the classic all-in-one calls', () => {
  it('list every VM that the host has, with a status of VDSM', () => {
    const list = classicHost(fleet, host).getVMList(atMs);
    expect(list.map(({ vmId }) => vmId).toSorted()).toEqual(
      host
        .at(atMs)
        .map(({ identity }) => identity.vm)
        .toSorted(),
    );
    const others = list.filter(({ status }) => status !== 'Down'); // which says nothing without its exit code
    for (const { status } of others) expect(vdsmState({ status })).toMatchObject({ mapped: true });
  });

  it('tell of every state what the model reads as that state again', () => {
    const views = new Map(host.at(atMs).map((view) => [view.identity.vm, view]));
    for (const stats of classicHost(fleet, host).getAllVmStats(atMs)) {
      const { state } = vdsmState(stats as Parameters<typeof vdsmState>[0]);
      expect(state).toBe(views.get(stats.vmId)?.state);
    }
  });

  it('tell the addresses of a VM that is up, by interface', () => {
    const [running] = host.at(atMs).filter(({ state }) => state === 'running');
    if (running === undefined) throw new Error('nothing runs');
    const all = classicHost(fleet, host).getAllVmStats(atMs);
    const told = all.find(({ vmId }) => vmId === running.identity.vm)?.netIfaces ?? [];
    const interfaces = told as ReadonlyArray<{ readonly inet: readonly string[]; readonly inet6: readonly string[] }>;
    const addresses = interfaces.flatMap(({ inet, inet6 }) => [...inet, ...inet6]);
    expect(addresses.toSorted()).toEqual(
      addressesOf(running)
        ?.map(({ address }) => address)
        .toSorted(),
    );
    for (const address of interfaces.flatMap(({ inet }) => inet)) expect(address).toMatch(/^[\d.]+$/);
  });

  it('take about 1 KiB of JSON for a VM that is up, as VDSM does', () => {
    const up = classicHost(fleet, host)
      .getAllVmStats(atMs)
      .filter(({ status }) => status === 'Up');
    const bytes = up.map((stats) => JSON.stringify(stats).length);
    const mean = bytes.reduce((sum, one) => sum + one, 0) / bytes.length;
    expect(mean).toBeGreaterThan(0.8 * 1_024);
    expect(mean).toBeLessThan(1.25 * 1_024);
  });

  it('follow from the instant alone', () => {
    const again = classicHost(createFleet({ ...fleet.options }), host);
    expect(again.getAllVmStats(atMs)).toEqual(classicHost(fleet, host).getAllVmStats(atMs));
  });
});
