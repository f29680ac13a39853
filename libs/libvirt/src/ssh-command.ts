import type { LibvirtAddress, SshAddress } from './address.ts';

/** How long ssh itself tries to reach a host, should nobody end it before. */
const CONNECT_TIMEOUT_S = 30;

/**
 * What ssh is called with. The operator's configuration holds, but for this: it asks nobody (BatchMode), takes no host
 * key that is not known already (StrictHostKeyChecking), forwards nothing, and leaves no master connection behind.
 */
export function sshArguments(ssh: SshAddress, address: LibvirtAddress): readonly string[] {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'ClearAllForwardings=yes',
    'ControlMaster=no',
    `ConnectTimeout=${CONNECT_TIMEOUT_S}`,
    ...(ssh.keyFile === undefined ? [] : ['IdentitiesOnly=yes']),
    ...(ssh.knownHostsFile === undefined ? [] : [`UserKnownHostsFile=${configPath(ssh.knownHostsFile)}`]),
  ];
  return [
    '-T',
    ...['-e', 'none'],
    ...options.flatMap((option) => ['-o', option]),
    ...(ssh.keyFile === undefined ? [] : ['-i', ssh.keyFile]),
    ...(ssh.port === undefined ? [] : ['-p', String(ssh.port)]),
    ...(ssh.user === undefined ? [] : ['-l', ssh.user]),
    ...['--', ssh.host, remoteCommand(ssh, address)],
  ];
}

/** A path as ssh's configuration takes it: spaces would end it, and % begins a token. */
function configPath(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}

/**
 * What runs on the host, for whatever shell the user has there: libvirt's own way (virnetclient.c), `virt-ssh-helper`
 * where there is one, else `nc`. An `nc` that would outlive us (those that know -q) is told not to.
 */
export function remoteCommand(ssh: SshAddress, { driverUri, readOnly }: LibvirtAddress): string {
  const helper = `virt-ssh-helper ${readOnly ? '-r ' : ''}${quoted(driverUri)}`;
  if (ssh.proxy === 'native') return helper;
  const tryHelper = `if command -v virt-ssh-helper >/dev/null 2>&1; then exec ${helper}; fi`;
  const lacking = ssh.proxy === 'auto' ? 'neither virt-ssh-helper nor nc' : 'no nc';
  const lines = [
    ...(ssh.proxy === 'auto' ? [tryHelper] : []),
    `if ! command -v nc >/dev/null 2>&1; then echo "${lacking} on this host" >&2; exit 127; fi`,
    `for s in ${ssh.socketPaths.map(quoted).join(' ')}; do if test -S "$s"; then break; fi; done`,
    'if nc -q 2>&1 | grep "requires an argument" >/dev/null 2>&1; then exec nc -q0 -U "$s"; fi',
    'exec nc -U "$s"',
  ];
  return `sh -c ${quoted(lines.join('; '))}`;
}

/** One word to a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
