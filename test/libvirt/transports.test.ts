import { randomUUID } from 'node:crypto';
import { eventually, freePort } from '@vedette/testbed';
import {
  type KeyPair,
  libvirtAvailable,
  type PrivateLibvirt,
  type Sshd,
  startLibvirt,
  startSshd,
} from '@vedette/testbed/libvirt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Spine, type SpineHost } from './spine.ts';

const available = libvirtAvailable({ tls: true, ssh: true });
const waiting = { timeoutMs: 30_000 };
/** Soon non-responsive, so that a test can see what follows from it. */
const config = { graceBaseMs: 3_000, gracePerVmMs: 0, pollTimeoutMs: 2_000, backoffMaxMs: 1_000 };

const tlsUrl = (port: number, ca: string, client: KeyPair): string =>
  `qemu+tls://127.0.0.1:${port}/system?cacert=${ca}&clientcert=${client.cert}&clientkey=${client.key}`;
const sshUrl = (port: number, key: string, knownHosts: string, rest = ''): string =>
  `qemu+ssh://root@127.0.0.1:${port}/system?keyfile=${key}&known_hosts=${knownHosts}${rest}`;
const tcpUrl = (port: number): string => `qemu+tcp://127.0.0.1:${port}/system?insecure=1`;
const socketUrl = ({ socketPath }: PrivateLibvirt): string => `qemu:///system?socket=${socketPath}`;

/** A libvirtd with one guest, reached in one way only: a VM seen on two hosts would be another story. */
interface Target {
  readonly id: string;
  readonly libvirt: PrivateLibvirt;
  readonly url: string;
  readonly vm: string;
  readonly sshd?: Sshd;
}

const ways = {
  tls: async () => {
    const libvirt = await startLibvirt({ tls: true });
    return { libvirt, url: tlsUrl(libvirt.tls.port, libvirt.tls.ca, libvirt.tls.client) };
  },
  'ssh-virt-ssh-helper': async () => {
    const libvirt = await startLibvirt();
    const sshd = await startSshd(libvirt);
    return { libvirt, sshd, url: sshUrl(sshd.port, sshd.keyFile, sshd.knownHostsFile) };
  },
  'ssh-nc': async () => {
    const libvirt = await startLibvirt();
    const sshd = await startSshd(libvirt, { programs: ['sh', 'nc'] });
    return { libvirt, sshd, url: sshUrl(sshd.port, sshd.keyFile, sshd.knownHostsFile) };
  },
  tcp: async () => {
    const libvirt = await startLibvirt({ tcp: true });
    return { libvirt, url: tcpUrl(libvirt.tcp.port) };
  },
  'read-only-socket': async () => {
    const libvirt = await startLibvirt();
    return { libvirt, url: `qemu:///system?socket=${libvirt.readOnlySocketPath}&readonly=1` };
  },
  'modular-socket': async () => {
    const libvirt = await startLibvirt({ daemon: 'virtqemud' });
    return { libvirt, url: socketUrl(libvirt) };
  },
} as const;
type Way = keyof typeof ways;
const wayNames = Object.keys(ways) as Way[];

const startTarget = async (id: Way): Promise<Target> => {
  const vm = randomUUID();
  const target = await ways[id]();
  await target.libvirt.startBiosGuest('guest', { uuid: vm });
  return { id, vm, ...target };
};

