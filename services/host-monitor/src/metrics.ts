import { defineMetrics, exposeCounters, type Metrics } from '@vedette/telemetry';
import type { MonitorCounters } from './counters.ts';

const counted = defineMetrics({
  polls: { type: 'counter', name: 'vedette_monitor_polls_total', help: 'Listings asked of hosts.' },
  pollFailures: { type: 'counter', name: 'vedette_monitor_poll_failures_total', help: 'Listings that failed.' },
  pollsSkipped: {
    type: 'counter',
    name: 'vedette_monitor_polls_skipped_total',
    help: 'Polls that fell due while the one before was still under way.',
  },
  hints: { type: 'counter', name: 'vedette_monitor_hints_total', help: 'Hints taken in.' },
  hintsLost: {
    type: 'counter',
    name: 'vedette_monitor_hints_dropped_total',
    help: 'Hints dropped because too many waited; a poll stood for them.',
  },
  sectionFetches: { type: 'counter', name: 'vedette_monitor_section_fetches_total', help: 'Fetches of sections.' },
  sectionFailures: {
    type: 'counter',
    name: 'vedette_monitor_section_failures_total',
    help: 'Fetches of sections that failed.',
  },
  samplesSent: {
    type: 'counter',
    name: 'vedette_monitor_samples_total',
    help: 'Messages with samples of VMs and hosts that were sent.',
  },
  sampleFailures: {
    type: 'counter',
    name: 'vedette_monitor_sample_failures_total',
    help: 'Samples of hosts and devices that could not be had, or not be sent.',
  },
  samplesSkipped: {
    type: 'counter',
    name: 'vedette_monitor_samples_skipped_total',
    help: 'Samples left out: the host was not proved of late, the bus was away, or the one before was still under way.',
  },
  events: {
    type: 'counter',
    name: 'vedette_monitor_events_total',
    help: 'Events handed to the bus, repetitions included.',
  },
  publishFailures: {
    type: 'counter',
    name: 'vedette_monitor_publish_failures_total',
    help: 'Publishes after which an event was in doubt.',
  },
  refused: {
    type: 'counter',
    name: 'vedette_monitor_events_refused_total',
    help: 'Events that the bus refused for good.',
  },
  unmappedStates: {
    type: 'counter',
    name: 'vedette_monitor_unmapped_states_total',
    help: 'Rows whose raw state nobody has mapped yet.',
  },
  identityConflicts: {
    type: 'counter',
    name: 'vedette_monitor_identity_conflicts_total',
    help: 'Answers not believed because somebody else gave them.',
  },
});

const own = defineMetrics({
  hosts: { type: 'gauge', name: 'vedette_monitor_hosts', help: 'Hosts watched now.' },
  vms: { type: 'gauge', name: 'vedette_monitor_vms', help: 'VMs on the hosts watched now.' },
});

/** What the metrics are read from. */
export interface MeasuredMonitor {
  readonly counters: Readonly<MonitorCounters>;
  readonly proofs: ReadonlyMap<string, { readonly vms: number }>;
}

/** Shows a monitor's counters as metrics; close the scope that is returned when the monitor is done. */
export function exposeMonitorMetrics(metrics: Metrics, monitor: MeasuredMonitor): Metrics {
  const scope = exposeCounters(metrics, counted, monitor.counters);
  scope.gauge(own.hosts).readFrom(() => monitor.proofs.size);
  scope.gauge(own.vms).readFrom(() => {
    let vms = 0;
    for (const proof of monitor.proofs.values()) vms += proof.vms;
    return vms;
  });
  return scope;
}
