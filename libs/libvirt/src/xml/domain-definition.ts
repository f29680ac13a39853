import { VedetteError } from '@vedette/runtime';
import '../errors.ts';
import { find, findAll, parseXml, type XmlElement } from './reader.ts';

/** What Vedette reads from a domain's XML (libvirt.org, "Domain XML format"). Absent parts are undefined or empty. */
export interface DomainDefinition {
  readonly name: string;
  readonly uuid: string;
  /** The hypervisor: `kvm`, `qemu` (emulated), `test`, ... */
  readonly type: string;
  readonly vcpus: { readonly current: number; readonly maximum: number };
  /** The most it may have; what it has now is a balloon statistic. */
  readonly memoryKiB: number;
  /** What its balloon leaves it, or shall: changes while it runs. The same as {@link memoryKiB} where nothing is said. */
  readonly currentMemoryKiB: number;
  readonly os: {
    /** `hvm`, `exe`, ... */
    readonly type: string;
    readonly arch: string | undefined;
    readonly machine: string | undefined;
    /** Boot devices in order: `hd`, `cdrom`, `network`, ... */
    readonly boot: readonly string[];
  };
  readonly acpi: boolean;
  readonly interfaces: readonly DomainInterface[];
  readonly graphics: readonly DomainGraphics[];
  readonly disks: readonly DomainDisk[];
  /** Whether it has the channel of the QEMU guest agent. */
  readonly hasAgentChannel: boolean;
  readonly watchdogs: readonly DomainWatchdog[];
  /** Undefined for a domain without one. */
  readonly balloon: DomainBalloon | undefined;
}

export interface DomainWatchdog {
  /** `i6300esb`, `itco`, `diag288`, ... */
  readonly model: string;
  /** What QEMU does when it fires: `reset`, `shutdown`, `poweroff`, `pause`, `none`, `dump`, `inject-nmi`. */
  readonly action: string;
}

export interface DomainBalloon {
  /** `virtio`, ...; a domain can say `none`, and then has none. */
  readonly model: string;
  /** How often the guest tells of its memory; 0 for never, and then libvirt knows nothing of the guest's inside. */
  readonly statsPeriodS: number;
}

export interface DomainInterface {
  /** In lower case. */
  readonly mac: string | undefined;
  /** `network`, `bridge`, `direct`, ... */
  readonly type: string;
  /** The network, bridge or device it is connected to. */
  readonly source: string | undefined;
  /** The host's end, while the domain runs: `vnet0`. */
  readonly target: string | undefined;
  readonly model: string | undefined;
  /** False when its cable is pulled (`<link state='down'/>`). */
  readonly linkUp: boolean;
}

/** Its password is never read: libvirt gives it only to who asks for secrets, which we do not. */
export interface DomainGraphics {
  /** `vnc`, `spice`, ... */
  readonly type: string;
  /** Undefined while the port is not known: automatic, and the domain does not run. */
  readonly port: number | undefined;
  readonly tlsPort: number | undefined;
  readonly listen: string | undefined;
}

export interface DomainDisk {
  /** `disk`, `cdrom`, `floppy`, `lun`. */
  readonly device: string;
  /** The file, device, volume or network name behind it; undefined for an empty drive. */
  readonly source: string | undefined;
  /** As the guest sees it: `vda`. */
  readonly target: string | undefined;
  readonly bus: string | undefined;
}

/** @throws VedetteError VDT_LIBVIRT_XML when it is malformed or lacks what every definition has */
export function parseDomainXml(xml: string): DomainDefinition {
  const domain = parseXml(xml);
  if (domain.name !== 'domain') throw lacking('domain', domain.name);
  const osType = need(domain, 'os', 'type');
  const memory = need(domain, 'memory');
  return {
    name: need(domain, 'name').text,
    uuid: need(domain, 'uuid').text.trim().toLowerCase(),
    type: domain.attributes.get('type') ?? '',
    vcpus: readVcpus(domain),
    memoryKiB: readKiB(memory),
    currentMemoryKiB: readKiB(find(domain, 'currentMemory') ?? memory),
    os: {
      type: osType.text.trim(),
      arch: osType.attributes.get('arch'),
      machine: osType.attributes.get('machine'),
      boot: readBootOrder(domain),
    },
    acpi: find(domain, 'features', 'acpi') !== undefined,
    interfaces: findAll(domain, 'devices', 'interface').map(readInterface),
    graphics: findAll(domain, 'devices', 'graphics').map(readGraphics),
    disks: findAll(domain, 'devices', 'disk').map(readDisk),
    hasAgentChannel: findAll(domain, 'devices', 'channel', 'target').some(
      ({ attributes }) => attributes.get('name') === 'org.qemu.guest_agent.0',
    ),
    watchdogs: findAll(domain, 'devices', 'watchdog').map(readWatchdog),
    balloon: readBalloon(domain),
  };
}

function readWatchdog({ attributes }: XmlElement): DomainWatchdog {
  return { model: attributes.get('model') ?? '', action: attributes.get('action') ?? 'reset' };
}

