import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allFamilies, expositionFormat, sampleText } from '../../src/exporter/index.ts';
import { SampleWorld, smallDevices } from './support.ts';

const labels = 'domain="web",host="h1",uuid="a"';

async function oneVm(): Promise<SampleWorld> {
  const world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a', name: 'web', elapsedS: 60, memoryPercent: 40, devices: smallDevices });
  await world.host('h1', { cpuUser: 0.25 });
  await world.clock.advance(2_500);
  return world;
}

test('every figure stands under the name operators know, in base units', async () => {
  await using world = await oneVm();
  const lines = world.page().split('\n');
  for (const expected of [
    '# TYPE libvirt_domain_info_cpu_time_seconds_total counter',
    '# TYPE libvirt_domain_info_maximum_memory_bytes gauge',
    'libvirt_up{host="h1"} 1',
    'libvirt_domains{host="h1"} 1',
    'vedette_host_memory_free_bytes{host="h1"} 537395200',
    'vedette_host_cpu_user_ratio{host="h1"} 0.25',
    `libvirt_domain_info{${labels}} 1`,
    `libvirt_domain_info_state{${labels},state_desc="the domain is running"} 1`,
    `libvirt_domain_timed_out{${labels}} 0`,
    `libvirt_domain_sample_age_seconds{${labels},group="state"} 2.5`,
    `libvirt_domain_sample_age_seconds{${labels},group="devices"} 2.5`,
    `vedette_vm_cpu_user_ratio{${labels}} 0.5`,
    `vedette_vm_memory_used_ratio{${labels}} 0.4`,
    `libvirt_domain_info_virtual_cpus{${labels}} 1`,
    `libvirt_domain_info_maximum_memory_bytes{${labels}} 2048`,
    `libvirt_domain_info_memory_usage_bytes{${labels}} 1024`,
    `libvirt_domain_info_cpu_time_seconds_total{${labels}} 12.5`,
    `libvirt_domain_memory_stats_actual_balloon_bytes{${labels}} 1024`,
    `libvirt_domain_memory_stats_used_percent{${labels}} 75`,
    `libvirt_domain_vcpu_maximum{${labels}} 2`,
    `libvirt_domain_vcpu_wait_seconds_total{${labels},vcpu="0"} 1.5`,
    `libvirt_domain_block_stats_read_time_seconds_total{${labels},target_device="vda"} 0.5`,
    `libvirt_domain_block_stats_capacity_bytes{${labels},target_device="vda"} 100`,
    `libvirt_domain_interface_stats_receive_bytes_total{${labels},target_device="vnet0"} 7`,
    `libvirt_domain_interface_stats_transmit_drops_total{${labels},target_device="vnet0"} 0`,
  ]) {
    expect(lines).toContain(expected);
  }
});

test('what a source does not tell has no series: never zero', async () => {
  await using world = await oneVm();
  expect(world.lines('libvirt_domain_block_stats_write_bytes_total')).toEqual([]);
  expect(world.lines('libvirt_domain_memory_stats_unused_bytes')).toEqual([]);
  expect(world.lines('vedette_vm_cpu_system_ratio')).toEqual([]);
  expect(world.page()).not.toContain('write_bytes_total');
});

test('a VM without device figures has its state and nothing invented', async () => {
  await using world = await SampleWorld.start();
  await world.vms('h1', { vm: 'a', state: 'stopped', memoryPercent: 12 });
  const names = world.lines('uuid="a"').map((line) => line.slice(0, line.indexOf('{')));
  expect(names).toEqual([
    'libvirt_domain_info_state',
    'libvirt_domain_sample_age_seconds',
    'libvirt_domain_info',
    'vedette_vm_cpu_user_ratio',
    'vedette_vm_memory_used_ratio',
    'libvirt_domain_memory_stats_used_percent',
  ]);
});

test('D2: names of any letters are escaped as the format asks; a VM without a name goes by its UUID', async () => {
  await using world = await SampleWorld.start();
  const names = ['a "b" \\ c\nd', '{}=,#', 'Зрење', '🦆'];
  await world.vms('h1', ...names.map((name, at) => ({ vm: `v${at}`, name })), { vm: 'v9', name: '' });
  const lines = world.lines('libvirt_domain_info{');
  expect(lines.map((line) => /domain="(.*)",host/.exec(line)?.[1])).toEqual([
    'a \\"b\\" \\\\ c\\nd',
    '{}=,#',
    'Зрење',
    '🦆',
    'v9',
  ]);
});

test('each metric stands in one place: one TYPE, and its series below it', async () => {
  await using world = await oneVm();
  await world.vms('h2', { vm: 'b', devices: smallDevices });
  const order = world
    .page()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# HELP'))
    .map((line) => (line.startsWith('# TYPE') ? line.split(' ')[2] : line.slice(0, line.indexOf('{'))));
  const blocks = order.filter((name, at) => at === 0 || order[at - 1] !== name);
  expect(new Set(blocks).size).toBe(blocks.length);
  expect(order.filter((name) => name === 'libvirt_domain_info')).toHaveLength(3);
});

test('a large page comes in pieces, none of which is much larger than the rest', async () => {
  await using world = await SampleWorld.start();
  const rows = Array.from({ length: 500 }, (_, at) => ({ vm: `v${at}`, devices: smallDevices }));
  await world.vms('h1', ...rows);
  const pieces = [...sampleText(world.samples.view(), 'prometheus')];
  expect(pieces.length).toBeGreaterThan(10);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(70_000);
  expect(pieces.join('')).toBe(world.page());
});

test('OpenMetrics calls a counter without its suffix, and its series with it', async () => {
  await using world = await oneVm();
  const page = world.page('openmetrics');
  expect(page).toContain('# TYPE libvirt_domain_info_cpu_time_seconds counter\n');
  expect(page).toContain(`\nlibvirt_domain_info_cpu_time_seconds_total{${labels}} 12.5\n`);
  expect(page).not.toContain('_total counter');
  expect(page).not.toMatch(/\n\n/);
});

test('the format is what the Accept header names, the text format unless it is OpenMetrics 1.0', () => {
  expect(expositionFormat(undefined)).toBe('prometheus');
  expect(expositionFormat('*/*')).toBe('prometheus');
  expect(expositionFormat('text/plain; version=0.0.4')).toBe('prometheus');
  expect(expositionFormat('application/openmetrics-text; version=0.0.1')).toBe('prometheus');
  expect(expositionFormat('application/openmetrics-text;version=1.0.0;q=0.8, text/plain;q=0.5')).toBe('openmetrics');
});

test('docs/domain-metrics.md lists every metric, with its type, labels, unit, source and cadence', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../../docs/domain-metrics.md'), 'utf8');
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = allFamilies.map(({ name, type, unit, labels: named, source, cadence }) =>
    row([`\`${name}\``, type, unit, named.join(', '), source, cadence]),
  );
  const listed = page
    .split('\n')
    .filter((line) => /^\| `(libvirt|vedette)_/.test(line) && line.split('|').length === 8);
  expect(listed).toEqual(rows);
});

test('no metric is listed twice, and names follow the rules of Prometheus', () => {
  const names = allFamilies.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, type } of allFamilies) {
    expect(name).toMatch(/^(libvirt|vedette)(_[a-z0-9]+)+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
  }
});
