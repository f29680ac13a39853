import type { GuestDetails, Observed, SectionName } from '@vedette/fetcher';
import {
  type AddressesValue,
  type AddressReport,
  canonicalAddresses,
  type SectionDocument,
  stateClass,
  type VMState,
} from '@vedette/model';
import { choose, fraction, mix, salts } from './mixing.ts';
import type { VmIdentity, VmView } from './view.ts';

/** A section of one VM before anybody asks for it; `content` if and only if it is `ok`. */
export interface SimulatedSection {
  readonly observed: Observed;
  readonly content: SectionDocument | undefined;
}

const unavailable: SimulatedSection = { observed: 'unavailable', content: undefined };

/** What a section of a VM says, the script's changes included. */
export function sectionOf(view: VmView, section: SectionName): SimulatedSection {
  const patch = view.patch?.sections?.[section];
  if (patch !== undefined && patch.observed !== 'ok') return { observed: patch.observed, content: undefined };
  const own = ownContent(view, section);
  if (own === undefined) return unavailable;
  return { observed: 'ok', content: patch === undefined ? own : { ...own, ...patch.members } };
}

/** The addresses of a VM as its guest section tells them; undefined while they cannot be had. */
export function addressesOf(view: VmView): AddressesValue | undefined {
  return sectionOf(view, 'guest').content?.addresses as AddressesValue | undefined;
}

function ownContent(view: VmView, section: SectionName): SectionDocument | undefined {
  switch (section) {
    case 'info':
      return info(view);
    case 'config':
      return config(view);
    case 'status':
      return status(view);
    case 'guest':
      return guest(view) as unknown as SectionDocument | undefined;
  }
}

interface Traits {
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly os: string;
  readonly apps: readonly string[];
}

const systems = [
  { os: 'Debian GNU/Linux 12 (bookworm)', kernel: 'kernel-6.1.0-32-amd64' },
  { os: 'Ubuntu 24.04 LTS', kernel: 'kernel-6.8.0-45-generic' },
  { os: 'AlmaLinux 9.4', kernel: 'kernel-5.14.0-427.el9' },
  { os: 'Rocky Linux 8.10', kernel: 'kernel-4.18.0-553.el8' },
  { os: 'Windows Server 2022', kernel: 'kernel-10.0.20348' },
] as const;
const applications = ['nginx-1.26.2', 'postgresql-16.4', 'redis-7.2.5', 'openjdk-21', 'haproxy-3.0.4'] as const;
const sizes = [
  { vcpus: 1, memoryMiB: 1024 },
  { vcpus: 2, memoryMiB: 2048 },
  { vcpus: 2, memoryMiB: 4096 },
  { vcpus: 4, memoryMiB: 8192 },
  { vcpus: 8, memoryMiB: 16384 },
] as const;

function draw(identity: VmIdentity, what: number): number {
  return mix(identity.key, what, 0, salts.attribute);
}

/** Each change of the definition gives another size. */
function traitsOf({ identity, configVersion }: VmView): Traits {
  const system = choose(systems, draw(identity, 1));
  const size = choose(sizes, draw(identity, 2) + configVersion);
  const apps = [system.kernel, 'qemu-guest-agent-8.2', choose(applications, draw(identity, 3))];
  return { ...size, os: system.os, apps };
}

export function nameOf(view: VmView): string {
  return view.patch?.name ?? view.identity.name;
}

function isUp(state: VMState): boolean {
  return stateClass(state) === 'active';
}

function info(view: VmView): SectionDocument {
  const { vcpus, memoryMiB } = traitsOf(view);
  const { identity } = view;
  return {
    name: nameOf(view),
    vcpus,
    memoryMiB,
    vmType: 'kvm',
    kvmEnable: true,
    acpiEnable: true,
    boot: 'hd',
    displayType: 'vnc',
    displayIp: '0.0.0.0',
    ...(isUp(view.state) ? { displayPort: 5900 + (identity.place % 1000), pid: pidOf(view) } : {}),
  };
}

/** Another one after every start. */
function pidOf({ identity, startedAtMs = 0 }: VmView): number {
  return 1_000 + (mix(identity.key, startedAtMs, 4, salts.attribute) % 4_000_000);
}