describe('the transports of libvirt, against real servers', { timeout: 120_000 }, () => {
  const targets = new Map<Way, Target>();
  /** Another host, with one guest, that must not suffer from what happens to the others. */
  let neighbour: PrivateLibvirt;
  let spine: Spine;
  const neighbourVm = randomUUID();

  beforeAll(async () => {
    if (!available.ok) return;
    for (const way of wayNames) targets.set(way, await startTarget(way));
    neighbour = await startLibvirt();
    await neighbour.startBiosGuest('neighbour', { uuid: neighbourVm });
  }, 120_000);
  afterAll(async () => {
    const stop = async ({ sshd, libvirt }: Target): Promise<void> => {
      await sshd?.stop();
      await libvirt.stop();
    };
    await Promise.all([...targets.values()].map(stop));
    await neighbour?.stop();
  });
  beforeEach((ctx) => {
    if (!available.ok) ctx.skip(available.reason);
  });
  afterEach(() => spine?.[Symbol.asyncDispose]());

  const target = (way: Way): Target => {
    const found = targets.get(way);
    if (found === undefined) throw new Error(`${way} was not started`);
    return found;
  };
  const begin = async (hosts: readonly Pick<SpineHost, 'id' | 'url'>[]): Promise<void> => {
    const all = [...hosts, { id: 'neighbour', url: socketUrl(neighbour), hostRoot: neighbour.rootDir }];
    spine = await Spine.begin(
      all.map((host) => ({ ...host, realm: 'lab' })),
      { config },
    );
    await becomes(neighbourVm, 'running');
  };
  /** Every guest is known, with its definition, which comes last; what comes later is worth a second look. */
  const beginWith = async (watched: readonly Target[]): Promise<void> => {
    await begin(watched);
    for (const { id, vm } of watched) {
      await eventually(async () => {
        const sightings = (await spine.store.vm(vm))?.sightings ?? [];
        expect(sightings[0]?.registers.config?.value.document, `${id}: ${spine.story(vm)}`).toBeDefined();
      }, waiting);
      await becomes(vm, 'running');
      await hostBecomes(id, /^up/);
    }
    spine.forget();
  };
  const becomes = (vm: string, state: string) =>
    eventually(async () => expect((await spine.store.vm(vm))?.truth.state, spine.story(vm)).toBe(state), waiting);
  const hostBecomes = (id: string, state: RegExp) =>
    eventually(async () => {
      const host = await spine.store.host(id);
      expect(`${id} ${host?.state}: ${host?.reason}`.slice(id.length + 1), id).toMatch(state);
    }, waiting);
  /** What was told of a VM, by type; with its state where that was it. */
  const eventsAbout = (vm: string): string[] =>
    spine.vmEvents
      .filter(({ data }) => 'vm' in data && data.vm === vm)
      .map(({ type, data }) => ('to' in data ? `${type} to ${data.to}` : type));

  /** A guest is suspended and resumed, and both are heard by push. */
  const isHeard = async (libvirt: PrivateLibvirt, name: string, vm: string): Promise<void> => {
    const before = spine.statesOf(vm).length;
    const told = () => spine.told('VMStateChanged', vm).slice(before);
    for (const [act, state] of [
      ['suspend', 'paused'],
      ['resume', 'running'],
    ] as const) {
      await libvirt.virsh(act, name);
      await eventually(() => expect(told().at(-1)?.data.to, spine.story(vm)).toBe(state), waiting);
    }
    expect(told().map(({ data }) => `${data.to} by ${data.via}`)).toEqual(['paused by push', 'running by push']);
  };
  const neighbourIsHeard = () => isHeard(neighbour, 'neighbour', neighbourVm);

  it.each(wayNames)('S6: a host reached by %s is listed, and a change on it is heard at once', async (way) => {
    await beginWith([target(way)]);
    await isHeard(target(way).libvirt, 'guest', target(way).vm);
  });

  /** All transports at once: what is done to each, and undone, and what then is true of each. */
  const afterTrouble = async (
    trouble: (libvirt: PrivateLibvirt) => Promise<void>,
    end: (libvirt: PrivateLibvirt) => Promise<void>,
    reason: RegExp,
  ): Promise<void> => {
    const watched = wayNames.map(target);
    await beginWith(watched);
    await Promise.all(watched.map(({ libvirt }) => trouble(libvirt)));
    try {
      await neighbourIsHeard();
      for (const { id } of watched) await hostBecomes(id, reason);
    } finally {
      await Promise.all(watched.map(({ libvirt }) => end(libvirt)));
    }
    for (const { id, vm } of watched) {
      await hostBecomes(id, /^up/);
      await becomes(vm, 'running');
    }
    await spine.clock.sleep(2_000); // two polls
    for (const { id, vm } of watched) expect(eventsAbout(vm), `${id}: ${spine.story(vm)}`).toEqual([]);
  };

  it('N1: libvirtd frozen behind each transport: the host is blamed, no VM, and not its neighbour', async () => {
    await afterTrouble(
      ({ daemon }) => daemon.freeze(),
      ({ daemon }) => daemon.thaw(),
      /^non_responsive: /,
    );
  });

  it('N1, N6: libvirtd killed behind each transport and started again: no VM event, and the hosts are back', async () => {
    await afterTrouble(
      ({ daemon }) => daemon.stop('SIGKILL'),
      ({ daemon }) => daemon.start(),
      /^non_responsive: /,
    );
  });

  it('N1: an address that cannot be used, for each reason: the host says why, and nothing is known of its VMs', async () => {
    await using misnamed = await startLibvirt({ tls: { serverName: 'other.example' } });
    await using expired = await startLibvirt({ tls: { serverExpired: true } });
    const nobody = await freePort();
    const { port, ca, otherCa, client, strangeClient, expiredClient } = target('tls').libvirt.tls;
    const tcpPort = target('tcp').libvirt.tcp.port;
    const [sshd, oldSshd] = [sshdOf('ssh-virt-ssh-helper'), sshdOf('ssh-nc')];
    const { keyFile, knownHostsFile, strangeKeyFile, strangeKnownHostsFile } = sshd;
    const unusable: Readonly<Record<string, readonly [url: string, reason: RegExp]>> = {
      'tls-refused': [tlsUrl(nobody, ca, client), /refused/i],
      'tls-strange-client': [tlsUrl(port, ca, strangeClient), /certificate|closed|reset/i],
      'tls-expired-client': [tlsUrl(port, ca, expiredClient), /certificate|expired|closed|reset/i],
      'tls-strange-server': [tlsUrl(port, otherCa, client), /certificate|authority|issuer/i],
      'tls-misnamed-server': [tlsUrl(misnamed.tls.port, misnamed.tls.ca, misnamed.tls.client), /name|certificate/i],
      'tls-expired-server': [tlsUrl(expired.tls.port, expired.tls.ca, expired.tls.client), /expired/i],
      'tls-to-plain-tcp': [tlsUrl(tcpPort, ca, client), /./],
      'tls-without-files': [tlsUrl(port, '/nowhere/ca.pem', client), /nowhere/],
      'tcp-refused': [tcpUrl(nobody), /refused/i],
      'tcp-to-tls': [tcpUrl(port), /./],
      'tcp-to-ssh': [tcpUrl(sshd.port), /./],
      'ssh-refused': [sshUrl(nobody, keyFile, knownHostsFile), /refused|host key|host/i],
      'ssh-strange-key': [sshUrl(sshd.port, strangeKeyFile, knownHostsFile), /denied|key/i],
      'ssh-strange-host-key': [sshUrl(sshd.port, keyFile, strangeKnownHostsFile), /host key/i],
      'ssh-without-helper': [sshUrl(oldSshd.port, oldSshd.keyFile, oldSshd.knownHostsFile, '&proxy=native'), /helper/i],
      'socket-missing': ['qemu:///system?socket=/nowhere/libvirt-sock', /refused|no such|nowhere/i],
    };
    await begin(Object.entries(unusable).map(([id, [url]]) => ({ id, url })));
    for (const [id, [, reason]] of Object.entries(unusable)) {
      await hostBecomes(id, /^non_responsive: /);
      expect(`${id}: ${(await spine.store.host(id))?.reason}`).toMatch(reason);
    }
    await neighbourIsHeard();
    const { items } = await spine.store.vms({}, { limit: 100 });
    expect(items.map(({ id }) => id)).toEqual([neighbourVm]);
    expect(spine.vmEvents.filter(({ data }) => 'host' in data && data.host !== 'neighbour')).toEqual([]);
  });

  it("N1: another host's libvirtd behind the same address is an identity conflict, and its VMs are not believed", async () => {
    const { libvirt, vm } = target('tls');
    await beginWith([target('tls')]);
    await libvirt.becomeAnotherHost();
    await libvirt.virsh('suspend', 'guest');
    await hostBecomes('tls', /^non_operational: .*identity/i);
    await neighbourIsHeard();
    await spine.clock.sleep(3_000);
    expect(eventsAbout(vm), spine.story(vm)).toEqual([]);
    expect((await spine.store.vm(vm))?.truth).toMatchObject({ state: 'unknown', lastState: 'running' });
  });

  const sshdOf = (way: Way): Sshd => {
    const { sshd } = target(way);
    if (sshd === undefined) throw new Error(`${way} has no ssh server`);
    return sshd;
  };
});
