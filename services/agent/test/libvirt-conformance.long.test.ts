import { createMemoryBroker } from '@vedette/bus/memory';
import { agentDriver } from '@vedette/fetcher/agent';
import type { FetcherUnderTest } from '@vedette/fetcher/conformance';
import { hostFetcherConformance } from '@vedette/fetcher/conformance';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import type { VMState } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import { silentLogger } from '@vedette/telemetry';
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { vi } from 'vitest';
import { createAgents } from '../src/index.ts';

const available = libvirtAvailable();
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** How virsh says what we say; only the states that these tests bring about. */
const words: Readonly<Record<string, VMState>> = { running: 'running', paused: 'paused', 'shut off': 'stopped' };

async function truthOf(libvirt: PrivateLibvirt): Promise<ReadonlyMap<string, VMState>> {
  const uuids = (await libvirt.virsh('list', '--all', '--uuid')).split('\n').filter((line) => line !== '');
  const states = await Promise.all(uuids.map((uuid) => libvirt.virsh('domstate', uuid)));
  return new Map(uuids.map((uuid, at) => [uuid, words[states[at] ?? ''] ?? 'unknown']));
}

/** A real libvirtd, with every right; what an agent without rights sees is in libvirt.test.ts. */
async function setup(): Promise<FetcherUnderTest> {
  const libvirt = await startLibvirt();
  const first = await libvirt.startBiosGuest('first');
  await libvirt.startBiosGuest('second');
  await libvirt.startBiosGuest('third');
  await libvirt.virsh('destroy', 'third');
  const clock = new RealClock();
  const broker = createMemoryBroker({ clock });
  const agents = createAgents({
    bus: broker.connect({ name: 'agent' }),
    driver: libvirtDriver({ clock }),
    hosts: [{ id: 'kvm-1', url: `libvirt:///system?socket=${libvirt.socketPath}` }],
    clock,
    logger: silentLogger(),
  });
  await agents.start({ signal: new AbortController().signal });
  let paused = false;
  return {
    driver: agentDriver({ bus: broker.connect({ name: 'monitor' }), clock }),
    host: { id: 'kvm-1', url: 'agent:kvm-1' },
    badUrls: ['agent:', 'libvirt:///system', 'nonsense', ''],
    truth: () => truthOf(libvirt),
    changeState: async () => {
      paused = !paused;
      await libvirt.virsh(paused ? 'suspend' : 'resume', 'first');
      return { vm: first.uuid, state: paused ? 'paused' : 'running' };
    },
    stick: async () => {
      await libvirt.daemon.signal('SIGSTOP');
      return () => libvirt.daemon.signal('SIGCONT');
    },
    refuse: async () => {
      await libvirt.daemon.stop('SIGKILL');
      return async () => {
        await libvirt.daemon.start();
        await eventually(async () => libvirt.virsh('domstate', 'first'));
      };
    },
    settle: (pending) => pending,
    pass: (ms) => clock.sleep(ms),
    [Symbol.asyncDispose]: async () => {
      await agents.stop({ deadlineMs: clock.now() + 2_000, signal: new AbortController().signal });
      await broker.close();
      await libvirt.stop();
    },
  };
}

hostFetcherConformance('agent over libvirt', setup, available.ok ? {} : { skip: available.reason });
