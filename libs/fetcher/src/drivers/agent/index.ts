import type { Bus } from '@vedette/bus';
import type { Clock } from '@vedette/runtime';
import type { HostDriver } from '../../host-port.ts';
import { AgentFetcher } from './fetcher.ts';
import { HintHub } from './hint-hub.ts';
import { parseAgentUrl } from './url.ts';

export { parseAgentUrl } from './url.ts';

export interface AgentDriverOptions {
  /** The bus on which the agents serve; its owner closes it, after the fetchers. */
  readonly bus: Bus;
  readonly clock: Clock;
}

/** Serves the hosts of agents on a bus, at `agent:<name>` (docs/agent-protocol.md). */
export function agentDriver({ bus, clock }: AgentDriverOptions): HostDriver {
  const hub = new HintHub(bus, clock);
  return {
    schemes: ['agent'],
    open: ({ url }) => new AgentFetcher({ name: parseAgentUrl(url), bus, clock, hub }),
  };
}
