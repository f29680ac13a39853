import { defineMetrics, exposeCounters, type Metrics } from '@vedette/telemetry';
import type { UpdaterCounters } from './counters.ts';

const counted = defineMetrics({
  batches: { type: 'counter', name: 'vedette_updater_batches_total', help: 'Batches of events taken from the bus.' },
  applied: { type: 'counter', name: 'vedette_updater_events_applied_total', help: 'Events that moved something on.' },
  stale: { type: 'counter', name: 'vedette_updater_events_stale_total', help: 'Events that were known or older.' },
  superseded: {
    type: 'counter',
    name: 'vedette_updater_events_superseded_total',
    help: 'Events refused because a newer run of their observer was opened.',
  },
  unknownObserver: {
    type: 'counter',
    name: 'vedette_updater_events_unknown_observer_total',
    help: 'Events refused because their observer was never opened here.',
  },
  refused: { type: 'counter', name: 'vedette_updater_messages_refused_total', help: 'Messages refused at the door.' },
  applyFailures: {
    type: 'counter',
    name: 'vedette_updater_apply_failures_total',
    help: 'Batches that the store could not write.',
  },
  relayed: {
    type: 'counter',
    name: 'vedette_updater_fleet_events_total',
    help: 'Fleet events acknowledged by the bus.',
  },
  relayFailures: {
    type: 'counter',
    name: 'vedette_updater_relay_failures_total',
    help: 'Publishes of fleet events after which one was in doubt.',
  },
  marks: { type: 'counter', name: 'vedette_updater_marks_total', help: 'Marks cast.' },
  coverages: { type: 'counter', name: 'vedette_updater_coverages_total', help: 'Coverage reports taken in.' },
  documentRequests: {
    type: 'counter',
    name: 'vedette_updater_document_requests_total',
    help: 'Requests for documents sent to observers.',
  },
  documentRequestsFailed: {
    type: 'counter',
    name: 'vedette_updater_document_requests_failed_total',
    help: 'Requests for documents that failed.',
  },
});

/** Shows an updater's counters as metrics; close the scope that is returned when the updater is done. */
export function exposeUpdaterMetrics(metrics: Metrics, counters: Readonly<UpdaterCounters>): Metrics {
  return exposeCounters(metrics, counted, counters);
}
