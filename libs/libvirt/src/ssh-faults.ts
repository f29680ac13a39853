import { VedetteError } from '@vedette/runtime';
import type { SshAddress } from './address.ts';
import './errors.ts';

/** How an ssh ended. */
export interface SshEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** The end of what it, and what ran on the host, wrote to stderr. */
  readonly stderr: string;
  /** Whether anything had come from libvirtd before. */
  readonly answered: boolean;
}

interface SshFault {
  /** In the words of OpenSSH, virt-ssh-helper, nc or a shell. */
  readonly words: RegExp;
  readonly code: string;
  readonly what: string;
  readonly action?: string;
}

/** The first that fits is taken. */
const faults: readonly SshFault[] = [
  {
    words: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'VDT_LIBVIRT_HOST_IDENTITY',
    what: 'the host key is not the one that is known',
    action:
      'find out why it changed; only when the new key is right, remove the old one (ssh-keygen -R HOST) and add the new one to known_hosts',
  },
  {
    words: /Host key verification failed|host key is known for|REVOKED HOST KEY/i,
    code: 'VDT_LIBVIRT_HOST_IDENTITY',
    what: 'the host key is not known',
    action:
      'compare its fingerprint with that on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub) and add it to ~/.ssh/known_hosts of this user, or to the file named by known_hosts=',
  },
  {
    words: /Permission denied \(|Too many authentication failures|No more authentication methods/,
    code: 'VDT_LIBVIRT_AUTH',
    what: 'the host does not let this user in',
    action:
      'add the public key to ~/.ssh/authorized_keys of the user on the host; name the key by keyfile=. Nothing is asked, so a key with a passphrase needs an ssh-agent',
  },
  {
    words:
      /neither virt-ssh-helper nor nc|no nc on this host|(virt-ssh-helper|nc|netcat)['’]?:? .*not found|invalid option -- 'U'/,
    code: 'VDT_LIBVIRT_HELPER',
    what: 'the host has nothing that relays to libvirtd',
    action: 'install libvirt-daemon (with virt-ssh-helper) or netcat-openbsd (nc -U) on the host',
  },
  {
    words: /Permission denied/,
    code: 'VDT_LIBVIRT_PERMISSION',
    what: 'the user may not open the socket of libvirtd there',
    action: 'add the user to the libvirt group on the host, or connect with readonly=1',
  },
  {
    words: /No such file or directory|Failed to connect socket|unix connect failed/,
    code: 'VDT_LIBVIRT_UNREACHABLE',
    what: 'no libvirtd answers at its socket there',
    action: 'check on the host that libvirtd or virtqemud (or its .socket unit) runs; name another socket by socket=',
  },
  {
    words:
      /Could not resolve hostname|Connection refused|timed out|No route to host|Network is unreachable|Connection (closed|reset)|kex_exchange_identification|banner exchange/i,
    code: 'VDT_LIBVIRT_UNREACHABLE',
    what: 'the host cannot be reached',
    action: 'check its name, its network and that sshd runs',
  },
];

/** What the end of an ssh that we did not end comes to. */
export function sshFault(ssh: SshAddress, { code, stderr, answered }: SshEnd): VedetteError {
  const where = `ssh to ${ssh.user === undefined ? '' : `${ssh.user}@`}${ssh.host}`;
  const said = lastLines(stderr);
  const words = said === '' ? '' : `: ${said}`;
  if (!answered) {
    const fault = faults.find((one) => one.words.test(stderr));
    if (fault !== undefined) {
      const details = fault.action === undefined ? {} : { action: fault.action };
      return new VedetteError(fault.code, { message: `${where}: ${fault.what}${words}`, ...details });
    }
    if (code === 127) {
      return new VedetteError('VDT_LIBVIRT_HELPER', { message: `${where}: a program is missing there${words}` });
    }
  }
  const how = code === null ? 'was ended by a signal' : `ended (${code})`;
  return new VedetteError('VDT_LIBVIRT_CLOSED', { message: `${where} ${how}${words}` });
}

/** The last of what was said, the frames of warnings left out. */
function lastLines(stderr: string): string {
  const lines = stderr.split(/\r?\n/).map((line) => line.trim());
  return lines
    .filter((line) => /[A-Za-z0-9]/.test(line))
    .slice(-4)
    .join('; ');
}
