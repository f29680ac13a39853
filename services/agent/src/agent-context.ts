import type { Clock } from '@vedette/runtime';
import type { Logger } from '@vedette/telemetry';
import type { AgentsConfig } from './config.ts';
import type { AgentCounters } from './counters.ts';
import type { HintTeller } from './hint-teller.ts';
import type { Intents } from './intents/intents.ts';

/** What the agents of one process share. */
export interface AgentContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: AgentsConfig;
  readonly counters: AgentCounters;
  readonly teller: HintTeller;
  readonly intents: Intents;
  /** Of the program. */
  readonly version: string;
  /** New with each start of the process: every `boot` begins with it. */
  readonly run: string;
  /** See {@link AgentsOptions.followBoot}. */
  readonly followBoot: boolean;
  readonly starts: boolean;
  /** Aborts when the agents are stopped. */
  readonly signal: AbortSignal;
}