function readBalloon(domain: XmlElement): DomainBalloon | undefined {
  const element = find(domain, 'devices', 'memballoon');
  const model = element?.attributes.get('model') ?? 'none';
  if (element === undefined || model === 'none') return undefined;
  const period = find(element, 'stats')?.attributes.get('period');
  return { model, statsPeriodS: period === undefined ? 0 : readInteger(period, 'memballoon/stats/@period') };
}

function readVcpus(domain: XmlElement): DomainDefinition['vcpus'] {
  const element = find(domain, 'vcpu');
  const maximum = element === undefined ? 1 : readInteger(element.text, 'vcpu');
  const current = element?.attributes.get('current');
  return { maximum, current: current === undefined ? maximum : readInteger(current, 'vcpu/@current') };
}

/** Powers of two first, then the decimal ones; libvirt itself always writes KiB. */
const bytesPerUnit: ReadonlyMap<string, number> = new Map([
  ['b', 1],
  ['bytes', 1],
  ['KiB', 1024],
  ['k', 1024],
  ['MiB', 1024 ** 2],
  ['M', 1024 ** 2],
  ['GiB', 1024 ** 3],
  ['G', 1024 ** 3],
  ['TiB', 1024 ** 4],
  ['T', 1024 ** 4],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
]);

function readKiB(element: XmlElement): number {
  const unit = element.attributes.get('unit') ?? 'KiB';
  const bytes = bytesPerUnit.get(unit);
  if (bytes === undefined) throw lacking(`a known unit of ${element.name}`, unit);
  return Math.floor((readInteger(element.text, element.name) * bytes) / 1024);
}

/** Either `<os><boot dev=>` or `<boot order=>` of the devices, which then name no kind: their element's does. */
function readBootOrder(domain: XmlElement): readonly string[] {
  const devices = findAll(domain, 'os', 'boot').map(({ attributes }) => attributes.get('dev') ?? '');
  if (devices.length > 0) return devices;
  const ordered: { readonly order: number; readonly device: string }[] = [];
  for (const device of findAll(domain, 'devices').flatMap(({ children }) => children)) {
    const order = find(device, 'boot')?.attributes.get('order');
    if (order !== undefined) ordered.push({ order: readInteger(order, 'boot/@order'), device: bootName(device) });
  }
  return ordered.sort((a, b) => a.order - b.order).map(({ device }) => device);
}

function bootName(device: XmlElement): string {
  if (device.name === 'interface') return 'network';
  if (device.name !== 'disk') return device.name;
  const kind = device.attributes.get('device');
  return kind === 'cdrom' || kind === 'floppy' ? kind : 'hd';
}

function readInterface(element: XmlElement): DomainInterface {
  const source = find(element, 'source')?.attributes;
  return {
    mac: find(element, 'mac')?.attributes.get('address')?.toLowerCase(),
    type: element.attributes.get('type') ?? '',
    source: source?.get('network') ?? source?.get('bridge') ?? source?.get('dev'),
    target: find(element, 'target')?.attributes.get('dev'),
    model: find(element, 'model')?.attributes.get('type'),
    linkUp: find(element, 'link')?.attributes.get('state') !== 'down',
  };
}

function readGraphics(element: XmlElement): DomainGraphics {
  const listener = find(element, 'listen')?.attributes;
  return {
    type: element.attributes.get('type') ?? '',
    port: readPort(element.attributes.get('port')),
    tlsPort: readPort(element.attributes.get('tlsPort')),
    listen: element.attributes.get('listen') ?? listener?.get('address') ?? listener?.get('socket'),
  };
}

/** -1 stands for a port still to be chosen. */
function readPort(text: string | undefined): number | undefined {
  return text === undefined || text === '-1' ? undefined : readInteger(text, 'a port');
}

function readDisk(element: XmlElement): DomainDisk {
  const source = find(element, 'source')?.attributes;
  const target = find(element, 'target')?.attributes;
  return {
    device: element.attributes.get('device') ?? 'disk',
    source:
      source?.get('file') ?? source?.get('dev') ?? source?.get('name') ?? source?.get('volume') ?? source?.get('dir'),
    target: target?.get('dev'),
    bus: target?.get('bus'),
  };
}

function readInteger(text: string, where: string): number {
  const trimmed = text.trim();
  if (!/^[0-9]{1,15}$/.test(trimmed)) throw lacking(`a number as ${where}`, JSON.stringify(trimmed.slice(0, 40)));
  return Number(trimmed);
}

function need(element: XmlElement, ...path: readonly string[]): XmlElement {
  const found = find(element, ...path);
  if (found === undefined) throw lacking(`${element.name}/${path.join('/')}`, 'nothing');
  return found;
}

function lacking(wanted: string, got: string): VedetteError {
  return new VedetteError('VDT_LIBVIRT_XML', { message: `expected ${wanted}, found ${got}`, path: wanted });
}
