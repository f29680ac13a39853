import { defineMetrics, exposeCounters, type Metrics } from '@vedette/telemetry';
import type { DomainSamples } from './domain-samples.ts';
import type { Scrapes } from './scrapes.ts';

const sampled = defineMetrics({
  messages: {
    type: 'counter',
    name: 'vedette_exporter_messages_total',
    help: 'Messages with samples of VMs and hosts that were heard.',
  },
  messagesRefused: {
    type: 'counter',
    name: 'vedette_exporter_messages_refused_total',
    help: 'Messages refused because they were no samples.',
  },
  vmsLeftOut: {
    type: 'counter',
    name: 'vedette_exporter_vms_left_out_total',
    help: 'Samples of VMs left out because as many VMs are held as may be.',
  },
  hostsLeftOut: {
    type: 'counter',
    name: 'vedette_exporter_hosts_left_out_total',
    help: 'Messages left out because as many hosts are held as may be.',
  },
});

const scraped = defineMetrics({
  scrapes: { type: 'counter', name: 'vedette_exporter_scrapes_total', help: 'Scrapes begun.' },
  scrapesRefused: {
    type: 'counter',
    name: 'vedette_exporter_scrapes_refused_total',
    help: 'Scrapes turned away because as many were under way as may be.',
  },
  scrapesCut: {
    type: 'counter',
    name: 'vedette_exporter_scrapes_cut_total',
    help: 'Scrapes cut at their deadline, or because their reader did not read.',
  },
  bytes: { type: 'counter', name: 'vedette_exporter_sent_bytes_total', help: 'Bytes of metrics handed to scrapers.' },
});

const held = defineMetrics({
  vms: { type: 'gauge', name: 'vedette_exporter_vms', help: 'VMs whose last sample is held.' },
  hosts: { type: 'gauge', name: 'vedette_exporter_hosts', help: 'Hosts of which something is held.' },
});

/** Shows how the exporter fares as metrics; close the scope that is returned when the listener is done. */
export function exposeMetrics(metrics: Metrics, samples: DomainSamples, scrapes: Scrapes): Metrics {
  const scope = metrics.scope();
  exposeCounters(scope, sampled, samples.counters);
  exposeCounters(scope, scraped, scrapes.counters);
  scope.gauge(held.vms).readFrom(() => samples.vms);
  scope.gauge(held.hosts).readFrom(() => samples.hosts);
  return scope;
}
