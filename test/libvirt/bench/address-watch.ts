import { createMemoryBroker } from '@vedette/bus/memory';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { createHostMonitor } from '@vedette/host-monitor';
import type { Address, IPChanged } from '@vedette/model';
import type { RealClock } from '@vedette/runtime';
import { createMemoryStore } from '@vedette/store/memory';
import { silentLogger } from '@vedette/telemetry';
import type { PrivateLibvirt } from '@vedette/testbed/libvirt';

/** An address told, with the monotonic time at which a subscriber had it. */
export interface AddressTold {
  readonly atMs: number;
  readonly source: Address['source'];
}

/** Monitor and driver with the settings of production over one real host, and a subscriber to its addresses. */
export interface AddressWatch extends AsyncDisposable {
  /** Resolves when a VM was told to have an address; undefined when it was not in time. */
  told(vm: string, address: string, timeoutMs: number): Promise<AddressTold | undefined>;
}

/**
 * @param options `readOnly`: guest agents cannot be asked, so that addresses come from leases and neighbours;
 *   `neighbours`: whether the driver is told in whose namespaces it finds the host's neighbour table
 */
export async function watchAddresses(
  libvirt: PrivateLibvirt,
  options: { readonly clock: RealClock; readonly readOnly: boolean; readonly neighbours: boolean },
): Promise<AddressWatch> {
  const { clock, readOnly, neighbours } = options;
  const broker = createMemoryBroker({ clock });
  const store = createMemoryStore({ clock });
  const waiting = new Map<string, (told: AddressTold) => void>();
  await broker.connect({ name: 'subscriber' }).subscribe({
    patterns: ['vedette.v1.vm.ip.>'],
    handler: (_subject, payload) => {
      const { data } = JSON.parse(Buffer.from(payload).toString()) as IPChanged;
      for (const { address, source } of data.added)
        waiting.get(`${data.vm} ${address}`)?.({ atMs: clock.now(), source });
    },
  });
  const socketPath = readOnly ? libvirt.readOnlySocketPath : libvirt.socketPath;
  const url = `libvirt:///system?socket=${socketPath}${readOnly ? '&readonly=1' : ''}`;
  const host = { id: 'kvm1', name: 'kvm1', realm: 'lab', url };
  await store.registerHosts([host]);
  const monitor = createHostMonitor({
    member: 'm1',
    bus: broker.connect({ name: 'monitor' }),
    observers: store,
    drivers: [libvirtDriver({ clock, ...(neighbours ? { hostRoot: libvirt.rootDir } : {}) })],
    clock,
    logger: silentLogger(),
  });
  await monitor.start({ signal: new AbortController().signal });
  await monitor.addHost(host);
  return {
    async told(vm, address, timeoutMs) {
      const heard = Promise.withResolvers<AddressTold | undefined>();
      waiting.set(`${vm} ${address}`, heard.resolve);
      const timer = clock.setTimer(() => heard.resolve(undefined), timeoutMs);
      const told = await heard.promise;
      timer.cancel();
      waiting.delete(`${vm} ${address}`);
      return told;
    },
    async [Symbol.asyncDispose]() {
      await monitor.stop({ deadlineMs: clock.now() + 10_000, signal: new AbortController().signal });
      await store.close();
    },
  };
}
