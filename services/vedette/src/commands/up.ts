import type { RunState } from '@vedette/runtime';
import { Command } from 'commander';
import { loadSettings, type Settings, type WatchedHost } from '../config/load.ts';
import { type CommandContext, note } from '../context.ts';
import { countText } from '../output/counts.ts';
import { durationText } from '../output/durations.ts';
import { factLines } from '../output/facts.ts';
import { paintFor } from '../output/style.ts';
import type { AllInOneOptions } from '../process/all-in-one.ts';
import type { FleetSize } from '../process/fleet-size.ts';
import { warmThreads } from '../process/warm-threads.ts';
import { fleetOption, seedOption } from './fleet-options.ts';
import { examples } from './options.ts';
import { settingFlags, withSettings } from './settings-options.ts';

interface UpOptions extends Record<string, unknown> {
  readonly config?: string;
  readonly fleet?: FleetSize;
  readonly seed: number;
}

export function upCommand(context: CommandContext): Command {
  const command = new Command('up')
    .summary('watch hosts, in one process, until Ctrl-C')
    .description(
      "Runs all of Vedette in this process: it watches the hosts of the configuration, or this machine's own libvirt\nwhere none is named, keeps what it learns in a store, and answers the other commands.",
    )
    .option('--config <file>', 'the configuration (or VEDETTE_CONFIG)')
    .addOption(fleetOption())
    .addOption(seedOption())
    .action((options: UpOptions) => up(context, options));
  return examples(withSettings(command), [
    ['vedette up', "this machine's own VMs"],
    ['vedette up --config vedette.yaml', 'the hosts of a configuration'],
    ['vedette up --store ./vedette.sqlite --log-level debug', 'with settings for once'],
    ['vedette up --fleet 25x40', 'a simulated fleet'],
  ]);
}

async function up(context: CommandContext, options: UpOptions): Promise<void> {
  const { env, cwd, clock } = context;
  await using threads = await warmThreads();
  const file = options.config ?? env.VEDETTE_CONFIG;
  const { urlCheck } = await import('../config/check-url.ts');
  const checkUrl = urlCheck(clock);
  const settings = await loadSettings({ file, env, cwd, flags: settingFlags(options), checkUrl });
  const watched = await hostsToWatch(context, settings, options);
  const [{ createLogger }, { serve }] = await Promise.all([
    import('@vedette/telemetry'),
    import('../process/serve.ts'),
  ]);
  const { level } = settings.config.log;
  const colour = paintFor(context.stderr, env)('red', 'x') !== 'x';
  const logger = createLogger({ clock, level, format: 'pretty', colour });
  await serve(context, {
    ...{ settings, logger, threads, kind: 'up' },
    ...watched,
    ...(options.fleet === undefined ? { checkUrl } : {}),
    onState: (state, { firstSnapshotMs, watched: hosts }) =>
      sayState(context, { settings, file, state, firstSnapshotMs, hosts }),
  });
}

type Watched = Pick<AllInOneOptions, 'hosts' | 'hostsAreAll' | 'drivers'>;

/** The hosts, and the drivers that reach them; only the drivers needed are loaded. */
async function hostsToWatch(
  { clock }: CommandContext,
  settings: Settings,
  { fleet, seed }: UpOptions,
): Promise<Watched> {
  if (fleet !== undefined) {
    const { simulatedFleet } = await import('../process/fleet.ts');
    const { hosts, driver } = simulatedFleet(fleet, seed, clock);
    return { hosts, hostsAreAll: true, drivers: async () => [driver] };
  }
  const named = settings.hosts.length > 0 || settings.groups.size > 0; // with groups, hosts may be added later
  const { agentIntervalMs } = settings.config.libvirt;
  return {
    hosts: named ? settings.hosts : [await localHost(settings)],
    hostsAreAll: named,
    drivers: async () => {
      const { libvirtDriver } = await import('@vedette/fetcher/libvirt');
      return [libvirtDriver({ clock, agentIntervalMs })];
    },
  };
}

async function localHost({ machine }: Settings): Promise<WatchedHost> {
  const { localLibvirtUrl } = await import('../process/local-libvirt.ts');
  return { id: machine, name: machine, realm: 'default', url: await localLibvirtUrl() };
}

interface Said {
  readonly settings: Settings;
  readonly file: string | undefined;
  readonly state: RunState;
  readonly hosts: readonly WatchedHost[];
  readonly firstSnapshotMs: number | undefined;
}

function hostCount(hosts: number): string {
  return hosts === 0 ? 'no hosts yet: vedette hosts add' : countText(hosts, 'host');
}

function sayState(context: CommandContext, { settings, file, state, hosts, firstSnapshotMs }: Said): void {
  const { stdout, env } = context;
  if (state === 'stopping') note(context, 'stopping');
  if (state === 'stopped') note(context, `stopped; what is known is in ${settings.storePath}`);
  if (state !== 'running') return;
  const [first] = hosts;
  const names = hosts.length === 1 && first !== undefined ? `${first.name} (${first.url})` : hostCount(hosts.length);
  const whom = file === undefined ? (settings.storeIsSet ? ` --store ${settings.storePath}` : '') : ` --config ${file}`;
  stdout.write(
    factLines(
      [
        ['watching', names],
        ['store', settings.storePath],
        ['socket', settings.socketPath],
        [
          'ready',
          firstSnapshotMs === undefined ? '' : `first host read ${durationText(firstSnapshotMs)} after the start`,
        ],
        ['next', `vedette vms${whom}   vedette watch${whom}   Ctrl-C stops`],
      ],
      paintFor(stdout, env),
    ),
  );
}
