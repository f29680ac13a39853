import { defineMetrics, exposeCounters, type Metrics } from '@vedette/telemetry';
import type { Agents } from './agents.ts';

const counted = defineMetrics({
  requests: { type: 'counter', name: 'vedette_agent_requests_total', help: 'Requests of monitors.' },
  requestFailures: {
    type: 'counter',
    name: 'vedette_agent_request_failures_total',
    help: 'Requests answered with an error.',
  },
  requestsRefused: {
    type: 'counter',
    name: 'vedette_agent_requests_refused_total',
    help: 'Requests refused because too many of one host were under way.',
  },
  readings: { type: 'counter', name: 'vedette_agent_readings_total', help: 'Readings of hypervisors.' },
  readingFailures: {
    type: 'counter',
    name: 'vedette_agent_reading_failures_total',
    help: 'Readings of hypervisors that failed.',
  },
  hints: { type: 'counter', name: 'vedette_agent_hints_total', help: 'Hints told.' },
  hintsCut: {
    type: 'counter',
    name: 'vedette_agent_hints_cut_total',
    help: 'Hints told without their rows, because they were too many.',
  },
  hintsDropped: {
    type: 'counter',
    name: 'vedette_agent_hints_dropped_total',
    help: 'Hints that the bus did not take: it was away, or refuses messages of that size.',
  },
  heartBeats: { type: 'counter', name: 'vedette_agent_heart_beats_total', help: 'Heart-beats told.' },
  heartBeatsWithheld: {
    type: 'counter',
    name: 'vedette_agent_heart_beats_withheld_total',
    help: 'Heart-beats not told because the hypervisor could not be read, or the bus was away.',
  },
  sourceRuns: {
    type: 'counter',
    name: 'vedette_agent_source_runs_total',
    help: 'Hosts, and runs of hosts, met at the sources.',
  },
  replyBytes: { type: 'counter', name: 'vedette_agent_reply_bytes_total', help: 'Bytes of replies.' },
  hintBytes: { type: 'counter', name: 'vedette_agent_hint_bytes_total', help: 'Bytes of hints and heart-beats.' },
});

const own = defineMetrics({
  hosts: { type: 'gauge', name: 'vedette_agent_hosts', help: 'Hosts served.' },
  vms: { type: 'gauge', name: 'vedette_agent_vms', help: 'VMs on the hosts served.' },
  unreadable: {
    type: 'gauge',
    name: 'vedette_agent_hosts_unreadable',
    help: 'Hosts served whose last reading was not good.',
  },
});

/** Shows the counters of agents as metrics; close the scope that is returned when the agents are done. */
export function exposeAgentMetrics(metrics: Metrics, agents: Pick<Agents, 'counters' | 'figures'>): Metrics {
  const scope = exposeCounters(metrics, counted, agents.counters);
  scope.gauge(own.hosts).readFrom(() => agents.figures().hosts);
  scope.gauge(own.vms).readFrom(() => agents.figures().vms);
  scope.gauge(own.unreadable).readFrom(() => agents.figures().unreadable);
  return scope;
}
