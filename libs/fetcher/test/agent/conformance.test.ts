/** The host port over the bus, with an agent held in memory behind it; over real hosts: services/agent. */
import { createMemoryBroker } from '@vedette/bus/memory';
import { agentDriver } from '@vedette/fetcher/agent';
import { hostFetcherConformance } from '@vedette/fetcher/conformance';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { documentsOf, settleOn } from './support/bench.ts';
import { ServedAgent } from './support/served-agent.ts';

function conformance(name: string, maxBytes: number): void {
  hostFetcherConformance(name, async () => {
    const clock = new SimulatedClock();
    const broker = createMemoryBroker({ clock });
    const bus = broker.connect({ name: 'monitor' });
    const agent = new ServedAgent(broker.connect({ name: 'agent' }), clock, 'kvm-01.example');
    agent.maxBytes = maxBytes;
    for (let vm = 0; vm < 12; vm++)
      agent.set(`vm-${vm}`, vm % 3 === 2 ? 'stopped' : 'running', documentsOf(`vm-${vm}`));
    await agent.serve({ heartBeatMs: 3_000 });
    let turn = 0;
    return {
      driver: agentDriver({ bus, clock }),
      host: { id: 'kvm-01.example', url: 'agent:kvm-01.example' },
      badUrls: ['agent:', 'agent://kvm-01', 'agent:a/b', 'agent:a?b', 'agent:a b', 'libvirt:///system', 'nonsense', ''],
      truth: () => Promise.resolve(agent.states()),
      changeState: async () => {
        const vm = `vm-${turn++ % 12}`;
        const state = agent.states().get(vm) === 'paused' ? 'running' : 'paused';
        agent.set(vm, state);
        await clock.advance(1);
        return { vm, state };
      },
      stick: () => {
        agent.stuck = true;
        return Promise.resolve(() => {
          agent.stuck = false;
          return Promise.resolve();
        });
      },
      refuse: async () => {
        await settleOn(clock, agent.stop());
        return () => agent.serve({ heartBeatMs: 3_000 });
      },
      settle: (pending) => settleOn(clock, pending),
      pass: (ms) => clock.advance(ms),
      [Symbol.asyncDispose]: () => settleOn(clock, agent.stop()),
    };
  });
}

conformance('agent', 256 * 1024);
conformance('agent, in pages and parts', 1_500);
