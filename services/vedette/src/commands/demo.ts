import type { Logger } from '@vedette/telemetry';
import { Command } from 'commander';
import { loadSettings } from '../config/load.ts';
import { demoStorePath } from '../config/paths.ts';
import type { CommandContext } from '../context.ts';
import type { LiveView } from '../live/live-view.ts';
import { numberText } from '../output/counts.ts';
import { durationText } from '../output/durations.ts';
import { paintFor } from '../output/style.ts';
import type { Running } from '../process/all-in-one.ts';
import { type FleetSize, parseFleetSize } from '../process/fleet-size.ts';
import type { Stop } from '../process/held-part.ts';
import { warmThreads } from '../process/warm-threads.ts';
import { fleetOption, seedOption } from './fleet-options.ts';
import { examples } from './options.ts';

interface DemoOptions {
  readonly fleet: FleetSize;
  readonly seed: number;
  readonly store?: string;
}

const defaultFleet = '25x40';

export function demoCommand(context: CommandContext): Command {
  const command = new Command('demo')
    .summary('a simulated fleet, live, until Ctrl-C')
    .description(
      'Runs all of Vedette in this process over a simulated fleet, and shows it live: VMs start, stop, move and change\ntheir addresses. Everything but the hosts is real; the other commands answer from it.',
    )
    .addOption(fleetOption().default(parseFleetSize(defaultFleet), defaultFleet))
    .addOption(seedOption())
    .option('--store <file>', 'keep its store here, and go on with what is there')
    .action((options: DemoOptions) => demo(context, options));
  return examples(command, [
    ['vedette demo', '1,000 VMs'],
    ['vedette demo --fleet 250x40', '10,000 VMs'],
  ]);
}

async function demo(context: CommandContext, options: DemoOptions): Promise<void> {
  const { env, cwd, clock, hooks } = context;
  await using threads = await warmThreads();
  const { fleet, seed, store } = options;
  const flags = { 'store-path': store };
  const fallbackStore = demoStorePath(env);
  // What the environment configures is meant for real hosts, their store above all.
  const settings = await loadSettings({ file: undefined, env: {}, cwd, flags, fallbackStore });
  const [{ serve }, { simulatedFleet }, { renewStore }, { createLogger }] = await Promise.all([
    import('../process/serve.ts'),
    import('../process/fleet.ts'),
    import('../process/renew-store.ts'),
    import('@vedette/telemetry'),
  ]);
  if (!settings.storeIsSet) await renewStore(settings.storePath, clock, threads);
  const { hosts, driver } = simulatedFleet(fleet, seed, clock);
  const display = new Display(context, `vedette demo: ${fleet.hosts} x ${fleet.vmsPerHost} VMs, seed ${seed}`);
  const logger = createLogger({ clock, level: 'warn', format: 'pretty', terminal: true, destination: display });
  const exit = (code: number): unknown => {
    display.stop(); // a terminal must get its cursor back, however the process ends
    return hooks.exit(code);
  };
  await serve(
    { ...context, hooks: { ...hooks, exit } },
    {
      ...{ settings, hosts, logger, threads, kind: 'demo', hostsAreAll: true, drivers: async () => [driver] },
      listener: (running) => display.show(running, logger),
    },
  );
  context.stdout.write(`${display.told} ${settings.storePath}\n`);
}

/** The live view once there is something to show; until then, and for the log, the error stream. */
class Display {
  readonly #context: CommandContext;
  readonly #title: string;
  #view: LiveView | undefined;

  constructor(context: CommandContext, title: string) {
    this.#context = context;
    this.#title = title;
  }

  /** How it ended, but for the place of the store. */
  get told(): string {
    const events = numberText(this.#view?.events ?? 0);
    return `${events} events in ${durationText(this.#view?.runningMs ?? 0)}; \`vedette vms\` goes on reading`;
  }

  async show({ store, bus, monitor }: Running, logger: Logger): Promise<Stop> {
    const { clock, stdout, env } = this.#context;
    const { LiveView } = await import('../live/live-view.ts');
    const heading = { title: this.#title, hint: 'Ctrl-C stops' };
    const view = new LiveView({
      store,
      bus,
      monitor,
      clock,
      stream: stdout,
      paint: paintFor(stdout, env),
      heading,
      logger,
    });
    this.#view = view;
    await view.start();
    return async () => view.stop();
  }

  stop(): void {
    this.#view?.stop();
  }

  /** A line of the log. */
  write(line: string): void {
    if (this.#view === undefined) this.#context.stderr.write(line);
    else this.#view.write(line.trimEnd());
  }
}
