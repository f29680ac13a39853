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
  pollsPutOff: {
    type: 'counter',
    name: 'vedette_monitor_polls_put_off_total',
    help: "Polls out of turn that waited for the host's own turn, because too many were wanted at once.",
  },
  heartBeats: {
    type: 'counter',
    name: 'vedette_monitor_heart_beats_total',
    help: 'Heart-beats of hosts taken in.',
  },
  heartBeatsMissed: {
    type: 'counter',
    name: 'vedette_monitor_heart_beats_missed_total',
    help: 'Times that the heart-beats of a host stopped, so that it was polled at the ordinary rhythm again.',
  },
  blindnesses: {
    type: 'counter',
    name: 'vedette_monitor_blindnesses_total',
    help: 'Times that this monitor could not see its hosts for a reason of its own.',
  },
  blindFailures: {
    type: 'counter',
    name: 'vedette_monitor_blind_failures_total',
    help: 'Listings that failed while this monitor was blind; they count against no host.',
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
  stretched: {
    type: 'gauge',
    name: 'vedette_monitor_hosts_stretched',
    help: 'Hosts polled rarely now, because heart-beats prove their state.',
  },
  blind: {
    type: 'gauge',
    name: 'vedette_monitor_blind',
    help: '1 while this monitor cannot see its hosts for a reason of its own: no host is judged.',
  },
  wholeListings: {
    type: 'gauge',
    name: 'vedette_monitor_whole_listings',
    help: 'Whole listings under way, of those that count against their bound.',
  },
  wholeListingsWaiting: {
    type: 'gauge',
    name: 'vedette_monitor_whole_listings_waiting',
    help: 'Hosts that wait to be listed whole, because so many are under way.',
  },
});

/** What the metrics are read from. */
export interface MeasuredMonitor {
  readonly counters: Readonly<MonitorCounters>;
  readonly proofs: ReadonlyMap<string, { readonly vms: number; readonly stretched: boolean }>;
  readonly blind: unknown;
  readonly wholeListings: { readonly underWay: number; readonly waiting: number };
}

/** Shows a monitor's counters as metrics; close the scope that is returned when the monitor is done. */
export function exposeMonitorMetrics(metrics: Metrics, monitor: MeasuredMonitor): Metrics {
  const scope = exposeCounters(metrics, counted, monitor.counters);
  scope.gauge(own.hosts).readFrom(() => monitor.proofs.size);
  scope.gauge(own.vms).readFrom(() => sumOf(monitor, ({ vms }) => vms));
  scope.gauge(own.stretched).readFrom(() => sumOf(monitor, ({ stretched }) => (stretched ? 1 : 0)));
  scope.gauge(own.blind).readFrom(() => (monitor.blind === undefined ? 0 : 1));
  scope.gauge(own.wholeListings).readFrom(() => monitor.wholeListings.underWay);
  scope.gauge(own.wholeListingsWaiting).readFrom(() => monitor.wholeListings.waiting);
  return scope;
}

function sumOf(
  { proofs }: MeasuredMonitor,
  figure: (proof: { readonly vms: number; readonly stretched: boolean }) => number,
): number {
  let sum = 0;
  for (const proof of proofs.values()) sum += figure(proof);
  return sum;
}
