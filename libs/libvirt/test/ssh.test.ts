/** ssh against a real sshd whose clients find a real libvirtd. */
import { readdir, readFile } from 'node:fs/promises';
import { connectLibvirt, LibvirtSession } from '@vedette/libvirt';
import { eventually as eventuallyWithin } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, type Sshd, startLibvirt, startSshd } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

/** The machine that runs this may be slow. */
const eventually = (check: () => unknown): Promise<unknown> => eventuallyWithin(check, { timeoutMs: 15_000 });

const available = libvirtAvailable({ ssh: true });
let libvirt: PrivateLibvirt;
let sshd: Sshd;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  sshd = await startSshd(libvirt);
  await libvirt.startBiosGuest('alpha');
});
afterAll(async () => {
  await sshd?.stop();
  await libvirt?.stop();
});
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

interface SshWish {
  readonly server?: Sshd;
  readonly keyFile?: string;
  readonly knownHosts?: string;
  readonly more?: string;
}

function sshUri({
  server = sshd,
  keyFile = server.keyFile,
  knownHosts = server.knownHostsFile,
  more = '',
}: SshWish = {}) {
  return `qemu+ssh://${server.user}@${server.host}:${server.port}/system?keyfile=${keyFile}&known_hosts=${knownHosts}${more}`;
}

async function refusal(uri: string): Promise<unknown> {
  try {
    const connection = await connectLibvirt({ uri });
    await connection.close();
    return 'it was taken';
  } catch (error) {
    return error;
  }
}

/** The ssh clients to the port that are children of this process. */
async function sshChildren(port = sshd.port): Promise<readonly string[]> {
  const children: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [status, command] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''), // it may have ended meanwhile
      readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    ]);
    if (status.includes(`PPid:\t${process.pid}\n`) && command.includes(`-p\0${port}\0`)) children.push(pid);
  }
  return children;
}

const noChildren = (): Promise<unknown> => eventually(async () => expect(await sshChildren()).toEqual([]));

it('virt-ssh-helper relays: listed, watched, followed; no ssh is left after the end', async () => {
  const connection = await connectLibvirt({ uri: sshUri({ more: '&proxy=native' }) });
  expect((await connection.listDomains()).map(({ name }) => name)).toEqual(['alpha']);
  const events = (await connection.events({ types: ['lifecycle'] }))[Symbol.asyncIterator]();
  await libvirt.virsh('suspend', 'alpha');
  expect((await events.next()).value).toMatchObject({ type: 'lifecycle', domain: { name: 'alpha' }, event: 3 });
  await libvirt.virsh('resume', 'alpha');
  await events.return();
  expect(await sshChildren()).toHaveLength(1);
  await connection.close();
  await noChildren();
});

it('readonly=1 goes to the read-only socket', async () => {
  await using reader = await connectLibvirt({ uri: sshUri({ more: '&readonly=1' }) });
  const [alpha] = await reader.listDomains();
  await expect(reader.startDomain(alpha as never)).rejects.toMatchObject({ code: 'VDT_LIBVIRT_DENIED' });
});

it('a host without virt-ssh-helper is reached by nc, to a socket that is there or to the one named', async () => {
  await using bare = await startSshd(libvirt, { programs: ['sh', 'nc', 'grep'] });
  for (const more of ['', '&proxy=netcat', '&socket=/run/libvirt/libvirt-sock', '&readonly=1']) {
    const connection = await connectLibvirt({ uri: sshUri({ server: bare, more }) });
    expect(await connection.listDomains()).toHaveLength(1);
    await connection.close();
  }
  await eventually(async () => expect(await sshChildren(bare.port)).toEqual([]));
  await eventually(async () => {
    const names = await libvirt.run('sh', ['-c', 'cat /proc/[0-9]*/comm 2>/dev/null || true']);
    expect(names.split('\n')).not.toContain('nc');
  });
});

it('a host with neither is told so', async () => {
  await using empty = await startSshd(libvirt, { programs: ['sh'] });
  const lacking = { code: 'VDT_LIBVIRT_HELPER', action: expect.stringContaining('virt-ssh-helper') };
  expect(await refusal(sshUri({ server: empty }))).toMatchObject({
    ...lacking,
    message: expect.stringContaining('neither virt-ssh-helper nor nc on this host'),
  });
  expect(await refusal(sshUri({ server: empty, more: '&proxy=native' }))).toMatchObject(lacking);
  expect(await refusal(sshUri({ server: empty, more: '&proxy=netcat' }))).toMatchObject(lacking);
});

it('N1: a host key that is not known, and one that has changed, are told apart, and neither is accepted', async () => {
  expect(await refusal(sshUri({ knownHosts: '/dev/null' }))).toMatchObject({
    code: 'VDT_LIBVIRT_HOST_IDENTITY',
    message: expect.stringContaining('the host key is not known'),
    action: expect.stringContaining('known_hosts'),
  });
  expect(await refusal(sshUri({ knownHosts: sshd.strangeKnownHostsFile }))).toMatchObject({
    code: 'VDT_LIBVIRT_HOST_IDENTITY',
    message: expect.stringContaining('the host key is not the one that is known'),
  });
  await noChildren();
});

it('a key that the host does not accept is told as such', async () => {
  expect(await refusal(sshUri({ keyFile: sshd.strangeKeyFile }))).toMatchObject({
    code: 'VDT_LIBVIRT_AUTH',
    message: expect.stringMatching(
      /^ssh to root@127\.0\.0\.1: the host does not let this user in: .*Permission denied/,
    ),
    action: expect.stringContaining('authorized_keys'),
  });
});

it('a libvirtd that does not run there is told as such, by virt-ssh-helper and by nc', async () => {
  await using own = await startLibvirt();
  await using server = await startSshd(own);
  await own.daemon.stop();
  for (const more of ['&proxy=native', '&proxy=netcat']) {
    expect(await refusal(sshUri({ server, more }))).toMatchObject({ code: 'VDT_LIBVIRT_UNREACHABLE', retryable: true });
  }
});

it('N1: nobody at the port of ssh', async () => {
  await using gone = await startSshd(libvirt);
  await gone.stop();
  expect(await refusal(sshUri({ server: gone }))).toMatchObject({
    code: 'VDT_LIBVIRT_UNREACHABLE',
    retryable: true,
    message: expect.stringContaining('Connection refused'),
  });
});

it('S8: a session whose ssh is killed makes another; after its end none is left', async () => {
  const session = new LibvirtSession({ uri: sshUri(), backoff: { initialMs: 50, maxMs: 500 } });
  const events = session.events();
  expect((await events.next()).value).toEqual({ type: 'connected', again: false });
  for (const pid of await sshChildren()) process.kill(Number(pid), 'SIGKILL');
  expect((await events.next()).value).toMatchObject({ type: 'disconnected', error: { code: 'VDT_LIBVIRT_CLOSED' } });
  expect((await events.next()).value).toEqual({ type: 'connected', again: true });
  await session.close();
  await noChildren();
});
