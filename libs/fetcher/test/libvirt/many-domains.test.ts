/** A host with 400 domains (libvirt's test driver): what a poll asks, and that it stays one poll. */
import { writeFile } from 'node:fs/promises';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { eventually } from '@vedette/testbed';
import { biosGuest, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { CountingProxy } from './support/counting-proxy.ts';
import { clock, LONG, PATIENT } from './support/watching.ts';

vi.setConfig({ testTimeout: 60_000 });
const available = libvirtAvailable();
const domains = 400;
let libvirt: PrivateLibvirt;
let proxy: CountingProxy;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  proxy = await CountingProxy.listen(`${libvirt.baseDir}/run/counted`, libvirt.socketPath);
  const guests = Array.from({ length: domains }, (_, at) => biosGuest(`many${at}`).xml.replace("'qemu'", "'test'"));
  await writeFile(`${libvirt.baseDir}/xml/many.xml`, `<node>${guests.join('')}</node>`);
}, 120_000);
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await libvirt?.stop();
});
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

/** Each connection has the domains of the file for itself, running. */
function urlOfMany(): string {
  return `libvirt://${libvirt.baseDir}/xml/many.xml?driver=test&socket=${proxy.socketPath}`;
}

it('S4: a poll of 400 domains is one call for all states, one for each processor time, and no definition', async () => {
  // Everything that has an interval of its own is put off, to see the poll alone.
  const monitorProbe = { intervalMs: 1e12 };
  const driver = libvirtDriver({ clock, agentIntervalMs: 1e12, monitorProbe });
  await using fetcher = driver.open({ id: 'many', url: urlOfMany() });
  const first = await fetcher.runtimeStats(LONG);
  expect(first.rows.length).toBe(domains);
  // What is asked of each domain once, when it is first seen, is over.
  await eventually(async () => {
    proxy.reset();
    const { rows } = await fetcher.runtimeStats(LONG);
    expect(rows.every(({ hashes }) => hashes.config !== undefined)).toBe(true);
    expect(Object.keys(Object.fromEntries(proxy.counts)).toSorted()).toEqual(['info', 'stats']);
    expect(proxy.counts.get('stats')).toBe(1);
  }, PATIENT);
  proxy.reset();
  const tookMs: number[] = [];
  for (let polls = 0; polls < 20; polls++) {
    const begunMs = clock.now();
    // oxlint-disable-next-line no-await-in-loop -- one poll after the other
    const { rows } = await fetcher.runtimeStats(LONG);
    tookMs.push(clock.now() - begunMs);
    expect(rows.length).toBe(domains);
  }
  const { info = 0, stats = 0, ...others } = Object.fromEntries(proxy.counts);
  expect(stats).toBe(20);
  expect(info, 'one a poll, fewer where libvirtd is slow').toBeLessThanOrEqual(20 * domains);
  expect(info).toBeGreaterThanOrEqual(domains);
  expect(others).toEqual({});
  const p50 = tookMs.toSorted((a, b) => a - b)[10] ?? 0;
  console.info(`one poll of ${domains} domains: p50 ${p50.toFixed(1)} ms`);
});

it('I6: its definitions are read once, not at every poll, and in no listing’s way', async () => {
  const driver = libvirtDriver({ clock });
  await using fetcher = driver.open({ id: 'many', url: urlOfMany() });
  proxy.reset();
  for (let polls = 0; polls < 5; polls++) {
    // oxlint-disable-next-line no-await-in-loop -- one poll after the other
    await fetcher.runtimeStats(LONG);
  }
  await eventually(async () => {
    const { rows } = await fetcher.runtimeStats(LONG);
    expect(rows.every(({ hashes }) => hashes.config !== undefined)).toBe(true);
  }, PATIENT);
  expect(proxy.counts.get('xml')).toBe(2 * domains);
  expect(proxy.counts.get('capabilities')).toBe(1);
});
