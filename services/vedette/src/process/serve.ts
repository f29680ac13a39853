import { type RunState, runUntilSignal } from '@vedette/runtime';
import { type Logger, Metrics } from '@vedette/telemetry';
import type { Settings, WatchedHost } from '../config/load.ts';
import type { CommandContext } from '../context.ts';
import { endingSignals } from '../signals.ts';
import { AllInOne, type AllInOneOptions } from './all-in-one.ts';

export interface ServeOptions {
  readonly settings: Settings;
  readonly hosts: readonly WatchedHost[];
  readonly hostsAreAll: boolean;
  readonly checkUrl?: NonNullable<AllInOneOptions['checkUrl']>;
  readonly drivers: AllInOneOptions['drivers'];
  readonly threads: AllInOneOptions['threads'];
  readonly kind: AllInOneOptions['kind'];
  readonly logger: Logger;
  readonly listener?: NonNullable<AllInOneOptions['listener']>;
  readonly onState?: (state: RunState, process: AllInOne) => void;
}

/**
 * Runs the all-in-one process until a signal ends it, or a part of it fails.
 *
 * @throws the first error of any part, once everything has been stopped
 */
export async function serve(context: CommandContext, options: ServeOptions): Promise<void> {
  const { clock, startedMs, env, hooks } = context;
  const { onState, ...rest } = options;
  const metrics = new Metrics();
  const process: AllInOne = new AllInOne({
    ...rest,
    ...{ clock, startedMs, env, metrics },
    onState: (state) => onState?.(state, process),
  });
  const outcome = await runUntilSignal(process.group, { hooks, signals: endingSignals });
  metrics.close();
  if (outcome.state === 'failed') throw outcome.error;
}
