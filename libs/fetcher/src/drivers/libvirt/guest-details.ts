import type { GuestInterface } from '@vedette/libvirt';
import { type AddressesValue, type AddressReport, canonicalAddresses } from '@vedette/model';
import type { GuestDetails } from '../../host-port.ts';

/**
 * What is known of a guest, from the three places that know something.
 *
 * E1. The agent's word is the whole truth. While it stands, leases and neighbours are not looked at: a lease outlives
 *     the address it gave, a neighbour entry outlives the guest that had it, and an address that the agent does not
 *     name is not there. The agent's word stands until it answers again or the run of the VM ends (D3 of domain-entry.ts).
 * E2. Where the agent has not told addresses (none in the guest, not yet booted, read-only connection), they come from
 *     leases and neighbours together; of an address that both know, the lease is named.
 * E3. Where nobody has told anything, nothing is known: that is undefined, not an empty guest (I2).
 * E4. The order of what sources report does not show; each address once per MAC, with the source nearest to the guest.
 */

/** What the agent of a guest said in this run of the VM. */
export interface AgentReport {
  /** Undefined: it was not asked for addresses, or did not answer that. */
  readonly interfaces?: readonly GuestInterface[] | undefined;
  /** Empty where it did not say. */
  readonly os: string;
  readonly hostname: string;
  readonly kernelRelease: string;
  /** Of the agent itself. Empty unless known: no call of libvirt's own program tells. */
  readonly agentVersion: string;
}

/** What the three places know of one VM; undefined: it has not told. */
export interface GuestSources {
  readonly agent?: AgentReport | undefined;
  /** From `interfaceAddresses(domain, 'lease')`. */
  readonly leases?: readonly GuestInterface[] | undefined;
  /** From `neighbourReports`, or libvirt's own source `arp` by {@link neighbourInterfaces}. */
  readonly neighbours?: readonly AddressReport[] | undefined;
}

/** The guest information types that {@link agentReport} reads. */
export const agentGuestInfo = ['os', 'hostname'] as const;

/**
 * The answers of one agent put together.
 *
 * @param interfaces undefined where that call failed while `info` was had
 * @param info of `guestInfo(domain, agentGuestInfo)`; empty where that call failed
 * @param agentVersion of `guest-info`, where it can be asked
 */
export function agentReport(
  interfaces: readonly GuestInterface[] | undefined,
  info: ReadonlyMap<string, unknown>,
  agentVersion = '',
): AgentReport {
  return {
    ...(interfaces === undefined ? {} : { interfaces }),
    os: firstText(info, 'os.pretty-name', 'os.name', 'os.id'),
    hostname: firstText(info, 'hostname'),
    kernelRelease: firstText(info, 'os.kernel-release'),
    agentVersion,
  };
}

/** The guest of a running VM, canonical; undefined where nobody has told anything (E3). Never throws. */
export function mergeGuestDetails({ agent, leases, neighbours }: GuestSources): GuestDetails | undefined {
  if (agent === undefined && leases === undefined && neighbours === undefined) return undefined;
  const reports =
    agent?.interfaces === undefined
      ? [...interfaceReports(leases ?? [], 'lease'), ...(neighbours ?? [])]
      : interfaceReports(agent.interfaces, 'agent');
  return {
    addresses: withMacWhereKnown(canonicalAddresses(reports)),
    os: agent?.os ?? '',
    hostname: agent?.hostname ?? '',
    apps: agent === undefined ? [] : appsOf(agent),
  };
}

/** libvirt's own source `arp`, as reports of neighbours. */
export function neighbourInterfaces(interfaces: readonly GuestInterface[]): readonly AddressReport[] {
  return interfaceReports(interfaces, 'neighbour');
}

/**
 * The addresses of interfaces as one source tells them. Only an agent knows the guest's names of its interfaces; the
 * others tell the host's end of the cable, which says nothing about the guest and changes at every start.
 */
export function interfaceReports(
  interfaces: readonly GuestInterface[],
  source: 'agent' | 'lease' | 'neighbour',
): readonly AddressReport[] {
  return interfaces.flatMap(({ name, mac, addresses }) =>
    addresses.map(({ address }) => ({
      address,
      mac: mac ?? '',
      interface: source === 'agent' ? name : '',
      source,
    })),
  );
}

/**
 * Addresses without a MAC are left out where the same address has one: the model keeps one per MAC. (dnsmasq tells no
 * MAC of a DHCPv6 lease; the neighbour table does.)
 */
function withMacWhereKnown(addresses: AddressesValue): AddressesValue {
  const known = new Set(addresses.filter(({ mac }) => mac !== '').map(({ address }) => address));
  return addresses.filter(({ address, mac }) => mac !== '' || !known.has(address));
}

/** As VDSM lists them: QEMU's agent has no call for the packages of a guest. Sorted. */
function appsOf({ kernelRelease, agentVersion }: AgentReport): readonly string[] {
  return [
    ...(kernelRelease === '' ? [] : [`kernel-${kernelRelease}`]),
    ...(agentVersion === '' ? [] : [`qemu-guest-agent-${agentVersion}`]),
  ];
}

/** The first of these that says something. What a guest says is cut to the bounds of the model's text. */
function firstText(info: ReadonlyMap<string, unknown>, ...names: readonly string[]): string {
  for (const name of names) {
    const value = info.get(name);
    if (typeof value === 'string' && value.trim() !== '') return value.trim().slice(0, 1024).toWellFormed();
  }
  return '';
}
