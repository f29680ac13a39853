import { beforeEach, expect, it } from 'vitest';
import type { Definition } from '../../src/drivers/libvirt/definition.ts';
import { LiveDefinition } from '../../src/drivers/libvirt/live-definition.ts';

const definition: Definition = {
  info: { name: 'guest' },
  infoHash: 'without a process',
  config: {},
  configHash: 'config',
  pid: undefined,
  hasAgentChannel: false,
  macs: [],
  onLibvirtNetwork: false,
};
const process = { pid: 139, elapsedS: 5 };
let live: LiveDefinition;

beforeEach(() => {
  live = new LiveDefinition();
});

it('where processes cannot be looked at, info is told at once', () => {
  expect(live.hashes(true)).toEqual({});
  live.define(definition);
  expect(live.hashes(true)).toEqual({ info: 'without a process', config: 'config' });
});

it('V1: info waits for the process, and is told once with it; of each run anew', () => {
  live.expectProcess();
  live.define(definition);
  for (let runs = 0; runs < 2; runs++) {
    expect(live.hashes(true)).toEqual({ config: 'config' });
    live.runsAs(process);
    expect(live.value?.info).toEqual({ name: 'guest', pid: 139 });
    expect(live.hashes(true).info).toBe(live.value?.infoHash);
    live.runsAs(undefined); // not to be had just now
    expect(live.value?.pid).toBe(139);
    live.endRun();
    expect(live.hashes(false), 'off: it has none').toEqual({ info: expect.any(String), config: 'config' });
    expect(live.value?.info).toEqual({ name: 'guest' });
  }
});

it('V1: one that cannot be found, or not in three looks, is waited for no longer', () => {
  const other = new LiveDefinition();
  for (const one of [live, other]) {
    one.expectProcess();
    one.define(definition);
  }
  live.runsAs(undefined);
  expect(live.hashes(true).info).toBe('without a process');
  for (const info of [undefined, undefined, 'without a process']) {
    other.wasNotLookedAt();
    expect(other.hashes(true).info).toBe(info);
  }
});
