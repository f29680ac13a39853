import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '@vedette/testbed';
import { type KeyPair, libvirtAvailable, type PrivateLibvirt, startLibvirt, startSshd } from '@vedette/testbed/libvirt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const available = libvirtAvailable({ tls: true });
const ssh = libvirtAvailable({ ssh: true });

/** Asks over this address, with virsh. */
const uuidOver = async (uri: string): Promise<string> => {
  const capabilities = await runCommand('virsh', ['--quiet', '--connect', uri, 'capabilities']);
  return /<host>\s*<uuid>([^<]+)/.exec(capabilities)?.[1] ?? 'no uuid';
};

describe('a libvirtd that listens', { timeout: 120_000 }, () => {
  let libvirt: PrivateLibvirt;
  beforeAll(async () => {
    if (available.ok) libvirt = await startLibvirt({ tls: true, tcp: true, daemon: 'virtqemud' });
  });
  afterAll(() => libvirt?.stop());
  beforeEach((ctx) => {
    if (!available.ok) ctx.skip(available.reason);
  });

  /** virsh takes the files by fixed names from one folder. */
  const tlsUri = async (name: string, ca: string, client: KeyPair, port = libvirt.tls.port): Promise<string> => {
    const folder = join(libvirt.baseDir, `pki-${name}`);
    await mkdir(folder);
    await symlink(ca, join(folder, 'cacert.pem'));
    await symlink(client.cert, join(folder, 'clientcert.pem'));
    await symlink(client.key, join(folder, 'clientkey.pem'));
    return `qemu+tls://127.0.0.1:${port}/system?pkipath=${folder}&no_sanity=1`;
  };

  it('serves TLS to a client of its authority, TCP, and sockets with the names of virtqemud', async () => {
    const { tls, tcp, hostUuid, socketPath, readOnlySocketPath } = libvirt;
    expect(await uuidOver(await tlsUri('good', tls.ca, tls.client))).toBe(hostUuid);
    expect(await uuidOver(`qemu+tcp://127.0.0.1:${tcp.port}/system`)).toBe(hostUuid);
    expect(socketPath).toMatch(/\/virtqemud-sock$/);
    expect(await uuidOver(`qemu+unix:///system?socket=${socketPath}`)).toBe(hostUuid);
    expect(await uuidOver(`qemu+unix:///system?socket=${readOnlySocketPath}`)).toBe(hostUuid);
  });

  it('refuses a client of another authority, an expired one, and is itself refused under another name', async () => {
    const { tls } = libvirt;
    // openssl as the client: virsh checks its own certificate first, so the server's word would not be heard.
    const strange = await handshake(tls.port, tls.strangeClient, tls.ca);
    expect(strange).not.toContain('accepted');
    expect(await handshake(tls.port, tls.expiredClient, tls.ca)).not.toContain('accepted');
    expect(await handshake(tls.port, tls.client, tls.ca, 2)).toContain('accepted');
    await using other = await startLibvirt({ tls: { serverName: 'other.example' } });
    const uri = await tlsUri('misnamed', other.tls.ca, other.tls.client, other.tls.port);
    await expect(uuidOver(uri)).rejects.toMatchObject({ message: expect.stringMatching(/verify|hostname|name/i) });
    await using expired = await startLibvirt({ tls: { serverExpired: true } });
    const late = await tlsUri('late', expired.tls.ca, expired.tls.client, expired.tls.port);
    await expect(uuidOver(late)).rejects.toMatchObject({ message: expect.stringMatching(/verify|expired/i) });
  });

  it('is refused while libvirtd is down and served on the same port after a restart', async () => {
    const uri = `qemu+tcp://127.0.0.1:${libvirt.tcp.port}/system`;
    await libvirt.daemon.stop('SIGKILL');
    await expect(uuidOver(uri)).rejects.toMatchObject({ message: expect.stringContaining('Connection refused') });
    await libvirt.daemon.start();
    expect(await uuidOver(uri)).toBe(libvirt.hostUuid);
    await libvirt.restart();
    expect(await uuidOver(uri)).toBe(libvirt.hostUuid);
  });

  it('frozen, it answers nobody; thawed, it answers again', async () => {
    await libvirt.daemon.freeze();
    const uri = `qemu+tcp://127.0.0.1:${libvirt.tcp.port}/system`;
    const asked = runCommand('virsh', ['--quiet', '--connect', uri, 'hostname'], { timeoutMs: 1_000 });
    await expect(asked).rejects.toMatchObject({ code: expect.stringContaining('DEADLINE') });
    await libvirt.daemon.thaw();
    expect(await uuidOver(uri)).toBe(libvirt.hostUuid);
  });

  it('what was not asked for is not there', async () => {
    await using plain = await startLibvirt();
    expect(() => plain.tls).toThrow('{ tls: true }');
    expect(() => plain.tcp).toThrow('{ tcp: true }');
  });
});

