import { resolve } from 'node:path';
import { agentConfigSchema } from '@vedette/agent/settings';
import { runUntilSignal } from '@vedette/runtime';
import { loadConfig, readConfigFile } from '@vedette/runtime/config';
import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { reservedVariables } from '../config/load.ts';
import { pathFrom } from '../config/paths.ts';
import { type CommandContext, note } from '../context.ts';
import { paintFor } from '../output/style.ts';
import { endingSignals } from '../signals.ts';
import { examples } from './options.ts';
import { settingFlags, withSettings } from './settings-options.ts';

export function agentCommand(context: CommandContext): Command {
  const command = new Command('agent')
    .summary('serve this host to monitors over the bus, until it is stopped')
    .description(
      'Reads the hypervisor of this machine and answers monitors over the bus, which it also tells at once\nwhat changed; a monitor reaches it as agent:NAME. It needs the read-only socket of libvirt and a NATS\nserver, no store, and no port that anybody connects to. docs/agent.md tells how to make it a service.',
    )
    .option('--config <file>', 'the configuration (or VEDETTE_CONFIG)')
    .action((options: AgentOptions) => agent(context, options));
  return examples(withSettings(command, agentConfigSchema), [
    ['vedette agent --bus nats://10.0.0.5:4222', "serve this machine's VMs"],
    ['vedette agent --config /etc/vedette/agent.yaml', 'as a service does'],
  ]);
}

interface AgentOptions extends Record<string, unknown> {
  readonly config?: string;
}

/** @throws ConfigError with every fault; the first error of the agent */
async function agent(context: CommandContext, options: AgentOptions): Promise<void> {
  const { env, cwd, clock, hooks, stderr } = context;
  const [{ createAgentProcess }, { createLogger }] = await Promise.all([
    import('@vedette/agent'),
    import('@vedette/telemetry'),
  ]);
  const file = options.config ?? env.VEDETTE_CONFIG;
  const text = file === undefined ? undefined : await readConfigFile(resolve(cwd, file), {});
  const { config, origins } = loadConfig({
    schema: agentConfigSchema,
    ...(text === undefined || file === undefined ? {} : { file: { ...text, path: file } }),
    flags: settingFlags(options, agentConfigSchema),
    ...{ env, reservedVariables },
  });
  const where = { cwd, ...(file === undefined ? {} : { file }) };
  const colour = paintFor(stderr, env)('red', 'x') !== 'x';
  const group = createAgentProcess(config, {
    ...{ clock, env, version: packageJson.version },
    logger: createLogger({ clock, level: config.log.level, format: 'pretty', colour }),
    inConfig: (path, key) => pathFrom(path, origins.get(key), where),
  });
  const outcome = await runUntilSignal(group, { hooks, signals: endingSignals });
  if (outcome.state === 'failed') throw outcome.error;
  note(context, 'stopped');
}
