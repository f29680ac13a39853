/** What only a guest with an operating system can show: addresses, guest information, the agent's events and hangs. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  connectLibvirt,
  type Domain,
  type DomainEvent,
  type LibvirtConnection,
  LibvirtSession,
  parseDomainXml,
} from '@vedette/libvirt';
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

const available = libvirtAvailable({ fullGuests: true });
const mac = '52:54:00:12:34:56';
const events: DomainEvent[] = [];
let libvirt: PrivateLibvirt;
let connection: LibvirtConnection;
let guest: Domain;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  connection = await connectLibvirt({ socketPath: libvirt.socketPath });
  await connection.listen((event) => events.push(event));
  const { uuid } = await libvirt.startFullGuest('linux', { mac });
  await libvirt.agentAnswers('linux');
  guest = await connection.lookupDomain(uuid);
});
afterAll(async () => {
  await connection?.close();
  await libvirt?.stop();
});
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('the lease and the agent know the same address, the agent with loopback and IPv6 beside', async () => {
  const [lease] = await connection.interfaceAddresses(guest, 'lease');
  expect(lease).toMatchObject({ mac, addresses: [{ family: 'ipv4', prefixLength: 24 }] });
  expect(await libvirt.virsh('domifaddr', 'linux')).toContain(lease?.addresses[0]?.address);
  const fromAgent = await connection.interfaceAddresses(guest, 'agent');
  expect(fromAgent.map(({ name }) => name)).toEqual(['lo', 'eth0']);
  expect(fromAgent[1]).toMatchObject({ mac, addresses: lease?.addresses });
  expect(fromAgent[0]?.addresses).toContainEqual({ family: 'ipv6', address: '::1', prefixLength: 128 });
  const definition = parseDomainXml(await connection.domainXml(guest));
  expect(definition.interfaces).toMatchObject([{ mac, target: lease?.name }]);
});

it('the agent tells the guest’s system and name', async () => {
  const info = await connection.guestInfo(guest, ['os', 'hostname']);
  expect(info.get('hostname')).toBe('linux');
  expect(info.get('os.id')).toBe('debian');
});

it('the agent’s coming is told', () => {
  expect(events).toContainEqual(expect.objectContaining({ type: 'agent', connected: true }));
});

it('a balloon that moves is told, and what it came to', async () => {
  const wantedKiB = 88 * 1024;
  await libvirt.virsh('setmem', 'linux', `${wantedKiB}KiB`, '--live');
  const moved = { type: 'balloon', domain: expect.objectContaining({ name: 'linux' }), actualKiB: wantedKiB };
  await eventually(() => expect(events).toContainEqual(moved), { timeoutMs: 15_000 });
  const definition = parseDomainXml(await connection.domainXml(guest));
  expect(definition).toMatchObject({ currentMemoryKiB: wantedKiB, memoryKiB: 96 * 1024 });
  expect(definition.balloon).toEqual({ model: 'virtio', statsPeriodS: 2 });
});

it('a device plugged in, and one that the guest has given up, are told by their alias', async () => {
  const file = join(libvirt.baseDir, 'xml', 'nic.xml');
  await writeFile(file, "<interface type='user'><mac address='52:54:00:00:00:07'/><link state='down'/></interface>");
  await libvirt.virsh('attach-device', 'linux', file, '--live');
  const told = (added: boolean): object => ({ type: 'device', domain: guest, device: 'net1', added });
  await eventually(() => expect(events).toContainEqual(told(true)), { timeoutMs: 15_000 });
  const { interfaces } = parseDomainXml(await connection.domainXml(guest));
  expect(interfaces.map(({ linkUp }) => linkUp)).toEqual([true, false]);
  await libvirt.virsh('detach-device', 'linux', file, '--live');
  await eventually(() => expect(events).toContainEqual(told(false)), { timeoutMs: 15_000 });
});

it('N1: a hung agent delays other calls by nothing and its own by the time set for it', async () => {
  await using session = new LibvirtSession({ socketPath: libvirt.socketPath, agentResponseTimeoutS: 1 });
  await expect(session.agent.interfaceAddresses(guest)).resolves.toHaveLength(2);
  // After its answer, everything in the guest but init is stopped, the agent too.
  await libvirt.virsh('qemu-agent-command', 'linux', guestExec('sh', '-c', 'sleep 0.2; kill -STOP -1'));
  const hangs = { code: 'VDT_LIBVIRT_AGENT', retryable: true };
  await eventually(() => expect(session.agent.interfaceAddresses(guest)).rejects.toMatchObject(hangs), {
    timeoutMs: 20_000,
  });
  const hung = Promise.allSettled(Array.from({ length: 5 }, () => session.agent.interfaceAddresses(guest)));
  const main = await session.connection();
  expect(await main.listDomains({ timeoutMs: 1_000 })).toHaveLength(1);
  expect(await main.domainStats({ groups: ['state', 'balloon'], timeoutMs: 2_000 })).toHaveLength(1);
  for (const outcome of await hung) expect(outcome).toMatchObject({ status: 'rejected', reason: hangs });
});

it('S5: a guest that reboots is told by reboot events and no lifecycle event', async () => {
  events.length = 0;
  await libvirt.virsh('reset', 'linux');
  await eventually(() => expect(events.map(({ type }) => type)).toContain('reboot'));
  expect(events.filter(({ type }) => type === 'lifecycle')).toEqual([]);
});

function guestExec(path: string, ...args: readonly string[]): string {
  return JSON.stringify({ execute: 'guest-exec', arguments: { path, arg: args } });
}
