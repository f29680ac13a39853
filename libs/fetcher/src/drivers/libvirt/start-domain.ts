import { type Domain, domainStates, type LibvirtConnection } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import type { StartOutcome } from '../../host-port.ts';
import type { Call } from './listings.ts';

/**
 * Starts a domain that is defined and down: what `virsh start` does. A managed save is restored by it.
 *
 * @param connection one whose five places nothing else needs: libvirtd keeps one for as long as QEMU takes to start
 * @throws what LibvirtConnection.startDomain throws, but for what libvirtd has against this very start
 */
export async function startDomain(connection: LibvirtConnection, uuid: string, call: Call): Promise<StartOutcome> {
  try {
    const domain = await connection.lookupDomain(uuid, call);
    if (!(await isDown(connection, domain, call))) return active;
    await connection.startDomain(domain, call);
    return { outcome: 'started', detail: '' };
  } catch (error) {
    if (VedetteError.is(error, 'VDT_LIBVIRT_STATE') && (await cameUp(connection, uuid, call))) return active;
    if (VedetteError.is(error) && refusals.has(error.code)) return { outcome: 'refused', detail: error.message };
    throw error;
  }
}

const active: StartOutcome = { outcome: 'active', detail: '' };

/** libvirtd understood, may be asked, and will not or cannot. */
const refusals: ReadonlySet<string> = new Set([
  'VDT_LIBVIRT_NO_DOMAIN',
  'VDT_LIBVIRT_STATE',
  'VDT_LIBVIRT_UNSUPPORTED',
  'VDT_LIBVIRT_REFUSED',
]);

async function isDown(connection: LibvirtConnection, domain: Domain, call: Call): Promise<boolean> {
  const { state } = await connection.domainState(domain, call);
  return state === domainStates.shutoff || state === domainStates.crashed;
}

/** Somebody else may have started it between our look and our call. */
async function cameUp(connection: LibvirtConnection, uuid: string, call: Call): Promise<boolean> {
  return !(await isDown(connection, await connection.lookupDomain(uuid, call), call));
}
