import type { Bus } from '@vedette/bus';
import { createMemoryBroker, type MemoryBroker } from '@vedette/bus/memory';
import type { Hint, HostFetcher, RuntimeStats } from '@vedette/fetcher';
import { agentDriver } from '@vedette/fetcher/agent';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { onTestFinished } from 'vitest';
import { ServedAgent } from './served-agent.ts';

export const LONG = { timeoutMs: 10_000 };

export async function settleOn<T>(clock: SimulatedClock, pending: Promise<T>): Promise<T> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  pending.then(note, note);
  await clock.advanceUntil(() => settled, { stepMs: 20 });
  return pending;
}

export interface Bench {
  readonly clock: SimulatedClock;
  readonly broker: MemoryBroker;
  /** The monitor's. */
  readonly bus: Bus;
  readonly agent: ServedAgent;
  readonly fetcher: HostFetcher;
  /** Every hint so far. */
  readonly hints: Hint[];
  readonly settle: <T>(pending: Promise<T>) => Promise<T>;
  readonly poll: (since?: Pick<RuntimeStats, 'boot' | 'rev'>) => Promise<RuntimeStats>;
  /** Lets what was sent arrive. */
  readonly arrive: () => Promise<void>;
}

/** An agent `host` with the VMs `a`, `b` and `c` running, on a bus; a fetcher of it whose hints are read. */
export async function bench(options: { readonly heartBeatMs?: number } = {}): Promise<Bench> {
  const clock = new SimulatedClock();
  const broker = createMemoryBroker({ clock });
  const bus = broker.connect({ name: 'monitor' });
  const agent = new ServedAgent(broker.connect({ name: 'agent' }), clock, 'host');
  for (const vm of ['a', 'b', 'c']) agent.set(vm, 'running', documentsOf(vm));
  await agent.serve(options);
  const fetcher = agentDriver({ bus, clock }).open({ id: 'host', url: 'agent:host' });
  const hints: Hint[] = [];
  const reading = (async () => {
    for await (const hint of fetcher.hints({ signal: new AbortController().signal })) hints.push(hint);
  })();
  await clock.advance(1);
  onTestFinished(async () => {
    await fetcher.close();
    await reading;
    await settleOn(clock, agent.stop());
  });
  const settle = <T>(pending: Promise<T>): Promise<T> => settleOn(clock, pending);
  return {
    clock,
    broker,
    bus,
    agent,
    fetcher,
    hints,
    settle,
    poll: (since) => settle(fetcher.runtimeStats(since === undefined ? LONG : { ...LONG, since })),
    arrive: () => clock.advance(1),
  };
}

/** Every section of a VM. */
export function documentsOf(vm: string): { readonly [section: string]: object } {
  const mac = '52:54:00:00:00:01';
  const address = { address: '10.0.0.7', family: 'ipv4', scope: 'private', mac, interface: 'eth0', source: 'agent' };
  return {
    info: { name: `name of ${vm}`, vcpus: 2 },
    config: { type: 'kvm', of: vm },
    status: { conditions: [], of: vm },
    guest: { addresses: [address], os: 'Debian 12', hostname: vm, apps: ['vim'] },
  };
}

/** Hints in short: `vm state` of each row, else the kind. */
export function told(hints: readonly Hint[]): readonly string[] {
  return hints.flatMap((hint) =>
    hint.kind === 'rows' ? hint.rows.map(({ vm, state }) => `${vm} ${state}`) : [hint.kind],
  );
}
