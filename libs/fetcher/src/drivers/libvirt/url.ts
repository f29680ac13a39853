import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';

/** What a host URL of this driver says. */
export interface LibvirtUrl {
  /** As libvirt writes it: `qemu:///system`. */
  readonly uri: string;
  readonly socketPath: string | undefined;
  readonly readOnly: boolean;
}

const forms = 'libvirt:///system, with ?socket=PATH and &readonly=1 where wanted';

/**
 * Reads `libvirt:///system[?socket=PATH][&readonly=1][&driver=qemu]`: this machine's libvirtd, by its own socket unless
 * one is named.
 *
 * @throws VedetteError VDT_FETCHER_URL
 */
export function parseLibvirtUrl(text: string): LibvirtUrl {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'libvirt:') throw unusable(text, 'is not a libvirt URL');
  if (url.host !== '') throw unusable(text, 'names another machine, and only unix sockets are served');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw unusable(text, 'has parts that mean nothing');
  if (!/^\/[a-z]+$/.test(url.pathname)) throw unusable(text, 'names no libvirt instance');
  const unknown = [...url.searchParams.keys()].find((name) => !['socket', 'readonly', 'driver'].includes(name));
  if (unknown !== undefined) throw unusable(text, `has the unknown parameter ${unknown}`);
  const readonly = url.searchParams.get('readonly') ?? '0';
  if (readonly !== '0' && readonly !== '1') throw unusable(text, 'says readonly, but neither 0 nor 1');
  const socketPath = url.searchParams.get('socket') ?? undefined;
  if (socketPath !== undefined && !socketPath.startsWith('/'))
    throw unusable(text, 'names a socket without its whole path');
  const driver = url.searchParams.get('driver') ?? 'qemu';
  if (!/^[a-z]+$/.test(driver)) throw unusable(text, 'names no libvirt driver');
  return { uri: `${driver}://${url.pathname}`, socketPath, readOnly: readonly === '1' };
}

function unusable(text: string, why: string): VedetteError {
  return new VedetteError('VDT_FETCHER_URL', { message: `${JSON.stringify(text)} ${why}; known is ${forms}` });
}
