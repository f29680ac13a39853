/**
 * Records what a real libvirtd and its host say about two guests, one of them hung at the end: fixtures/<version>.json.
 * Run by hand, as root, after `make setup`: `node libs/fetcher/test/libvirt/record-fixtures.ts`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectLibvirt, type LibvirtConnection, statsFlags, xmlFlags } from '@vedette/libvirt';
import { startLibvirt } from '@vedette/testbed/libvirt';

const groups = ['state', 'cpuTotal', 'balloon', 'vcpu', 'interface', 'block'] as const;

await using libvirt = await startLibvirt();
await libvirt.startBiosGuest('bios');
await libvirt.startFullGuest('full');
await libvirt.agentAnswers('full');
await using connection = await connectLibvirt({ socketPath: libvirt.socketPath });
const bios = await connection.lookupDomain(await libvirt.virsh('domuuid', 'bios'));
const full = await connection.lookupDomain(await libvirt.virsh('domuuid', 'full'));
await connection.setAgentResponseTimeout(full, 5);

const agent = await connection.interfaceAddresses(full, 'agent');
const guestInfo = Object.fromEntries(await connection.guestInfo(full, ['os', 'hostname']));
const pid = (await readFile(join(libvirt.rootDir, 'run/libvirt/qemu/full.pid'), 'utf8')).trim();
const proc = (file: string): Promise<string> => readFile(join(libvirt.rootDir, 'proc', file), 'utf8');

const recorded = {
  live: await connection.domainXml(full),
  inactive: await connection.domainXml(full, { flags: xmlFlags.inactive }),
  agent,
  guestInfo,
  leases: await connection.interfaceAddresses(full, 'lease'),
  neighbours: JSON.parse(await libvirt.run('ip', ['-s', '-j', 'neigh'])),
  arp: await proc('1/net/arp'),
  process: {
    pid,
    stat: await proc(`${pid}/stat`),
    cmdline: await proc(`${pid}/cmdline`),
    uptime: await proc('uptime'),
  },
  node: await connection.nodeInfo(),
  nodeMemory: Object.fromEntries(await connection.nodeMemoryStats()),
  nodeCpu: Object.fromEntries(await connection.nodeCpuStats()),
  stats: await statsOf(connection),
};

const versions = await connection.versions();
await libvirt.signalGuest('full', 'SIGSTOP');
await libvirt.signalGuest('bios', 'SIGSTOP');
await using other = await connectLibvirt({ socketPath: libvirt.socketPath });
const held = Promise.allSettled(
  [full, bios].map((domain) => other.domainStats({ groups, domains: [domain], timeoutMs: 8_000 })),
);
const hungStats = await statsOf(connection, statsFlags.noWait);
await libvirt.signalGuest('full', 'SIGCONT');
await libvirt.signalGuest('bios', 'SIGCONT');
await held;

const file = join(import.meta.dirname, 'fixtures', `libvirt-${versions.libvirt}.json`);
await writeFile(file, `${JSON.stringify({ ...recorded, hungStats }, null, 1)}\n`);
console.log(`recorded in ${file}`);

/** By the names of the guests. */
async function statsOf(from: LibvirtConnection, flags = 0): Promise<Readonly<Record<string, unknown>>> {
  const stats = await from.domainStats({ groups, flags, timeoutMs: 20_000 });
  return Object.fromEntries(stats.map(({ domain, params }) => [domain.name, Object.fromEntries(params)]));
}
