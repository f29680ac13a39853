import type { Bus } from '@vedette/bus';
import { connectNats } from '@vedette/bus/nats';
import { agentDriver } from '@vedette/fetcher/agent';
import { hostFetcherConformance } from '@vedette/fetcher/conformance';
import type { VMState } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import { createFleet, type HostFault, simulationDriver } from '@vedette/simulation';
import { silentLogger } from '@vedette/telemetry';
import { eventually } from '@vedette/testbed';
import { natsAvailable, startNats } from '@vedette/testbed/nats';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type AgentsOptions, createAgents } from '../src/index.ts';

const available = await natsAvailable();
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const clock = new RealClock();
const signal = new AbortController().signal;

function connect(url: string, name: string): Promise<Bus> {
  return connectNats({ servers: [url], clock, name, stream: false });
}

async function simulated(hosts: number, url: string, options: Partial<AgentsOptions> = {}) {
  const originMs = clock.now();
  const fleet = createFleet({ seed: 17, hosts, vmsPerHost: 12, stoppedShare: 0.3 });
  const bus = await connect(url, 'agents');
  const agents = createAgents({
    ...{ bus, clock, logger: silentLogger(), followBoot: true },
    driver: simulationDriver({ fleet, clock, originMs }),
    hosts: fleet.hostIds().map((id) => ({ id, url: `sim://${id}` })),
    ...options,
  });
  await agents.start({ signal });
  const nowMs = (): number => clock.now() - originMs;
  const script = (host: string, fault: HostFault) => {
    fleet.script.add({ kind: 'fault', atMs: nowMs(), host, fault });
    return () => {
      fleet.script.add({ kind: 'recover', atMs: nowMs(), host });
      return Promise.resolve();
    };
  };
  const stop = async (): Promise<void> => {
    await agents.stop({ deadlineMs: clock.now() + 2_000, signal });
    await bus.close();
  };
  return { fleet, agents, nowMs, script, stop };
}

hostFetcherConformance(
  'agent over NATS',
  async () => {
    const server = await startNats();
    const { fleet, nowMs, script, stop } = await simulated(3, server.url, { config: { readTimeoutMs: 1_000 } });
    const bus = await connect(server.url, 'monitor');
    const host = fleet.host(1);
    let turn = 0;
    return {
      driver: agentDriver({ bus, clock }),
      host: { id: host.id, url: `agent:${host.id}` },
      badUrls: ['agent:', 'nonsense', ''],
      truth: () => Promise.resolve(new Map(host.at(nowMs()).map(({ identity, state }) => [identity.vm, state]))),
      changeState: async () => {
        await clock.sleep(20);
        const vm = fleet.vmId(1, turn++ % 12);
        const state: VMState = host.vmAt(vm, nowMs())?.state === 'paused' ? 'running' : 'paused';
        fleet.script.add({ kind: 'state', atMs: nowMs(), host: host.id, vm, state });
        return { vm, state };
      },
      stick: () => Promise.resolve(script(host.id, { kind: 'hang' })),
      refuse: () => Promise.resolve(script(host.id, { kind: 'refuse' })),
      settle: (pending) => pending,
      pass: (ms) => clock.sleep(ms),
      [Symbol.asyncDispose]: async () => {
        await bus.close();
        await stop();
        await server.dispose();
      },
    };
  },
  available.ok ? {} : { skip: available.reason },
);

describe('agents over a real NATS', () => {
  beforeEach((ctx) => {
    if (!available.ok) ctx.skip(available.reason);
  });

  it.each(['each', 'all'] as const)(
    'F1: 200 of them over one connection, with subscriptions for %s, go on over a killed broker as the same runs',
    async (subscriptions) => {
      await using server = await startNats();
      const { fleet, agents, script, stop } = await simulated(200, server.url, {
        subscriptions,
        config: { readForHeartBeats: false, intervalMs: 500, readTimeoutMs: 1_000 },
      });
      await using bus = await connect(server.url, 'monitor');
      const driver = agentDriver({ bus, clock });
      const monitors = fleet.hostIds().map((id) => driver.open({ id, url: `agent:${id}` }));
      const poll = () => Promise.all(monitors.map((monitor) => monitor.runtimeStats({ timeoutMs: 20_000 })));
      const before = await poll();
      expect(before.every(({ complete, agrees }) => complete && agrees)).toBe(true);
      await server.stop('SIGKILL');
      const { heartBeats } = agents.counters;
      await eventually(() => expect(agents.counters.heartBeatsWithheld).toBeGreaterThan(100), { timeoutMs: 15_000 });
      await server.start();
      // N7: one of them hangs meanwhile; the others do not wait for it.
      const undo = script(fleet.hostIds()[0] ?? '', { kind: 'hang' });
      await eventually(() => expect(agents.counters.heartBeats).toBeGreaterThan(heartBeats + 100), {
        timeoutMs: 15_000,
      });
      const after = await eventually(
        () =>
          Promise.all(
            monitors.slice(1).map((monitor, at) => {
              const { boot = '', rev = 0 } = before[at + 1] ?? {};
              return monitor.runtimeStats({ timeoutMs: 20_000, since: { boot, rev } });
            }),
          ),
        { timeoutMs: 30_000 },
      );
      expect(after.map(({ boot }) => boot)).toEqual(before.slice(1).map(({ boot }) => boot));
      expect(after.every(({ agrees }) => agrees)).toBe(true);
      await undo();
      await Promise.all(monitors.map((monitor) => monitor.close()));
      await stop();
    },
  );
});
