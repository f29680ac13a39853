/** Against a real libvirtd with emulated guests, virsh as the oracle. */
import {
  connectLibvirt,
  type Dial,
  type Domain,
  type DomainEvent,
  dialUnix,
  domainStates,
  groupsWithoutMonitor,
  type LibvirtConnection,
  LibvirtSession,
  lifecycleEvents,
  parseDomainXml,
  parseHostCapabilities,
  remoteErrorOf,
  type SessionEvent,
  statsFlags,
} from '@vedette/libvirt';
import { eventually } from '@vedette/testbed';
import { biosGuest, libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

const available = libvirtAvailable();
let libvirt: PrivateLibvirt;
let connection: LibvirtConnection;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt({ settings: { keepalive_interval: 1, keepalive_count: 1 } });
  await libvirt.startBiosGuest('alpha');
  await libvirt.startBiosGuest('beta', { vcpus: 2 });
  connection = await connectLibvirt({ socketPath: libvirt.socketPath });
});
afterAll(async () => {
  await connection?.close();
  await libvirt?.stop();
});
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

async function domainNamed(name: string): Promise<Domain> {
  const found = (await connection.listDomains()).find((domain) => domain.name === name);
  if (found === undefined) throw new Error(`no domain ${name}`);
  return found;
}

it('the domains are those of virsh list, also the inactive ones', async () => {
  await libvirt.defineGuest(biosGuest('idle'));
  const domains = await connection.listDomains();
  const lines = domains.map(({ uuid, name }) => `${uuid} ${name}`).sort();
  expect(lines).toEqual((await libvirt.virsh('list', '--all', '--uuid', '--name')).split('\n').sort());
  expect(domains.map(({ name, id }) => [name, id > 0])).toContainEqual(['idle', false]);
  await libvirt.virsh('undefine', 'idle');
  const alpha = await domainNamed('alpha');
  expect(await connection.lookupDomain(alpha.uuid)).toEqual(alpha);
});

it('the definition is that of virsh dumpxml', async () => {
  const xml = await connection.domainXml(await domainNamed('beta'));
  expect(xml.trim()).toBe(await libvirt.virsh('dumpxml', 'beta'));
  expect(parseDomainXml(xml)).toMatchObject({
    name: 'beta',
    type: 'qemu',
    vcpus: { maximum: 2 },
    memoryKiB: 32 * 1024,
  });
});

it('the statistics have the fields of virsh domstats, of all domains or of those asked for', async () => {
  const groups = ['state', 'cpuTotal', 'balloon', 'vcpu', 'interface', 'block'] as const;
  const all = await connection.domainStats({ groups });
  expect(all.map(({ domain }) => domain.name).sort()).toEqual(['alpha', 'beta']);
  const [stats, ...others] = await connection.domainStats({ groups, domains: [await domainNamed('beta')] });
  expect(others).toEqual([]);
  const flags = ['--state', '--cpu-total', '--balloon', '--vcpu', '--interface', '--block'];
  const lines = (await libvirt.virsh('domstats', ...flags, 'beta')).split('\n').slice(1);
  expect([...(stats?.params.keys() ?? [])]).toEqual(lines.map((line) => line.trim().split('=')[0]));
  expect(stats?.params.get('state.state')).toBe(domainStates.running);
  expect(stats?.params.get('cpu.time')).toBeGreaterThan(1_000_000);
  const info = await connection.domainInfo(await domainNamed('beta'));
  expect(info).toMatchObject({ state: domainStates.running, vcpus: 2, memoryKiB: 32 * 1024, maxMemoryKiB: 32 * 1024 });
  expect(info.cpuTimeNs).toBeGreaterThanOrEqual(Number(stats?.params.get('cpu.time')));
});

