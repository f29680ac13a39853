import { type HostCapabilities, type LibvirtConnection, parseHostCapabilities } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import type { HostDescription, HostIdentity } from '../../host-port.ts';
import { type HostPart, unfitBecause } from './fitness.ts';

interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What the operator requires of a host, and what its domains require. */
export interface HostDemands {
  readonly requiredPools: readonly string[];
  readonly requiredNetworks: readonly string[];
  /** Names of the domains that are to run on KVM. */
  readonly kvmDomains: readonly string[];
}

/**
 * Asking is dear where libvirtd has to probe QEMU first (8-12 s seen), and where there is a /dev/kvm that does not work:
 * then libvirtd probes again each time it is asked. No caller waits so long; the answer is kept.
 */
const capabilitiesTimeoutMs = 60_000;

/**
 * What a libvirtd says about its host. Capabilities are read once a connection: they do not change while the daemon
 * runs; versions, pools and networks each time. A connection counts as one boot; a daemon that was restarted is another,
 * and answers twice before it is believed. Until it has said who it is nothing it lists is believed, after a reconnect
 * as at first (I2): listings wait for it. No cheaper call tells: the system information (dmidecode) and the node device
 * tell the firmware's UUID, which `host_uuid` of libvirtd.conf replaces.
 */
export class HostFacts {
  #connection: LibvirtConnection | undefined;
  #capabilities: Promise<HostCapabilities> | undefined;
  #connections = 0;

  /** Begins to ask, so that the first listing waits less. */
  begin(connection: LibvirtConnection): void {
    void this.#read(connection).catch(() => undefined); // whoever needs it asks again, and is told
  }

  async identity(connection: LibvirtConnection): Promise<HostIdentity> {
    const { hostUuid = 'none' } = await this.#read(connection);
    return { hostUuid, boot: `connection-${this.#connections}` };
  }

  async describe(connection: LibvirtConnection, demands: HostDemands, options: CallOptions): Promise<HostDescription> {
    const { requiredPools, requiredNetworks, kvmDomains } = demands;
    // One after the other: of libvirtd's five places for us one is taken, should it not answer.
    const identity = await this.identity(connection);
    const capabilities = await this.#read(connection);
    const hostname = await connection.hostname(options);
    const versions = await connection.versions(options);
    const node = await connection.nodeInfo(options);
    const pools = await partsOf(requiredPools, () => connection.storagePools(options));
    const networks = await partsOf(requiredNetworks, () => connection.networks(options));
    const { kvm, arch = '', cpuModel = node.cpuModel } = capabilities;
    return {
      ...identity,
      hostname,
      capabilities: { ...versions, kvm, arch, cpuModel, cpus: node.cpus, memoryMiB: Math.floor(node.memoryKiB / 1024) },
      unfit: unfitBecause({
        libvirtVersion: versions.libvirt,
        kvm,
        kvmDomains,
        requiredPools,
        requiredNetworks,
        pools,
        networks,
      }),
    };
  }

  #read(connection: LibvirtConnection): Promise<HostCapabilities> {
    if (connection !== this.#connection) {
      this.#connection = connection;
      this.#connections++;
      this.#capabilities = undefined;
    }
    this.#capabilities ??= this.#ask(connection);
    return this.#capabilities;
  }

  #ask(connection: LibvirtConnection): Promise<HostCapabilities> {
    const asking = connection.hostCapabilitiesXml({ timeoutMs: capabilitiesTimeoutMs }).then(parseHostCapabilities);
    asking.catch(() => {
      if (this.#capabilities === asking) this.#capabilities = undefined; // asked again by the next call
    });
    return asking;
  }
}

/**
 * Not asked where nothing is required. A host without the driver for them has none; where they cannot be told now
 * nothing follows (I2).
 */
async function partsOf(
  required: readonly string[],
  ask: () => Promise<readonly HostPart[]>,
): Promise<readonly HostPart[] | undefined> {
  if (required.length === 0) return undefined;
  return ask().catch((error: unknown) => (VedetteError.is(error, 'VDT_LIBVIRT_UNSUPPORTED') ? [] : undefined));
}
