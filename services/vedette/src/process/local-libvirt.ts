import { access, constants } from 'node:fs/promises';
import { VedetteError } from '@vedette/runtime';
import '../errors.ts';

/** Where libvirt's daemons listen for full access, the classic one first (libvirt.org/daemons.html). */
const sockets = ['/run/libvirt/libvirt-sock', '/run/libvirt/virtqemud-sock'];

/**
 * The URL of this machine's own libvirt.
 *
 * @throws VedetteError VDT_COMMAND_NO_HOSTS when its socket is not there, or not for this user
 */
export async function localLibvirtUrl(): Promise<string> {
  for (const socket of sockets) {
    // oxlint-disable-next-line no-await-in-loop -- the first that is there is the one
    const found = await accessOf(socket);
    if (found === 'usable') return 'libvirt:///system';
    if (found === 'forbidden') {
      throw new VedetteError('VDT_COMMAND_NO_HOSTS', {
        message: `this machine's libvirt is there, but this user may not open ${socket}`,
        action: 'join the group libvirt (and log in again), or try `vedette demo`',
      });
    }
  }
  throw new VedetteError('VDT_COMMAND_NO_HOSTS', {
    message:
      'no hosts are configured and this machine has no libvirt socket: try `vedette demo`, or name your hosts in a file and give it with --config',
    action: '',
  });
}

async function accessOf(path: string): Promise<'usable' | 'forbidden' | 'absent'> {
  try {
    await access(path, constants.R_OK | constants.W_OK);
    return 'usable';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'forbidden' : 'absent';
  }
}