function config(view: VmView): SectionDocument {
  const { vcpus, memoryMiB } = traitsOf(view);
  const { identity } = view;
  return {
    name: nameOf(view),
    uuid: identity.vm,
    type: 'kvm',
    vcpus,
    memoryMiB,
    os: { type: 'hvm', arch: 'x86_64', machine: 'q35', boot: ['hd'] },
    disks: [{ target: 'vda', bus: 'virtio', source: `/var/lib/images/${identity.vm}.qcow2` }],
    interfaces: nicsOf(identity).map(({ mac }) => ({ mac, model: 'virtio', source: 'br0' })),
  };
}

function status(view: VmView): SectionDocument {
  return {
    conditions: [...(view.patch?.conditions ?? [])],
    timeOffset: 0,
    monitorResponse: view.state === 'not_responding' ? -1 : 0,
    clientIp: '',
    username: '',
    session: 'Unknown',
    pauseCode: view.state === 'paused_error' ? 'EIO' : '',
  };
}

/** States in which nobody inside answers, and nothing outside tells where the guest can be reached. */
const silentStates: ReadonlySet<VMState> = new Set([
  'starting',
  'saving',
  'suspended',
  'restoring',
  'rebooting',
  'stopping',
  'migrating_in',
  'not_responding',
]);

/** A VM that is down has no address, and that is known; one that is on its way up or down cannot be asked. */
function guest(view: VmView): GuestDetails | undefined {
  const patched = view.patch?.addresses;
  if (patched === undefined && silentStates.has(view.state)) return undefined;
  const up = isUp(view.state);
  const { os, apps } = traitsOf(view);
  return {
    addresses: canonicalAddresses(patched ?? (up ? ownAddresses(view) : [])),
    os: up ? os : '',
    hostname: up ? nameOf(view) : '',
    apps: up ? apps : [],
  };
}

interface Nic {
  readonly name: string;
  readonly mac: string;
}

function nicsOf(identity: VmIdentity): readonly Nic[] {
  const second = fraction(draw(identity, 5)) < 0.25;
  return (second ? ['eth0', 'eth1'] : ['eth0']).map((name, nic) => ({ name, mac: macOf(identity.place * 2 + nic) }));
}

function macOf(number: number): string {
  return `52:54:00:${hexByte(number >>> 16)}:${hexByte(number >>> 8)}:${hexByte(number)}`;
}

function hexByte(word: number): string {
  return (word & 0xff).toString(16).padStart(2, '0');
}

/** RFC 2544 sets this network aside for tests; 17 bits of it are free. */
const TEST_NETWORK = (198 << 24) | (18 << 16);
const TEST_NETWORK_SIZE = 2 ** 17;
/** RFC 1112 class E: nobody's addresses, for the fleets that do not fit into the test network. */
const RESERVED_NETWORK = 240 << 24;

/**
 * The addresses that the VM has by itself: a private one, for some a public one, IPv6 with its link-local one, a
 * second NIC. Two VMs of a fleet up to 2^20 never share one, at whatever times.
 */
function ownAddresses({ identity, addressVersion }: VmView): readonly AddressReport[] {
  const { place } = identity;
  const [first, second] = nicsOf(identity);
  const reports: AddressReport[] = [];
  const add = (nic: Nic | undefined, address: string): void => {
    if (nic !== undefined) reports.push({ address, mac: nic.mac, interface: nic.name, source: 'agent' });
  };
  add(first, ipv4((10 << 24) | ((place * 16 + (addressVersion % 16)) & 0xff_ffff)));
  if (fraction(draw(identity, 6)) < 0.25) add(first, publicIpv4(place * 8 + (addressVersion % 8)));
  if (fraction(draw(identity, 7)) < 0.5) {
    const [, , , d, e, f] = (first?.mac ?? '').split(':');
    add(first, `fe80::5054:ff:fe${d}:${e}${f}`);
    const number = (place >>> 0).toString(16).padStart(8, '0');
    add(first, `2001:db8:${number.slice(0, 4)}:${number.slice(4)}::${(addressVersion + 1).toString(16)}`);
    if (fraction(draw(identity, 8)) < 0.4) add(first, `fd00:${number.slice(0, 4)}:${number.slice(4)}::1`);
  }
  add(second, ipv4(((172 << 24) | (16 << 16)) + (place & 0xf_ffff)));
  return reports;
}

function publicIpv4(number: number): string {
  return ipv4((number < TEST_NETWORK_SIZE ? TEST_NETWORK : RESERVED_NETWORK) + number);
}

function ipv4(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}