it('the host says who it is', async () => {
  const capabilities = parseHostCapabilities(await connection.hostCapabilitiesXml());
  expect(capabilities).toMatchObject({ hostUuid: libvirt.hostUuid, arch: 'x86_64', kvm: false });
  expect(await connection.hostname()).toBe(await libvirt.virsh('hostname'));
  const { libvirt: version } = await connection.versions();
  expect(await libvirt.virsh('version', '--daemon')).toContain(`Running against daemon: ${version}`);
  expect((await connection.nodeInfo()).cpus).toBeGreaterThan(0);
  expect([...(await connection.nodeMemoryStats()).keys()]).toEqual(['total', 'free', 'buffers', 'cached']);
  expect((await connection.nodeCpuStats()).get('idle')).toBeGreaterThan(0);
  const times = await connection.nodeCpuTimes();
  expect(times.idleNs).toBeGreaterThan(0);
  expect([times.userNs, times.systemNs, times.iowaitNs].every((ns) => ns >= 0)).toBe(true);
});

it('S6: start, suspend, resume, managed save, restore, destroy and crash are told at once, with their state to be read', async () => {
  const seen: string[] = [];
  const names = new Map<number, string>(Object.entries(lifecycleEvents).map(([name, number]) => [number, name]));
  const told = (event: DomainEvent): void => {
    if (event.type === 'lifecycle' && event.domain.name === 'gamma') seen.push(names.get(event.event) ?? '?');
  };
  const listening = await connection.listen(told);
  const after = async (act: Promise<unknown>, events: readonly string[], state: readonly number[]): Promise<void> => {
    await act;
    await eventually(() => expect(seen).toEqual(events));
    const now = await connection.domainState(await domainNamed('gamma'));
    expect([now.state, now.reason]).toEqual(state);
    seen.length = 0;
  };
  await after(libvirt.startBiosGuest('gamma'), ['defined', 'resumed', 'started'], [1, 1]);
  await after(libvirt.virsh('suspend', 'gamma'), ['suspended'], [3, 1]);
  await after(libvirt.virsh('resume', 'gamma'), ['resumed'], [1, 5]);
  await after(libvirt.virsh('managedsave', 'gamma'), ['suspended', 'stopped'], [5, 5]);
  await after(libvirt.virsh('start', 'gamma'), ['started', 'resumed'], [1, 3]);
  await after(libvirt.virsh('destroy', 'gamma'), ['shutdown', 'stopped'], [5, 2]);
  await after(connection.startDomain(await domainNamed('gamma')), ['resumed', 'started'], [1, 1]);
  await after(libvirt.signalGuest('gamma', 'SIGKILL'), ['stopped'], [5, 3]);
  await libvirt.virsh('undefine', 'gamma');
  await eventually(() => expect(seen).toEqual(['undefined']));
  listening.stop();
});

it('S5: a reset guest is told by reboot events and no lifecycle event', async () => {
  const stream = await connection.events();
  const events = stream[Symbol.asyncIterator]();
  await libvirt.virsh('reset', 'alpha');
  const first = await events.next();
  expect(first.value).toMatchObject({ type: 'reboot', domain: { name: 'alpha' } });
  await events.return();
});

it('what is being done to a domain, its persistence, its disks and how QEMU fares', async () => {
  const alpha = await domainNamed('alpha');
  expect(await connection.domainJobInfo(alpha)).toMatchObject({ type: 'none' });
  expect(await connection.domainJobStats(alpha)).toMatchObject({ type: 'none', operation: 'unknown' });
  expect(await connection.domainIsPersistent(alpha)).toBe(true);
  expect(await connection.domainDiskErrors(alpha)).toEqual([]);
  // For a moment after QEMU was asked it is still called occupied.
  const idle = async () => expect(await connection.domainControlInfo(alpha)).toEqual({ state: 'ok', stateMs: 0 });
  await eventually(idle, { timeoutMs: 15_000 });
  await eventually(async () => expect(await libvirt.virsh('domcontrol', 'alpha')).toBe('ok'), { timeoutMs: 15_000 });
});

