import { VedetteError } from '@vedette/runtime';
import '../errors.ts';
import { find, findAll, parseXml } from './reader.ts';

/** What Vedette reads from a host's capabilities (libvirt.org, "Driver capabilities XML format"). */
export interface HostCapabilities {
  /** Names the machine; undefined for drivers that have none (test). */
  readonly hostUuid: string | undefined;
  readonly arch: string | undefined;
  readonly cpuModel: string | undefined;
  readonly cpuVendor: string | undefined;
  /** Whether guests may run on the processor (KVM), not only be emulated. */
  readonly kvm: boolean;
}

/** @throws VedetteError VDT_LIBVIRT_XML */
export function parseHostCapabilities(xml: string): HostCapabilities {
  const capabilities = parseXml(xml);
  if (capabilities.name !== 'capabilities') {
    throw new VedetteError('VDT_LIBVIRT_XML', { message: `expected capabilities, found ${capabilities.name}` });
  }
  return {
    hostUuid: find(capabilities, 'host', 'uuid')?.text.trim().toLowerCase(),
    arch: find(capabilities, 'host', 'cpu', 'arch')?.text.trim(),
    cpuModel: find(capabilities, 'host', 'cpu', 'model')?.text.trim(),
    cpuVendor: find(capabilities, 'host', 'cpu', 'vendor')?.text.trim(),
    kvm: findAll(capabilities, 'guest', 'arch', 'domain').some(({ attributes }) => attributes.get('type') === 'kvm'),
  };
}
