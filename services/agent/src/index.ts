export { type AgentHost, type Agents, type AgentsOptions, createAgents } from './agents.ts';
export { type AgentsConfig, defaultAgentsConfig } from './config.ts';
export { AgentCounters } from './counters.ts';
export { type IntentFile, type IntentRecord, intentFile, noIntentFile } from './intents/intent-file.ts';
export { exposeAgentMetrics } from './metrics.ts';
export { type AgentProcessOptions, createAgentProcess, runAgent } from './process/agent-process.ts';
export type { ConnectBus } from './process/bus-part.ts';
export { type AgentConfig, agentConfigSchema, publishedAgentConfigSchema } from './process/settings.ts';
