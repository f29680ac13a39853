import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, runCommand, tempDir } from '@vedette/testbed';
import { libvirtAvailable, startLibvirt } from '@vedette/testbed/libvirt';
import { beforeEach, expect, it, vi } from 'vitest';

/** On a busy machine without hardware virtualization everything here takes many times what it takes alone. */
vi.setConfig({ testTimeout: 120_000 });

const available = libvirtAvailable();
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

/** What names the namespaces behind a `/proc/<pid>/root`. */
function namespaceOf(rootDir: string): string {
  return readlinkSync(join(rootDir, '../ns/pid_for_children'));
}

function processesIn(namespace: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/pid`) === namespace;
    } catch {
      return false; // ended while we looked
    }
  });
}

async function linkNames(): Promise<string[]> {
  const links = await runCommand('ip', ['-o', 'link']);
  return links.split('\n').map((line) => line.split(':')[1]?.trim() ?? '');
}

it('brings up a libvirtd whose guests virsh sees, and stop leaves no process, mount, bridge or file', async () => {
  const linksBefore = await linkNames(); // a machine may well run a libvirtd of its own
  const libvirt = await startLibvirt();
  const namespace = namespaceOf(libvirt.rootDir);
  await libvirt.startBiosGuest('first');
  await libvirt.startBiosGuest('second');
  await libvirt.startNetwork();
  expect(await libvirt.virsh('list', '--name')).toBe('first\nsecond');
  expect(await libvirt.run('ip', ['-o', 'link', 'show', 'virbr0'])).toContain('virbr0');
  expect(processesIn(namespace).length).toBeGreaterThan(5); // init, sleep, libvirtd, two guests, dnsmasq

  await libvirt.stop();
  await libvirt.stop();
  expect(processesIn(namespace)).toEqual([]);
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(libvirt.baseDir);
  expect(await linkNames()).toEqual(linksBefore);
  expect(existsSync(libvirt.baseDir)).toBe(false);
});

it('two at once do not see each other', async () => {
  const [one, other] = await Promise.all([startLibvirt(), startLibvirt()]);
  try {
    await Promise.all([one.startBiosGuest('same'), other.startBiosGuest('same')]);
    await Promise.all([one.startNetwork(), other.startNetwork()]);
    await one.virsh('destroy', 'same');
    expect(await one.virsh('list', '--name')).toBe('');
    expect(await other.virsh('list', '--name')).toBe('same');
    expect(one.hostUuid).not.toBe(other.hostUuid);
  } finally {
    await Promise.all([one.stop(), other.stop()]);
  }
});

it('guests survive a restart and a crash of libvirtd', async () => {
  await using libvirt = await startLibvirt();
  await libvirt.startBiosGuest('survivor');
  const pid = await libvirt.guestPid('survivor');
  await libvirt.restart();
  expect(await libvirt.virsh('domstate', 'survivor')).toBe('running');
  await libvirt.daemon.stop('SIGKILL');
  await expect(libvirt.virsh('list')).rejects.toMatchObject({ code: 'VDT_TESTBED_COMMAND' });
  await libvirt.daemon.start();
  expect(await libvirt.virsh('domstate', 'survivor')).toBe('running');
  expect(await libvirt.guestPid('survivor')).toBe(pid);
});

it('a killed QEMU is a crash, and outside readers see the files and processes of the namespaces', async () => {
  await using libvirt = await startLibvirt();
  await libvirt.startBiosGuest('victim');
  const pid = await readFile(join(libvirt.rootDir, 'run/libvirt/qemu/victim.pid'), 'utf8');
  expect(await readFile(join(libvirt.rootDir, `proc/${pid}/cmdline`), 'utf8')).toContain('guest=victim');
  await libvirt.signalGuest('victim', 'SIGKILL');
  await eventually(async () =>
    expect(await libvirt.virsh('domstate', '--reason', 'victim')).toBe('shut off (crashed)'),
  );
  await expect(libvirt.signalGuest('victim', 'SIGKILL')).rejects.toMatchObject({ code: 'VDT_TESTBED_COMMAND' });
});

it('a libvirtd that cannot start fails at once, with its own words', async () => {
  const started = startLibvirt({ settings: { no_such_setting_type: 1, auth_unix_rw: 7 } });
  await expect(started).rejects.toMatchObject({
    code: 'VDT_TESTBED_START',
    message: expect.stringContaining('auth_unix_rw'),
  });
});

it('a libvirtd that ends while it starts up fails at once, with the end of its log', async () => {
  await using libvirt = await startLibvirt();
  await libvirt.daemon.stop();
  await writeFile(join(libvirt.baseDir, 'etc/qemu.conf'), 'user = "nobody-of-this-name"\n');
  await expect(libvirt.daemon.start({ timeoutMs: 60_000 })).rejects.toMatchObject({
    code: 'VDT_TESTBED_START',
    message: expect.stringContaining('nobody-of-this-name'),
  });
});

it('a crashed test run leaves no process, and the next one removes its files', async () => {
  await using folder = await tempDir();
  const file = join(folder.path, 'where');
  const script = join(import.meta.dirname, 'dying-libvirt-owner.ts');
  await expect(runCommand(process.execPath, [script, file])).rejects.toMatchObject({
    message: expect.stringContaining('SIGKILL'),
  });
  const [rootDir = '', baseDir = ''] = (await readFile(file, 'utf8')).split('\n');
  await eventually(() => expect(existsSync(rootDir)).toBe(false));
  expect(existsSync(baseDir)).toBe(true);
  await using _next = await startLibvirt();
  expect(existsSync(baseDir)).toBe(false);
});

it('a full guest boots, gets an address by DHCP, and its agent answers', async (ctx) => {
  const full = libvirtAvailable({ fullGuests: true });
  if (!full.ok) ctx.skip(full.reason);
  await using libvirt = await startLibvirt();
  await libvirt.startFullGuest('linux');
  await libvirt.agentAnswers('linux');
  const address = /eth0 .* ipv4 +(192\.168\.122\.\d+)\/24/;
  const [, fromAgent] = (await libvirt.virsh('domifaddr', 'linux', '--source', 'agent')).match(address) ?? [];
  expect(fromAgent).toBeDefined();
  expect(await libvirt.virsh('domifaddr', 'linux', '--source', 'lease')).toContain(fromAgent);
  await libvirt.virsh('shutdown', 'linux');
  await eventually(async () => expect(await libvirt.virsh('domstate', 'linux')).toBe('shut off'), {
    timeoutMs: 30_000,
  });
});
