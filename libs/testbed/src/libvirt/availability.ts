import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The namespaces of a private libvirt; see init.sh. */
export const unshareFlags = ['--mount', '--net', '--pid', '--ipc', '--fork', '--kill-child'] as const;

/** Where `make setup` puts the kernel and the initramfs of the full guests. */
export const guestImageDir = join(import.meta.dirname, '../../../../.cache/testbed/guest');

export type Availability = { readonly ok: true } | { readonly ok: false; readonly reason: string };

const programs = ['bash', 'unshare', 'nsenter', 'mount', 'ip', 'libvirtd', 'virsh', 'qemu-system-x86_64'];
const networkPrograms = ['dnsmasq', 'iptables'];

/** The environment of everything the test bed runs: plain English output, and the places of system programs. */
export const systemEnv: NodeJS.ProcessEnv = {
  ...process.env,
  LC_ALL: 'C',
  PATH: [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter),
};

let namespaces: Availability | undefined;

/**
 * Whether {@link startLibvirt} can work on this machine; a test skips with the reason where it cannot:
 * `if (!available.ok) ctx.skip(available.reason)`.
 *
 * @param needs `fullGuests`: also the guest image and a network with DHCP
 */
export function libvirtAvailable(needs: { readonly fullGuests?: boolean } = {}): Availability {
  if (process.platform !== 'linux') return { ok: false, reason: 'libvirt is tested on Linux only' };
  if (process.getuid?.() !== 0) return { ok: false, reason: 'not root: a private libvirtd needs namespaces' };
  const wanted = needs.fullGuests === true ? [...programs, ...networkPrograms] : programs;
  const missing = wanted.filter((program) => !isInstalled(program));
  if (missing.length > 0) return { ok: false, reason: `not installed: ${missing.join(', ')}; run \`make setup\`` };
  if (needs.fullGuests === true && !existsSync(join(guestImageDir, 'initrd.gz'))) {
    return { ok: false, reason: 'no guest image in .cache/testbed/guest: run `make setup`' };
  }
  namespaces ??= tryNamespaces();
  return namespaces;
}

function isInstalled(program: string): boolean {
  const folders = (systemEnv.PATH ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}

function tryNamespaces(): Availability {
  const attempt = 'mount -t proc proc /proc && umount --lazy /sys && mount -t sysfs sysfs /sys';
  const { status, stderr } = spawnSync('unshare', [...unshareFlags, 'sh', '-c', attempt], {
    env: systemEnv,
    encoding: 'utf8',
  });
  if (status === 0) return { ok: true };
  return { ok: false, reason: `private namespaces are not permitted here: ${stderr.trim()}` };
}
