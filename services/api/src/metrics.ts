import { defineMetrics, exposeCounters, type Metrics } from '@vedette/telemetry';
import type { ApiCounters } from './counters.ts';

const definitions = defineMetrics({
  requests: { type: 'counter', name: 'vedette_api_requests_total', help: 'HTTP requests received.' },
  refused: {
    type: 'counter',
    name: 'vedette_api_requests_refused_total',
    help: 'Requests refused for a fault of the client (4xx).',
  },
  failed: {
    type: 'counter',
    name: 'vedette_api_requests_failed_total',
    help: 'Requests that failed for a reason of the process (5xx).',
  },
  streams: { type: 'gauge', name: 'vedette_api_streams', help: 'Event streams open now.' },
  streamsOpened: { type: 'counter', name: 'vedette_api_streams_opened_total', help: 'Event streams opened.' },
  streamsTooSlow: {
    type: 'counter',
    name: 'vedette_api_streams_too_slow_total',
    help: 'Event streams closed because their client did not read in time.',
  },
  eventsSent: { type: 'counter', name: 'vedette_api_events_sent_total', help: 'Events written to streams.' },
  messagesRefused: {
    type: 'counter',
    name: 'vedette_api_messages_refused_total',
    help: 'Bus messages that were no events and were not sent on.',
  },
});

/** Shows the counters as metrics; close the scope that is returned when the API is done. */
export function exposeMetrics(metrics: Metrics, counters: ApiCounters, openStreams: () => number): Metrics {
  const { streams, ...counted } = definitions;
  const scope = exposeCounters(metrics, counted, counters);
  scope.gauge(streams).readFrom(openStreams);
  return scope;
}