it('the storage pools and networks of the host, with which of them are active', async () => {
  const networks = await connection.networks();
  const lines = networks.map(({ name, uuid, active }) => `${name} ${uuid} ${active}`).sort();
  const active = new Set((await libvirt.virsh('net-list', '--name')).split('\n'));
  const oracle = (await libvirt.virsh('net-list', '--all', '--name')).split('\n').filter((name) => name !== '');
  const expected = await Promise.all(
    oracle.map(async (name) => `${name} ${await libvirt.virsh('net-uuid', name)} ${active.has(name)}`),
  );
  expect(lines).toEqual(expected.sort());
  expect(networks.length).toBeGreaterThan(0);
  await libvirt.run('mkdir', ['-p', '/run/pool']);
  await libvirt.virsh('pool-define-as', 'scratch', 'dir', '--target', '/run/pool');
  expect(await connection.storagePools()).toMatchObject([{ name: 'scratch', active: false }]);
  await libvirt.virsh('pool-start', 'scratch');
  expect(await connection.storagePools()).toMatchObject([{ name: 'scratch', active: true }]);
  await libvirt.virsh('pool-destroy', 'scratch');
  await libvirt.virsh('pool-undefine', 'scratch');
});

it('what libvirtd refuses keeps its reason', async () => {
  const alpha = await domainNamed('alpha');
  const gone = { ...alpha, uuid: '00000000-0000-0000-0000-000000000001' };
  await expect(connection.domainState(gone)).rejects.toMatchObject({ code: 'VDT_LIBVIRT_NO_DOMAIN' });
  await expect(connection.startDomain(alpha)).rejects.toMatchObject({ code: 'VDT_LIBVIRT_STATE' });
  const noAgent = await connection.interfaceAddresses(alpha, 'agent').catch((error: unknown) => error);
  expect(noAgent).toMatchObject({ code: 'VDT_LIBVIRT_UNSUPPORTED' });
  expect(remoteErrorOf(noAgent)?.code).toBe(74);
});

it('a read-only connection lists and follows, and may do nothing', async () => {
  await using reader = await connectLibvirt({ socketPath: libvirt.readOnlySocketPath, readOnly: true });
  const domains = await reader.listDomains();
  expect(domains).toHaveLength(2);
  const [alpha] = domains as [Domain];
  expect(await reader.domainStats({ groups: groupsWithoutMonitor })).toHaveLength(2);
  expect(await reader.interfaceAddresses(alpha, 'lease')).toEqual([]);
  await expect(reader.events()).resolves.toBeDefined();
  const denied = await reader.startDomain(alpha).catch((error: unknown) => error);
  expect(denied).toMatchObject({ code: 'VDT_LIBVIRT_DENIED', retryable: false });
  expect(remoteErrorOf(denied)?.code).toBe(29);
});

it('a hung QEMU delays nothing but what only it could tell', async () => {
  const groups = ['state', 'cpuTotal', 'interface', 'block'] as const;
  const beta = await domainNamed('beta');
  await using own = await connectLibvirt({ socketPath: libvirt.socketPath });
  await libvirt.signalGuest('beta', 'SIGSTOP');
  try {
    await expect(own.domainStats({ groups, timeoutMs: 500 })).rejects.toMatchObject({ code: 'VDT_RUNTIME_DEADLINE' });
    expect(own.abandonedCalls).toBe(1);
    const quick = { timeoutMs: 2_000 };
    expect(await own.domainStats({ groups: groupsWithoutMonitor, ...quick })).toHaveLength(2);
    expect(await own.domainState(beta, quick)).toMatchObject({ state: domainStates.running });
    expect((await own.domainInfo(beta, quick)).cpuTimeNs).toBeGreaterThan(0);
    expect(await own.domainXml(beta, quick)).toContain('beta');
    expect(await own.domainIsPersistent(beta, quick)).toBe(true);
    const control = await own.domainControlInfo(beta, quick);
    expect(control.state).toBe('occupied');
    expect(control.stateMs).toBeGreaterThan(0);
    const partial = await own.domainStats({ groups, flags: statsFlags.noWait, ...quick });
    const fields = new Map(partial.map(({ domain, params }) => [domain.name, params.size]));
    expect(fields.get('beta')).toBeLessThan(fields.get('alpha') ?? 0);
  } finally {
    await libvirt.signalGuest('beta', 'SIGCONT');
  }
  await eventually(() => expect(own.abandonedCalls).toBe(0));
  expect(await own.domainStats({ groups })).toHaveLength(2);
});

