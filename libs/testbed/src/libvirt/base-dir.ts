import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import { guestImageDir } from './availability.ts';

const PREFIX = 'vedette-libvirt-';
/** The longest socket path below a base folder; an address of a unix socket holds 107 bytes. */
const LONGEST_SOCKET = '/run/libvirt/libvirt-admin-sock';

/**
 * Makes the folder that holds everything a private libvirt writes: etc, lib, cache, log and run are laid over libvirt's
 * places, xml, images and guest are ours. Folders that earlier test processes left when they died are removed on the way.
 */
export async function makeBaseDir(): Promise<string> {
  await sweepStale();
  const base = await mkdtemp(join(tmpdir(), PREFIX));
  if (base.length + LONGEST_SOCKET.length > 107) {
    await rm(base, { recursive: true });
    throw new VedetteError('VDT_TESTBED_UNAVAILABLE', {
      message: `${tmpdir()} is too long a path for sockets below it`,
      action: 'set TMPDIR to a shorter path',
    });
  }
  await writeFile(join(base, 'owner'), `${process.pid} ${await startTicks(process.pid)}`);
  for (const folder of [
    'run/libvirt',
    'run/lock',
    'run/guests',
    'etc/qemu/networks',
    'lib',
    'cache',
    'log/qemu',
    'xml',
    'images',
  ]) {
    await mkdir(join(base, folder), { recursive: true });
  }
  await symlink(guestImageDir, join(base, 'guest'));
  return base;
}

export type Settings = Readonly<Record<string, string | number>>;

/**
 * The settings of one private libvirtd: what is given is added to libvirtd.conf and qemu.conf and wins over ours.
 *
 * @param options `bridgeIsThere`: the default network uses the bridge that another libvirtd of the same network made
 */
export async function writeConfiguration(
  base: string,
  settings: Settings,
  options: { readonly qemuSettings?: Settings; readonly bridgeIsThere?: boolean } = {},
): Promise<{ readonly hostUuid: string }> {
  const hostUuid = randomUUID();
  const libvirtd = {
    host_uuid: hostUuid,
    unix_sock_group: 'root',
    unix_sock_ro_perms: '0777',
    auth_unix_ro: 'none',
    auth_unix_rw: 'none',
    auth_tcp: 'none',
    listen_tls: 0,
    log_outputs: '3:file:/var/log/libvirt/libvirtd.log',
    ...settings,
  };
  await writeFile(join(base, 'etc/libvirtd.conf'), lines(libvirtd));
  // Guests run as root of the namespaces, without what needs the machine's help: security labels, virtlogd, private /dev.
  const qemu = { user: 'root', group: 'root', security_driver: 'none', stdio_handler: 'file', ...options.qemuSettings };
  await writeFile(join(base, 'etc/qemu.conf'), `${lines(qemu)}namespaces = []\n`);
  await writeFile(
    join(base, 'etc/qemu/networks/default.xml'),
    options.bridgeIsThere ? NEIGHBOURS_NETWORK : DEFAULT_NETWORK,
  );
  return { hostUuid: String(libvirtd.host_uuid) };
}

const DEFAULT_NETWORK = `<network>
  <name>default</name>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp>
  </ip>
</network>
`;

const NEIGHBOURS_NETWORK = `<network>
  <name>default</name>
  <forward mode='bridge'/>
  <bridge name='virbr0'/>
</network>
`;

function lines(settings: Settings): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join('');
}

async function sweepStale(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(tmpdir(), name);
    if (await isStale(folder)) await rm(folder, { recursive: true, force: true });
  }
}

/** A folder without an owner is being made or removed at this moment by another test process: it is left alone. */
async function isStale(folder: string): Promise<boolean> {
  const owner = await readFile(join(folder, 'owner'), 'utf8').catch(() => undefined);
  if (owner === undefined) return false;
  const [pid = '', ticks] = owner.split(' ');
  return (await startTicks(Number(pid))) !== ticks;
}

/** When a process was started, in clock ticks since boot: with its id it names it for good. Undefined when it is gone. */
async function startTicks(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
