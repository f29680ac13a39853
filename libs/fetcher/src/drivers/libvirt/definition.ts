import { type DomainDefinition, parseDomainXml, parseXml } from '@vedette/libvirt';
import { contentHash, type SectionDocument } from '@vedette/model';
import { configDocument } from './config-document.ts';

/** What the XML of a domain says, in the shapes of the port. */
export interface Definition {
  readonly info: SectionDocument;
  readonly infoHash: string;
  readonly config: SectionDocument;
  readonly configHash: string;
  /** Of the QEMU process, as it is in `info`; see {@link withPid}. */
  readonly pid: number | undefined;
  readonly hasAgentChannel: boolean;
  /** Of its NICs, in lower case: whose entries of a neighbour table are its own. */
  readonly macs: readonly string[];
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
    pid: undefined,
    hasAgentChannel: live.hasAgentChannel,
    macs: live.interfaces.flatMap(({ mac }) => mac ?? []),
    onLibvirtNetwork: live.interfaces.some(({ type }) => type === 'network'),
  };
}

/**
 * The same with the process of the domain, which only its own host can tell (process-facts.ts); undefined takes it out.
 * The very same object where it is there already, so that it may be asked at every poll.
 */
export function withPid(definition: Definition, pid: number | undefined): Definition {
  if (definition.pid === pid) return definition;
  const info = withoutUndefined({ ...definition.info, pid });
  return { ...definition, pid, info, infoHash: contentHash(info) };
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
