import { createMemoryBroker } from '@vedette/bus/memory';
import { agentDriver } from '@vedette/fetcher/agent';
import { hostFetcherConformance } from '@vedette/fetcher/conformance';
import type { VMState } from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { createFleet, type HostFault, simulationDriver } from '@vedette/simulation';
import { silentLogger } from '@vedette/telemetry';
import { type AgentsOptions, createAgents } from '../src/index.ts';
import { settleOn } from './bench.ts';

/** The host port over its whole way: `agent` driver, bus, agent, and a host of the simulation behind it. */
function conformance(name: string, agents: Partial<AgentsOptions>, latencyMs: number): void {
  hostFetcherConformance(name, async () => {
    const clock = new SimulatedClock();
    const fleet = createFleet({ seed: 17, hosts: 3, vmsPerHost: 12, stoppedShare: 0.3 });
    const host = fleet.host(1);
    const broker = createMemoryBroker({ clock });
    const served = createAgents({
      bus: broker.connect({ name: 'agent' }),
      driver: simulationDriver({ fleet, clock, latencyMs }),
      hosts: fleet.hostIds().map((id) => ({ id, url: `sim://${id}` })),
      clock,
      logger: silentLogger(),
      ...agents,
    });
    await served.start({ signal: new AbortController().signal });
    const script = async (fault: HostFault) => {
      fleet.script.add({ kind: 'fault', atMs: clock.now(), host: host.id, fault });
      await clock.advance(1);
      return async () => {
        fleet.script.add({ kind: 'recover', atMs: clock.now(), host: host.id });
        await clock.advance(1);
      };
    };
    let turn = 0;
    return {
      driver: agentDriver({ bus: broker.connect({ name: 'monitor' }), clock }),
      host: { id: host.id, url: `agent:${host.id}` },
      badUrls: ['agent:', 'agent:a/b', `sim://${host.id}`, 'nonsense', ''],
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
      [Symbol.asyncDispose]: async () => {
        await served.stop({ deadlineMs: clock.now(), signal: new AbortController().signal });
        await broker.close();
      },
    };
  });
}

conformance('agent over the simulation', {}, 0);
conformance('agent over the simulation behind a network, one subscription for all', { subscriptions: 'all' }, 30);
