import type { Bus } from '@vedette/bus';
import type { HostMonitor } from '@vedette/host-monitor';
import type { Clock } from '@vedette/runtime';
import type { Logger, Metrics } from '@vedette/telemetry';
import type { Updater } from '@vedette/updater';
import type { Stop } from './held-part.ts';

export interface MetricsEndpointOptions {
  /** `HOST:PORT`. */
  readonly listen: string;
  /** A connection of its own. */
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly monitor: HostMonitor;
  readonly updater: Updater;
}

/**
 * Serves the metrics of the process and of the domains over plain HTTP, for Prometheus. Loaded only where it is wanted.
 *
 * @throws VedetteError VDT_API_METRICS_ADDRESS, VDT_API_METRICS_LISTEN
 */
export async function startMetricsEndpoint(
  options: MetricsEndpointOptions,
  started: { readonly signal: AbortSignal },
): Promise<Stop> {
  const [{ createMetricsListener, DomainSamples }, { exposeMonitorMetrics }, { exposeUpdaterMetrics }] =
    await Promise.all([import('@vedette/api/exporter'), import('@vedette/host-monitor'), import('@vedette/updater')]);
  const { listen, bus, clock, logger, metrics, monitor, updater } = options;
  const samples = new DomainSamples({ bus, clock });
  const listener = createMetricsListener({ listen, clock, logger, metrics, samples });
  await samples.start();
  try {
    await listener.start(started);
  } catch (error) {
    await samples.stop();
    throw error;
  }
  const exposed = [exposeMonitorMetrics(metrics, monitor), exposeUpdaterMetrics(metrics, updater.counters)];
  return async (stop) => {
    for (const scope of exposed) scope.close();
    await listener.stop(stop);
    await samples.stop();
  };
}
