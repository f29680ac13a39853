import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The namespaces of a private libvirt; see init.sh. */
export const unshareFlags = ['--mount', '--net', '--pid', '--ipc', '--fork', '--kill-child'] as const;

/** Where `make setup` puts the kernel and the initramfs of the full guests. */
export const guestImageDir = join(import.meta.dirname, '../../../../.cache/testbed/guest');

export type Availability = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface LibvirtNeeds {
  readonly fullGuests?: boolean;
  readonly tls?: boolean;
  readonly ssh?: boolean;
}

const programs = ['bash', 'unshare', 'nsenter', 'mount', 'ip', 'libvirtd', 'virsh', 'qemu-system-x86_64'];
const networkPrograms = ['dnsmasq', 'iptables'];
const sshPrograms = ['ssh', 'ssh-keygen', 'nc'];

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
 * @param needs `fullGuests`: also the guest image and a network with DHCP; `tls`: openssl; `ssh`: see startSshd
 */
export function libvirtAvailable(needs: LibvirtNeeds = {}): Availability {
  if (process.platform !== 'linux') return { ok: false, reason: 'libvirt is tested on Linux only' };
  if (process.getuid?.() !== 0) return { ok: false, reason: 'not root: a private libvirtd needs namespaces' };
  const { fullGuests = false, tls = false, ssh = false } = needs;
  const wanted = [
    ...programs,
    ...(fullGuests ? networkPrograms : []),
    ...(tls ? ['openssl'] : []),
    ...(ssh ? sshPrograms : []),
  ];
  const missing = wanted.filter((program) => !isInstalled(program));
  if (missing.length > 0) return { ok: false, reason: `not installed: ${missing.join(', ')}; run \`make setup\`` };
  if (ssh && findSshServer() === undefined) {
    return { ok: false, reason: 'no ssh server, neither installed nor in .cache/testbed/ssh: run `make setup`' };
  }
  if (fullGuests && !existsSync(join(guestImageDir, 'initrd.gz'))) {
    return { ok: false, reason: 'no guest image in .cache/testbed/guest: run `make setup`' };
  }
  namespaces ??= tryNamespaces();
  return namespaces;
}

/** Where `make setup` puts an ssh server when the machine has none. */
const unpackedSshDir = join(import.meta.dirname, '../../../../.cache/testbed/ssh');

/** The ssh server's program and the environment it needs; undefined where there is none. */
export function findSshServer(): { readonly program: string; readonly env: NodeJS.ProcessEnv } | undefined {
  const installed = '/usr/sbin/sshd';
  if (existsSync(installed)) return { program: installed, env: systemEnv };
  const unpacked = join(unpackedSshDir, 'sshd');
  if (!existsSync(unpacked)) return undefined;
  return { program: unpacked, env: { ...systemEnv, LD_LIBRARY_PATH: join(unpackedSshDir, 'lib') } };
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