describe('an ssh server in front of a libvirtd', { timeout: 120_000 }, () => {
  beforeEach((ctx) => {
    if (!ssh.ok) ctx.skip(ssh.reason);
  });

  it('lets the right key in, into the namespaces, and refuses others; a strange host key is told', async () => {
    await using libvirt = await startLibvirt();
    await using sshd = await startSshd(libvirt);
    const run = (key: string, hosts: string, command: string): Promise<string> =>
      runCommand('ssh', [...sshOptions(key, hosts), '-p', String(sshd.port), 'root@127.0.0.1', '--', command]);
    const { keyFile, knownHostsFile } = sshd;
    expect(await run(keyFile, knownHostsFile, 'cat /proc/1/environ | tr "\\0" x; hostname; ls /run/libvirt')).toContain(
      'libvirt-sock-ro',
    );
    expect(await run(keyFile, knownHostsFile, 'ip -o link')).toBe(await libvirt.run('ip', ['-o', 'link']));
    await expect(run(sshd.strangeKeyFile, knownHostsFile, 'true')).rejects.toMatchObject({
      message: expect.stringContaining('Permission denied'),
    });
    await expect(run(keyFile, sshd.strangeKnownHostsFile, 'true')).rejects.toMatchObject({
      message: expect.stringContaining('HOST IDENTIFICATION HAS CHANGED'),
    });
    await sshd.stop();
    await expect(run(keyFile, knownHostsFile, 'true')).rejects.toMatchObject({
      message: expect.stringContaining('Connection refused'),
    });
  });

  it('virsh reaches libvirtd through virt-ssh-helper, and through nc where that is all there is', async () => {
    await using libvirt = await startLibvirt();
    await using whole = await startSshd(libvirt);
    await using old = await startSshd(libvirt, { programs: ['sh', 'nc'] });
    for (const [sshd, proxy] of [
      [whole, 'native'],
      [old, 'netcat'],
    ] as const) {
      const wrapper = join(libvirt.baseDir, `ssh-${proxy}`);
      const options = sshOptions(sshd.keyFile, sshd.knownHostsFile).join(' ');
      await writeFile(wrapper, `#!/bin/sh\nexec ssh ${options} "$@"\n`, { mode: 0o755 });
      const uri = `qemu+ssh://root@127.0.0.1:${sshd.port}/system?command=${wrapper}&proxy=${proxy}`;
      expect(await uuidOver(uri)).toBe(libvirt.hostUuid);
    }
    const uri = `qemu+ssh://root@127.0.0.1:${old.port}/system?command=${join(libvirt.baseDir, 'ssh-netcat')}&proxy=native`;
    await expect(uuidOver(uri)).rejects.toMatchObject({ message: expect.stringContaining('not found') });
  });
});

function sshOptions(keyFile: string, knownHostsFile: string): string[] {
  const options = ['IdentitiesOnly=yes', 'BatchMode=yes', `UserKnownHostsFile=${knownHostsFile}`];
  return ['-F', 'none', '-i', keyFile, ...options.flatMap((option) => ['-o', option])];
}

/** An openssl client, which says nothing: what it hears when the server ends the connection, `accepted` when it does not. */
async function handshake(port: number, client: KeyPair, ca: string, patienceS = 30): Promise<string> {
  const connect = 'openssl s_client -connect "127.0.0.1:$1" -cert "$2" -key "$3" -CAfile "$4" -brief';
  const script = `timeout ${patienceS} ${connect} < <(exec sleep ${patienceS + 5} 2>/dev/null) 2>&1; [ $? = 124 ] && echo accepted; true`;
  const asked = ['-c', script, 'ask', String(port), client.cert, client.key, ca];
  return runCommand('bash', asked, { timeoutMs: 2 * patienceS * 1_000 });
}
