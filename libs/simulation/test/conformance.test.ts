import type { HostCapabilities } from '@vedette/fetcher';
import { hostFetcherConformance } from '@vedette/fetcher/conformance';
import type { VMState } from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, type HostFault, simulationDriver } from '@vedette/simulation';
import { settleOn } from './bench.ts';

function conformance(name: string, capabilities: Partial<HostCapabilities>, latencyMs: number): void {
  hostFetcherConformance(name, () => {
    const clock = new SimulatedClock();
    const fleet = createFleet({ seed: 17, hosts: 3, vmsPerHost: 12, stoppedShare: 0.3 });
    const host = fleet.host(1);
    const script = async (fault: HostFault) => {
      fleet.script.add({ kind: 'fault', atMs: clock.now(), host: host.id, fault });
      await clock.advance(1);
      return async () => {
        fleet.script.add({ kind: 'recover', atMs: clock.now(), host: host.id });
        await clock.advance(1);
      };
    };
    let turn = 0;
    return Promise.resolve({
      driver: simulationDriver({ fleet, clock, latencyMs, capabilities }),
      host,
      badUrls: ['sim://', 'sim://nobody', 'sim://sim-00003', `libvirt://${host.id}`, 'nonsense', ''],
      truth: () => Promise.resolve(new Map(host.at(clock.now()).map(({ identity, state }) => [identity.vm, state]))),
      changeState: async () => {
        await clock.advance(100);
        const vm = fleet.vmId(1, turn++ % 12);
        const state: VMState = host.vmAt(vm, clock.now())?.state === 'paused' ? 'running' : 'paused';
        fleet.script.add({ kind: 'state', atMs: clock.now(), host: host.id, vm, state });
        return { vm, state };
      },
      stick: () => script({ kind: 'hang' }),
      refuse: () => script({ kind: 'refuse' }),
      settle: (pending) => settleOn(clock, pending),
      pass: (ms) => clock.advance(ms),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  });
}

conformance('simulation', {}, 0);
conformance('simulation behind a network', {}, 30);
conformance('simulation, polls only', { delta: false, push: false }, 5);
