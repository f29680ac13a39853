import { type HostCapabilities, type LibvirtConnection, parseHostCapabilities } from '@vedette/libvirt';
import type { HostDescription, HostIdentity, HostStats } from '../../host-port.ts';

interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Asking is dear where libvirtd has to probe QEMU first (8-12 s seen): no caller waits so long, the answer is kept. */
const capabilitiesTimeoutMs = 60_000;

/**
 * What a libvirtd says about its host. Read once a connection: it does not change while the daemon runs. A connection
 * counts as one boot; a daemon that was restarted is another, and answers twice before it is believed. Until
 * it has said who it is nothing it lists is believed, after a reconnect as at first (I2): listings wait for it.
 */
export class HostFacts {
  #connection: LibvirtConnection | undefined;
  #capabilities: Promise<HostCapabilities> | undefined;
  #connections = 0;

  async identity(connection: LibvirtConnection): Promise<HostIdentity> {
    const { hostUuid = 'none' } = await this.#read(connection);
    return { hostUuid, boot: `connection-${this.#connections}` };
  }

  async describe(connection: LibvirtConnection, options: CallOptions): Promise<HostDescription> {
    const [identity, capabilities, hostname, versions, node] = await Promise.all([
      this.identity(connection),
      this.#read(connection),
      connection.hostname(options),
      connection.versions(options),
      connection.nodeInfo(options),
    ]);
    const { kvm, arch = '', cpuModel = node.cpuModel } = capabilities;
    return {
      ...identity,
      hostname,
      capabilities: { ...versions, kvm, arch, cpuModel, cpus: node.cpus, memoryMiB: Math.floor(node.memoryKiB / 1024) },
      unfit: '',
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

export async function readHostStats(connection: LibvirtConnection, options: CallOptions): Promise<HostStats> {
  const [node, memory] = await Promise.all([connection.nodeInfo(options), connection.nodeMemoryStats(options)]);
  return {
    cpuCount: node.cpus,
    // One source for both: in a container the memory of the node info was seen to be less than what these call free.
    memoryMiB: Math.floor((memory.get('total') ?? node.memoryKiB) / 1024),
    memoryFreeMiB: Math.floor((memory.get('free') ?? 0) / 1024),
  };
}
