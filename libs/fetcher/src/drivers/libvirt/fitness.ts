/** What decides whether a libvirt host can do its work. */
export interface HostFitness {
  /** As `9.0.0`. */
  readonly libvirtVersion: string;
  /** Whether its guests may run on the processor. */
  readonly kvm: boolean;
  /** Names of domains that are defined to. */
  readonly kvmDomains: readonly string[];
  readonly requiredPools: readonly string[];
  readonly requiredNetworks: readonly string[];
  /** What there is; undefined where it could not be read, of which nothing follows. */
  readonly pools: readonly HostPart[] | undefined;
  readonly networks: readonly HostPart[] | undefined;
}

/** A storage pool or a network. */
export interface HostPart {
  readonly name: string;
  readonly active: boolean;
}

/** The first that can bound the time it waits for a guest agent (5.10), and answers statistics without waiting (4.5). */
const oldest = [5, 10, 0] as const;

/**
 * Why a host is unfit although it answers; empty when it is fit.
 *
 * - F1 Without KVM a host is unfit when it has domains that are to run on it. One that has none (emulation only) is fit.
 *   libvirt asks QEMU itself, so a /dev/kvm that is there but does not work counts as none.
 * - F2 Of pools and networks only those that its operator requires count: missing or not active makes it unfit.
 * - F3 What could not be read is no reason (I2).
 */
export function unfitBecause(fitness: HostFitness): string {
  const { libvirtVersion, kvm, kvmDomains, pools, networks } = fitness;
  const reasons = [
    ...(isOlder(libvirtVersion) ? [`libvirt ${libvirtVersion} is older than ${oldest.join('.')}`] : []),
    ...(!kvm && kvmDomains.length > 0 ? [`no KVM, which ${named(kvmDomains)} needs`] : []),
    ...lacking('storage pool', fitness.requiredPools, pools),
    ...lacking('network', fitness.requiredNetworks, networks),
  ];
  return reasons.join('; ');
}

function isOlder(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [at, least] of oldest.entries()) {
    const part = parts[at] ?? 0;
    if (part !== least) return part < least;
  }
  return false;
}

function named(domains: readonly string[]): string {
  const [first = '', ...others] = [...domains].sort();
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

function lacking(what: string, required: readonly string[], there: readonly HostPart[] | undefined): string[] {
  if (there === undefined) return [];
  const byName = new Map(there.map(({ name, active }) => [name, active]));
  return required.flatMap((name) => {
    const active = byName.get(name);
    if (active === true) return [];
    return [`${what} ${name} is ${active === undefined ? 'not there' : 'not active'}`];
  });
}
