import type { Role, RoleContext } from './role.ts';

/** The settings of every role, by its name. */
export interface RoleSettings {
  readonly agents: import('../fleet/agents-role.ts').AgentsSettings;
  readonly 'bare-answers': import('../rpc/bare-polls-roles.ts').BareAnswersSettings;
  readonly 'bare-poller': import('../rpc/bare-polls-roles.ts').BarePollerSettings;
  readonly 'classic-hosts': import('../classic/classic-hosts-role.ts').ClassicHostsSettings;
  readonly 'classic-poller': import('../classic/classic-poller-role.ts').ClassicPollerSettings;
  readonly monitor: import('../fleet/monitor-role.ts').MonitorSettings;
  readonly prober: import('../fleet/prober-role.ts').ProberSettings;
  readonly updater: import('../fleet/updater-role.ts').UpdaterSettings;
  readonly watcher: import('../fleet/watcher-role.ts').WatcherSettings;
  readonly 'rpc-client': import('../rpc/rpc-client.ts').RpcClientSettings;
  readonly 'rpc-server': import('../rpc/rpc-server.ts').RpcServerSettings;
}
export type RoleName = keyof RoleSettings;

type Starts = {
  readonly [N in RoleName]: () => Promise<(settings: RoleSettings[N], context: RoleContext) => Promise<Role>>;
};

/** Loads only what that role needs: a role's process should weigh what it would weigh in life. */
const starts: Starts = {
  agents: async () => (await import('../fleet/agents-role.ts')).startAgents,
  'bare-answers': async () => (await import('../rpc/bare-polls-roles.ts')).startBareAnswers,
  'bare-poller': async () => (await import('../rpc/bare-polls-roles.ts')).startBarePoller,
  'classic-hosts': async () => (await import('../classic/classic-hosts-role.ts')).startClassicHosts,
  'classic-poller': async () => (await import('../classic/classic-poller-role.ts')).startClassicPoller,
  monitor: async () => (await import('../fleet/monitor-role.ts')).startMonitor,
  prober: async () => (await import('../fleet/prober-role.ts')).startProber,
  updater: async () => (await import('../fleet/updater-role.ts')).startUpdater,
  watcher: async () => (await import('../fleet/watcher-role.ts')).startWatcher,
  'rpc-client': async () => (await import('../rpc/rpc-client.ts')).startRpcClient,
  'rpc-server': async () => (await import('../rpc/rpc-server.ts')).startRpcServer,
};

export async function startNamedRole<N extends RoleName>(
  name: N,
  settings: RoleSettings[N],
  context: RoleContext,
): Promise<Role> {
  const start = await starts[name]();
  return start(settings, context);
}
