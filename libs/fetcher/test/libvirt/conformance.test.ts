import type { FetcherUnderTest } from '@vedette/fetcher/conformance';
import { hostFetcherConformance } from '@vedette/fetcher/conformance';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import type { VMState } from '@vedette/model';
import { RealClock } from '@vedette/runtime';
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { vi } from 'vitest';

const available = libvirtAvailable();
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** How virsh says what we say; only the states that these tests bring about. */
const words: Readonly<Record<string, VMState>> = {
  running: 'running',
  paused: 'paused',
  'shut off': 'stopped',
};

async function truthOf(libvirt: PrivateLibvirt): Promise<ReadonlyMap<string, VMState>> {
  const uuids = (await libvirt.virsh('list', '--all', '--uuid')).split('\n').filter((line) => line !== '');
  const states = await Promise.all(uuids.map((uuid) => libvirt.virsh('domstate', uuid)));
  return new Map(uuids.map((uuid, at) => [uuid, words[states[at] ?? ''] ?? 'unknown']));
}

async function setup(readOnly: boolean): Promise<FetcherUnderTest> {
  const libvirt = await startLibvirt();
  const first = await libvirt.startBiosGuest('first');
  await libvirt.startBiosGuest('second');
  await libvirt.startBiosGuest('third');
  await libvirt.virsh('destroy', 'third');
  const clock = new RealClock();
  let paused = false;
  const socket = readOnly ? `${libvirt.readOnlySocketPath}&readonly=1` : libvirt.socketPath;
  return {
    driver: libvirtDriver({ clock: clock }),
    host: { id: 'host', url: `libvirt:///system?socket=${socket}` },
    badUrls: [
      'libvirt:///',
      'libvirt:///system?socket=relative',
      'libvirt:///system?readonly=yes',
      'libvirt:///system?colour=blue',
      'libvirt:///system#part',
      'libvirt+carrier-pigeon://elsewhere/system',
      'sim://host',
      'nonsense',
      '',
    ],
    truth: () => truthOf(libvirt),
    changeState: async () => {
      paused = !paused;
      await libvirt.virsh(paused ? 'suspend' : 'resume', 'first');
      return { vm: first.uuid, state: paused ? 'paused' : 'running' };
    },
    stick: async () => {
      await libvirt.daemon.signal('SIGSTOP');
      return async () => {
        await libvirt.daemon.signal('SIGCONT');
        // Once in some hundred runs libvirtd 9.0 ended when it went on and found that its client had left.
        await eventually(async () => {
          if (!(await libvirt.daemon.isRunning())) await libvirt.daemon.start();
          await libvirt.virsh('version');
        });
      };
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
    [Symbol.asyncDispose]: () => libvirt.stop(),
  };
}

const skip = available.ok ? {} : { skip: available.reason };
hostFetcherConformance('libvirt', () => setup(false), skip);
hostFetcherConformance('libvirt, read-only', () => setup(true), skip);
