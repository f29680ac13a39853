import '@vedette/fetcher'; // declares the error codes
import type { HostCapabilities, HostDriver } from '@vedette/fetcher';
import { type Clock, VedetteError } from '@vedette/runtime';
import type { Fleet } from '../fleet.ts';
import { SimulatedAgent } from './agent.ts';
import { SimulatedHostFetcher } from './fetcher.ts';

export interface SimulationDriverOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** From each question to its answer. Default 0. */
  readonly latencyMs?: number;
  /** When the fleet begins, on the clock. Default 0: the clock's time is the fleet's. */
  readonly originMs?: number;
  /** Default: everything but `heartBeats`: nothing is between it and its reader. */
  readonly capabilities?: Partial<HostCapabilities>;
}

const defaultCapabilities: HostCapabilities = {
  delta: true,
  push: true,
  heartBeats: false,
  start: true,
  guestAgent: true,
};

/**
 * Serves a simulated fleet at `sim://<host id>`. All fetchers of one driver share the agents: two of them for one host
 * are two pollers of one agent.
 */
export function simulationDriver(options: SimulationDriverOptions): HostDriver {
  const { fleet, clock, latencyMs = 0, originMs = 0 } = options;
  const capabilities = { ...defaultCapabilities, ...options.capabilities };
  const nowMs = (): number => Math.max(0, clock.now() - originMs);
  const agents = new Map<string, SimulatedAgent>();
  const agentOf = (host: string): SimulatedAgent => {
    const held = agents.get(host);
    if (held !== undefined) return held;
    const agent = new SimulatedAgent(fleet, fleet.host(host), clock, nowMs);
    agents.set(host, agent);
    return agent;
  };
  return {
    schemes: ['sim'],
    open({ url }) {
      const agent = agentOf(hostOf(fleet, url));
      return new SimulatedHostFetcher({ fleet, clock, capabilities, latencyMs, nowMs, agent, agentOf });
    },
  };
}

function hostOf(fleet: Fleet, url: string): string {
  const host = /^sim:\/\/([^/?#]+)\/?$/.exec(url)?.[1];
  if (host === undefined)
    throw new VedetteError('VDT_FETCHER_URL', { message: `${url} is not of the form sim://<host id>` });
  if (fleet.topology.hostIndex(host) === undefined) {
    throw new VedetteError('VDT_FETCHER_URL', { message: `the simulated fleet has no host ${host}` });
  }
  return host;
}
