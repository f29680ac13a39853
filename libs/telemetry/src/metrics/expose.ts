import type { CounterDefinition } from './definition.ts';
import type { Metrics } from './metrics.ts';

type Unlabelled = Omit<CounterDefinition, 'labels'>;

/**
 * Shows plain counters as metrics: each is read from the member of the same name when somebody scrapes, so that the
 * hot path only adds to a number. Close the scope that is returned when the owner of the counters is done.
 */
export function exposeCounters<N extends string>(
  metrics: Metrics,
  definitions: Readonly<Record<N, Unlabelled>>,
  counters: Readonly<Record<N, number>>,
): Metrics {
  const scope = metrics.scope();
  for (const name of Object.keys(definitions) as N[]) {
    const definition: Unlabelled = definitions[name];
    scope.counter(definition).readFrom(() => counters[name]);
  }
  return scope;
}