it('S8: a session finds libvirtd again after a restart and after a crash, and follows its events', async () => {
  await using session = new LibvirtSession({
    socketPath: libvirt.socketPath,
    backoff: { initialMs: 50, maxMs: 500 },
  });
  const seen: (SessionEvent | { readonly type: 'lost' })[] = [];
  const reading = (async () => {
    for await (const event of session.events()) seen.push(event);
  })();
  const types = (): readonly string[] => seen.map(({ type }) => type);
  await eventually(() => expect(types()).toEqual(['connected']));
  await libvirt.restart();
  await eventually(() => expect(types()).toEqual(['connected', 'disconnected', 'connected']));
  await libvirt.daemon.stop('SIGKILL');
  await eventually(() => expect(types().slice(3)).toEqual(['disconnected']));
  await expect(session.connection()).rejects.toMatchObject({ retryable: true });
  await libvirt.daemon.start();
  await eventually(() => expect(types().slice(3)).toEqual(['disconnected', 'connected']));
  await libvirt.virsh('suspend', 'alpha');
  await eventually(() => expect(seen.at(-1)).toMatchObject({ type: 'lifecycle', domain: { name: 'alpha' } }));
  await libvirt.virsh('resume', 'alpha');
  expect(await (await session.connection()).listDomains()).toHaveLength(2);
  await session.close();
  await reading;
  connection = await connectLibvirt({ socketPath: libvirt.socketPath });
});

it('the test driver tells one connection what another did', async () => {
  const uri = `test+unix:///default?socket=${libvirt.socketPath}`;
  await using tester = await connectLibvirt({ uri });
  const [domain] = await tester.listDomains();
  expect(domain).toMatchObject({ name: 'test', uuid: await libvirt.virshOn('test', 'domuuid', 'test') });
  const events = (await tester.events())[Symbol.asyncIterator]();
  await libvirt.virshOn('test', 'suspend', 'test');
  expect((await events.next()).value).toMatchObject({ type: 'lifecycle', event: lifecycleEvents.suspended });
  expect(await tester.domainState(domain as Domain)).toEqual({ state: domainStates.paused, reason: 1 });
  await libvirt.virshOn('test', 'resume', 'test');
  expect((await events.next()).value).toMatchObject({ type: 'lifecycle', event: lifecycleEvents.resumed });
  await events.return();
});

it('libvirtd keeps a client that answers its keepalive and drops one that does not', async () => {
  const dial = dialUnix(libvirt.socketPath);
  const mute = await connectLibvirt({ dial: withoutPongs(dial) });
  await using answering = await connectLibvirt({ dial });
  await expect(mute.closed).resolves.toMatchObject({ code: 'VDT_LIBVIRT_CLOSED' });
  expect(answering.isClosed).toBe(false);
  expect(await answering.listDomains()).toHaveLength(2);
});

function withoutPongs(dial: Dial): Dial {
  return async (handlers, signal) => {
    const transport = await dial(handlers, signal);
    const isPong = (bytes: Uint8Array): boolean => Buffer.from(bytes).readUInt32BE(4) === 0x6b656570;
    return { ...transport, send: (bytes) => (isPong(bytes) ? undefined : transport.send(bytes)) };
  };
}
