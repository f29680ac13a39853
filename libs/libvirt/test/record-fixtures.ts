/**
 * Records what a real libvirtd says, packet by packet, beside what virsh says of the same: test/fixtures/<version>.json.
 * Run by hand, as root, after `make setup`: `node libs/libvirt/test/record-fixtures.ts`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectLibvirt, type Dial, type DomainEvent, dialUnix } from '@vedette/libvirt';
import { eventually } from '@vedette/testbed';
import { startLibvirt } from '@vedette/testbed/libvirt';
import { messageType, type Packet, PacketReader } from '../src/packet.ts';

await using libvirt = await startLibvirt();
await libvirt.startBiosGuest('bios');
await libvirt.startFullGuest('full');
await libvirt.agentAnswers('full');

const received: { readonly packet: Packet; readonly hex: string }[] = [];
const connection = await connectLibvirt({ dial: tapped(dialUnix(libvirt.socketPath)) });
const recorded: Record<string, { readonly reply: string; readonly oracle: string }> = {};

async function record(name: string, call: () => Promise<unknown>, ...oracle: readonly string[]): Promise<void> {
  received.length = 0;
  await call().catch(() => undefined); // errors are recorded too
  const reply = received.find(({ packet }) => packet.type === messageType.reply);
  if (reply === undefined) throw new Error(`${name}: no reply`);
  recorded[name] = { reply: reply.hex, oracle: oracle.length === 0 ? '' : await libvirt.virsh(...oracle) };
}

const full = await connection.lookupDomain(await libvirt.virsh('domuuid', 'full'));
const groups = ['state', 'cpuTotal', 'balloon', 'vcpu', 'interface', 'block'] as const;
const gone = { name: 'gone', uuid: '00000000-0000-0000-0000-000000000000', id: -1 };
await libvirt.virsh('suspend', 'full'); // what is counted stands still between the call and the oracle
await record('list', () => connection.listDomains(), 'list', '--all', '--uuid', '--name');
await record('state', () => connection.domainState(full), 'domstate', '--reason', 'full');
const domstats = ['--state', '--cpu-total', '--balloon', '--vcpu', '--interface', '--block'];
await record('stats', () => connection.domainStats({ groups, domains: [full] }), 'domstats', ...domstats, 'full');
await record('xml', () => connection.domainXml(full), 'dumpxml', 'full');
await record('lease', () => connection.interfaceAddresses(full, 'lease'), 'domifaddr', 'full', '--source', 'lease');
await record('no domain', () => connection.domainState(gone));
await libvirt.virsh('resume', 'full');
const fullList = ['--source', 'agent', '--full'];
await record('agent', () => connection.interfaceAddresses(full, 'agent'), 'domifaddr', 'full', ...fullList);
const types = ['os', 'hostname', 'interfaces'] as const;
const guestinfo = ['--os', '--hostname', '--interface'];
await record('guest info', () => connection.guestInfo(full, types), 'guestinfo', 'full', ...guestinfo);
await record('node info', () => connection.nodeInfo(), 'nodeinfo');

const events: DomainEvent[] = [];
await connection.listen((event) => events.push(event));
received.length = 0;
await libvirt.virsh('suspend', 'bios');
await libvirt.virsh('reset', 'bios');
await libvirt.virsh('destroy', 'full');
await libvirt.virsh('start', 'full'); // its agent connects when it has booted
const all = (): void => {
  const types = new Set(events.map(({ type }) => type));
  if (types.size < 3) throw new Error(`seen only ${[...types].join(', ')}`);
};
await eventually(all, { timeoutMs: 60_000 });
for (const { packet, hex } of received.filter(({ packet }) => packet.type === messageType.event)) {
  recorded[`event ${packet.procedure}`] ??= { reply: hex, oracle: '' };
}

const { libvirt: version } = await connection.versions();
const file = join(import.meta.dirname, 'fixtures', `libvirt-${version}.json`);
await writeFile(file, `${JSON.stringify({ full, recorded }, null, 2)}\n`);
await connection.close();
console.log(`${Object.keys(recorded).length} recorded in ${file}`);

/** Keeps every packet that comes in. */
function tapped(dial: Dial): Dial {
  return (handlers, signal) => {
    const reader = new PacketReader();
    const onData = (chunk: Buffer): void => {
      for (const packet of reader.push(chunk)) received.push({ packet, hex: packet.payload.toString('hex') });
      handlers.onData(chunk);
    };
    return dial({ ...handlers, onData }, signal);
  };
}
