import { VedetteError } from '@vedette/runtime';
import './errors.ts';

/** Where a libvirtd is and which of its drivers is meant. */
export interface LibvirtAddress {
  /** What libvirtd is asked to open, as `qemu:///system`. */
  readonly driverUri: string;
  /** The sockets to try, the first that answers is taken. */
  readonly socketPaths: readonly string[];
}

const RUN_DIR = '/run/libvirt';

/**
 * Reads a libvirt URI: `qemu:///system`, `qemu+unix:///system?socket=PATH`, `test:///default`. Without a socket it is
 * the system's: that of libvirtd, or of the one-driver daemon (`virtqemud`) where distributions run those.
 *
 * @throws VedetteError VDT_LIBVIRT_ADDRESS
 */
export function parseLibvirtUri(uri: string, readOnly: boolean): LibvirtAddress {
  const url = URL.parse(uri);
  const [, driver, transport = 'unix'] = url?.protocol.match(/^([a-z]+)(?:\+([a-z]+))?:$/) ?? [];
  if (url === null || driver === undefined) throw unusable(uri, 'is not a libvirt URI');
  if (transport !== 'unix' || url.host !== '')
    throw unusable(uri, 'names a remote host: only unix sockets are supported');
  const driverUri = `${driver}://${url.pathname}`;
  const socketPath = url.searchParams.get('socket');
  if (socketPath !== null) return { driverUri, socketPaths: [socketPath] };
  if (url.pathname === '/session') throw unusable(uri, "is a user's own: its socket must be given as ?socket=PATH");
  const suffix = readOnly ? 'sock-ro' : 'sock';
  return { driverUri, socketPaths: [`${RUN_DIR}/libvirt-${suffix}`, `${RUN_DIR}/virt${driver}d-${suffix}`] };
}

function unusable(uri: string, why: string): VedetteError {
  return new VedetteError('VDT_LIBVIRT_ADDRESS', { message: `${JSON.stringify(uri)} ${why}` });
}
