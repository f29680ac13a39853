import { readFileSync } from 'node:fs';
import { HostSample } from '@vedette/model';
import { Check } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { HostSampler, type NodeReading } from '../../src/drivers/libvirt/host-sample.ts';

/** Of a real host. */
const recorded = JSON.parse(readFileSync(new URL('./fixtures/libvirt-9.0.0.json', import.meta.url), 'utf8')) as {
  readonly node: NodeReading['node'];
  readonly nodeMemory: Readonly<Record<string, number>>;
  readonly nodeCpu: Readonly<Record<string, number>>;
};
const memory = new Map(Object.entries(recorded.nodeMemory));
const cpu = new Map(Object.entries(recorded.nodeCpu));
const reading = { node: recorded.node, memory, cpu };

/** The processor times a while after `cpu`, by what was spent in between. */
const after = (spent: Readonly<Record<string, number>>): ReadonlyMap<string, number> =>
  new Map([...cpu].map(([name, ns]) => [name, ns + (spent[name] ?? 0)]));

describe('N1: memory', () => {
  it('what can be given is what is free, and the buffers and the cache', () => {
    expect(new HostSampler().sample(reading)).toMatchObject({
      cpuCount: 2,
      memoryMiB: Math.floor(24_684_084 / 1024),
      memoryFreeMiB: Math.floor((23_827_024 + 7_612 + 289_528) / 1024),
    });
  });

  it('is never more than there is', () => {
    const { memoryMiB, memoryFreeMiB } = new HostSampler().sample({
      ...reading,
      memory: new Map(memory).set('cached', 90_000_000),
    });
    expect(memoryFreeMiB).toBe(memoryMiB);
  });

  it('a driver that tells no memory statistics has that of its node, and nothing that is known to be free', () => {
    const sample = new HostSampler().sample({ node: recorded.node, memory: new Map() });
    expect(sample).toEqual({ cpuCount: 2, memoryMiB: Math.floor(4_942_028 / 1024), memoryFreeMiB: 0 });
  });
});

describe('N2: processor shares', () => {
  it('the first reading has none; the second tells of the time since', () => {
    const sampler = new HostSampler();
    const first = sampler.sample(reading);
    expect(first).not.toHaveProperty('cpuUser');
    const later = sampler.sample({ ...reading, cpu: after({ user: 30, kernel: 10, idle: 50, iowait: 10 }) });
    expect(later).toMatchObject({ cpuUser: 0.3, cpuSystem: 0.1, cpuIdle: 0.5, cpuIoWait: 0.1 });
    for (const sample of [first, later]) expect(Check(HostSample, sample)).toBe(true);
  });

  it('a host that was rebooted begins anew', () => {
    const sampler = new HostSampler();
    sampler.sample(reading);
    // It has been idle for longer already than before, so only the work it did tells.
    const rebooted = new Map([...cpu].map(([name, ns]) => [name, name === 'idle' ? ns * 2 : ns / 100]));
    expect(sampler.sample({ ...reading, cpu: rebooted })).not.toHaveProperty('cpuUser');
    const later = new Map([...rebooted].map(([name, ns]) => [name, ns + 25]));
    expect(sampler.sample({ ...reading, cpu: later })).toMatchObject({ cpuUser: 0.25, cpuIdle: 0.25 });
  });

  it('waiting that steps back, as Linux lets it, counts as none', () => {
    const sampler = new HostSampler();
    sampler.sample(reading);
    const later = sampler.sample({ ...reading, cpu: after({ user: 50, idle: 50, iowait: -5 }) });
    expect(later).toMatchObject({ cpuUser: 0.5, cpuSystem: 0, cpuIdle: 0.5, cpuIoWait: 0 });
  });

  it('no time between two readings tells nothing', () => {
    const sampler = new HostSampler();
    sampler.sample(reading);
    expect(sampler.sample(reading)).not.toHaveProperty('cpuIdle');
  });

  it('a reading without them breaks the chain', () => {
    const sampler = new HostSampler();
    sampler.sample(reading);
    expect(sampler.sample({ ...reading, cpu: undefined })).not.toHaveProperty('cpuUser');
    expect(sampler.sample({ ...reading, cpu: after({ user: 1 }) })).not.toHaveProperty('cpuUser');
  });
});
