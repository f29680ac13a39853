import { type ConnectOptions, type LibvirtAddress, libvirtTransports, parseLibvirtUri } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';

/** What a host URL of this driver says. */
export interface LibvirtUrl {
  /** As libvirt writes it, with transport, host and parameters: `qemu:///system`, `qemu+tls://kvm1/system`. */
  readonly uri: string;
  /** The unix socket of this machine, where one is named; {@link uri} names it too. */
  readonly socketPath: string | undefined;
  readonly readOnly: boolean;
  /** Storage pools and networks that must be active, else the host is unfit: `pool=NAME`, `network=NAME`, repeated. */
  readonly requiredPools: readonly string[];
  readonly requiredNetworks: readonly string[];
  /** What a session needs to reach it: `new LibvirtSession({ clock, ...url.connect })`. */
  readonly connect: Pick<ConnectOptions, 'uri' | 'readOnly'>;
}

/** `libvirt` stands for libvirt's own driver schemes, `qemu` unless `driver=` names another. */
const drivers = ['libvirt', 'qemu', 'test'] as const;

/** Every scheme of this driver, without the colon: `libvirt`, `qemu`, `qemu+tls`, ... */
export const libvirtSchemes: readonly string[] = drivers.flatMap((driver) => [
  driver,
  ...libvirtTransports.map((transport) => `${driver}+${transport}`),
]);

const forms =
  'libvirt:///system, qemu:///system?socket=PATH, qemu+tls://HOST/system, qemu+ssh://USER@HOST/system, with readonly=1, pool=NAME, network=NAME where wanted';

/**
 * Reads the address of a libvirtd in libvirt's own forms ({@link parseLibvirtUri}), or with `libvirt` in the place of
 * the driver: `libvirt:///system`, `libvirt+ssh://kvm1/system?readonly=1`, `libvirt:///default?driver=test`.
 *
 * @throws VedetteError VDT_FETCHER_URL
 */
export function parseLibvirtUrl(text: string): LibvirtUrl {
  const scheme = text.slice(0, Math.max(0, text.indexOf(':')));
  if (!libvirtSchemes.includes(scheme)) throw unusable(`${shown(text)} is not a libvirt URL`);
  const { bare, requiredPools, requiredNetworks } = withoutRequirements(text);
  const uri = scheme.startsWith('libvirt') ? withDriver(bare) : bare;
  const { readOnly, transport } = readAddress(uri, text);
  const named = URL.parse(uri)?.searchParams.get('socket') ?? undefined;
  const socketPath = transport.kind === 'unix' ? named : undefined;
  return { uri, socketPath, readOnly, requiredPools, requiredNetworks, connect: { uri, readOnly } };
}

/** The parameters that are ours and not libvirt's, taken out. */
function withoutRequirements(text: string): {
  readonly bare: string;
  readonly requiredPools: readonly string[];
  readonly requiredNetworks: readonly string[];
} {
  const url = URL.parse(text);
  const requiredPools = url?.searchParams.getAll('pool') ?? [];
  const requiredNetworks = url?.searchParams.getAll('network') ?? [];
  if (url === null || requiredPools.length + requiredNetworks.length === 0)
    return { bare: text, requiredPools, requiredNetworks };
  if ([...requiredPools, ...requiredNetworks].includes(''))
    throw unusable(`${shown(text)} requires a pool or network without a name`);
  url.searchParams.delete('pool');
  url.searchParams.delete('network');
  return { bare: url.href, requiredPools, requiredNetworks };
}

/** The same address, with libvirt's name of the driver. */
function withDriver(text: string): string {
  const url = URL.parse(text);
  if (url === null) throw unusable(`${shown(text)} is not a libvirt URL`);
  const driver = url.searchParams.get('driver') ?? 'qemu';
  if (!/^[a-z]+$/.test(driver)) throw unusable(`${shown(text)} names no libvirt driver`);
  if (url.searchParams.has('driver')) url.searchParams.delete('driver'); // else left as it is written
  return url.href.replace(/^libvirt/, driver);
}

function readAddress(uri: string, text: string): LibvirtAddress {
  try {
    return parseLibvirtUri(uri);
  } catch (error) {
    if (!VedetteError.is(error, 'VDT_LIBVIRT_ADDRESS')) throw error;
    throw unusable(
      error.message.replace(JSON.stringify(uri), () => shown(text)),
      error,
    );
  }
}

/** Not with what may be a password. */
function shown(text: string): string {
  return JSON.stringify(text.replace(/:[^:/@]*@/, ':...@'));
}

function unusable(why: string, cause?: unknown): VedetteError {
  return new VedetteError('VDT_FETCHER_URL', { message: `${why}; known is ${forms}`, cause });
}
