import { type DomainDefinition, parseDomainXml, parseXml, type XmlElement } from '@vedette/libvirt';
import { contentHash, type SectionDocument } from '@vedette/model';

/** What the XML of a domain says, in the shapes of the port. */
export interface Definition {
  readonly info: SectionDocument;
  readonly infoHash: string;
  readonly config: SectionDocument;
  readonly configHash: string;
  readonly hasAgentChannel: boolean;
  /** Connected to a network of libvirt's own, whose DHCP server knows leases. */
  readonly onLibvirtNetwork: boolean;
}

/**
 * Reads a domain from its two definitions: the live one says how it runs, the one for its next start what it is.
 *
 * @throws VedetteError VDT_LIBVIRT_XML
 */
export function readDefinition(liveXml: string, inactiveXml: string): Definition {
  const live = parseDomainXml(liveXml);
  const info = infoDocument(live);
  const config = configDocument(parseXml(inactiveXml));
  return {
    info,
    infoHash: contentHash(info),
    config,
    configHash: contentHash(config),
    hasAgentChannel: live.hasAgentChannel,
    onLibvirtNetwork: live.interfaces.some(({ type }) => type === 'network'),
  };
}

/** getConfInfo of the agent protocol (docs/contracts.md), as far as a definition tells. */
function infoDocument(domain: DomainDefinition): SectionDocument {
  const [graphics] = domain.graphics;
  const cdrom = domain.disks.find(({ device, source }) => device === 'cdrom' && source !== undefined)?.source;
  return withoutUndefined({
    name: domain.name,
    vcpus: domain.vcpus.current,
    memoryMiB: Math.floor(domain.memoryKiB / 1024),
    vmType: domain.type,
    kvmEnable: domain.type === 'kvm',
    acpiEnable: domain.acpi,
    displayType: graphics?.type,
    displayPort: graphics?.port,
    displaySecurePort: graphics?.tlsPort,
    displayIp: graphics?.listen,
    cdrom,
    boot: domain.os.boot.length > 0 ? domain.os.boot.join(',') : undefined,
  });
}

function withoutUndefined(record: Readonly<Record<string, unknown>>): SectionDocument {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

/**
 * Elements that say how a domain runs or what only its host may know, not what it is. The balloon moves `currentMemory`
 * all the time.
 */
const dropped = new Set(['currentMemory', 'seclabel', 'alias', 'resource', 'metadata', 'secret']);
const droppedAttributes = new Set(['id', 'passwd', 'passwdValidTo', 'password']);

function configDocument(domain: XmlElement): SectionDocument {
  return { domain: elementValue(domain) };
}

/** An element as JSON: its attributes, its text if it has no children, its children in their order. */
function elementValue(element: XmlElement): SectionDocument {
  const attributes = [...element.attributes].filter(([name]) => !droppedAttributes.has(name));
  const children = element.children.filter(({ name }) => !dropped.has(name));
  const text = element.text.trim();
  return {
    name: element.name,
    ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }),
    ...(text === '' ? {} : { text }),
    ...(children.length === 0 ? {} : { children: children.map(elementValue) }),
  };
}
