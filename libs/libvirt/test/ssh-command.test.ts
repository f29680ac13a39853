/** The ssh transport against an `ssh` that a test plays; a real one: ssh.test.ts. */
import { spawn } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectLibvirt, LibvirtSession, parseLibvirtUri } from '@vedette/libvirt';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { eventually as eventuallyWithin, runCommand, type TempDir, tempDir } from '@vedette/testbed';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { remoteCommand, sshArguments } from '../src/ssh-command.ts';

const eventually = (check: () => unknown): Promise<unknown> => eventuallyWithin(check, { timeoutMs: 15_000 });

let folder: TempDir;
const path = process.env.PATH;

beforeEach(async () => {
  folder = await tempDir('ssh');
  process.env.PATH = `${folder.path}:${path}`;
});
afterEach(async () => {
  process.env.PATH = path;
  await folder[Symbol.asyncDispose]();
});

/** Puts a shell script in the place of ssh; it leaves its process id in the file `pid`. */
async function playSsh(script: string): Promise<void> {
  const file = join(folder.path, 'ssh');
  await writeFile(file, `#!/bin/sh\necho $$ > ${join(folder.path, 'pid')}\n${script}\n`);
  await chmod(file, 0o755);
}

async function isRunning(): Promise<boolean> {
  const pid = Number(await readFile(join(folder.path, 'pid'), 'utf8'));
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') X'); // gone
  return !/\) [ZX]/.test(stat);
}

function argumentsOf(uri: string): readonly string[] {
  const address = parseLibvirtUri(uri);
  if (address.transport.kind !== 'ssh') throw new Error('not ssh');
  return sshArguments(address.transport, address);
}

it('ssh is asked never to ask, never to take a key it does not know, and to leave nothing behind', () => {
  const all = argumentsOf('qemu+ssh://u@kvm1:2222/system?keyfile=/k&known_hosts=/my%20hosts%25&proxy=native');
  const options = all.filter((_, at) => all[at - 1] === '-o');
  expect(options).toEqual([
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'ClearAllForwardings=yes',
    'ControlMaster=no',
    'ConnectTimeout=30',
    'IdentitiesOnly=yes',
    'UserKnownHostsFile="/my hosts%%"',
  ]);
  const rest = all.filter((word, at) => word !== '-o' && all[at - 1] !== '-o');
  const where = ['-i', '/k', '-p', '2222', '-l', 'u', '--', 'kvm1'];
  expect(rest).toEqual(['-T', '-e', 'none', ...where, "virt-ssh-helper 'qemu:///system'"]);
});

it('what is not said is left to the configuration of ssh', () => {
  const all = argumentsOf('qemu+ssh://kvm1/system');
  for (const option of ['-i', '-p', '-l']) expect(all).not.toContain(option);
  expect(all.join(' ')).not.toMatch(/IdentitiesOnly|UserKnownHostsFile/);
});

it.each([
  ['', "exec virt-ssh-helper '\\''qemu:///system'\\''"],
  ['?readonly=1', "exec virt-ssh-helper -r '\\''qemu:///system'\\''"],
])('the command for the host %s is one word for sh, whatever the shell of the user is', (query, words) => {
  const command = argumentsOf(`qemu+ssh://kvm1/system${query}`).at(-1);
  expect(command).toMatch(/^sh -c '.*'$/);
  expect(command).toContain(words);
});

it('a socket with a name that a shell would take apart is one word there', async () => {
  const name = 'a \'b\' $(touch x) "c" `d`; e';
  const address = parseLibvirtUri(`qemu+ssh://kvm1/system?socket=/${encodeURIComponent(name)}`);
  if (address.transport.kind !== 'ssh') throw new Error('not ssh');
  const nc = join(folder.path, 'nc');
  await writeFile(nc, '#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\n');
  await chmod(nc, 0o755);
  const command = remoteCommand(address.transport, address);
  const said = await runCommand('/bin/sh', ['-c', command], { env: process.env, cwd: folder.path });
  expect(said.trim().split('\n')).toEqual(['[-U]', `[/${name}]`]);
});

const uri = 'qemu+ssh://u@kvm1/system';

function outcome(): Promise<unknown> {
  return connectLibvirt({ uri }).catch((error: unknown) => error);
}

it.each([
  ['Host key verification failed.', 255, 'VDT_LIBVIRT_HOST_IDENTITY', 'is not known'],
  [
    'No ED25519 host key is known for kvm1 and you have requested strict checking.',
    255,
    'VDT_LIBVIRT_HOST_IDENTITY',
    'is not known',
  ],
  [
    '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\\nHost key verification failed.',
    255,
    'VDT_LIBVIRT_HOST_IDENTITY',
    'not the one',
  ],
  ['u@kvm1: Permission denied (publickey).', 255, 'VDT_LIBVIRT_AUTH', 'does not let this user in'],
  [
    'ssh: Could not resolve hostname kvm1: Name or service not known',
    255,
    'VDT_LIBVIRT_UNREACHABLE',
    'cannot be reached',
  ],
  ['ssh: connect to host kvm1 port 22: Connection timed out', 255, 'VDT_LIBVIRT_UNREACHABLE', 'cannot be reached'],
  ['sh: 1: virt-ssh-helper: not found', 127, 'VDT_LIBVIRT_HELPER', 'nothing that relays'],
  ['bash: line 1: virt-ssh-helper: command not found', 127, 'VDT_LIBVIRT_HELPER', 'nothing that relays'],
  ["nc: invalid option -- 'U'", 1, 'VDT_LIBVIRT_HELPER', 'nothing that relays'],
  [
    "virt-ssh-helper: cannot connect to '/run/libvirt/libvirt-sock': Failed to connect socket to '/run/libvirt/libvirt-sock': Permission denied",
    1,
    'VDT_LIBVIRT_PERMISSION',
    'may not open the socket',
  ],
  [
    "virt-ssh-helper: Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory",
    1,
    'VDT_LIBVIRT_UNREACHABLE',
    'no libvirtd answers',
  ],
  ['nc: unix connect failed: Connection refused', 1, 'VDT_LIBVIRT_UNREACHABLE', 'no libvirtd answers'],
  ['this account is not available', 1, 'VDT_LIBVIRT_CLOSED', 'ended (1)'],
  ['', 1, 'VDT_LIBVIRT_CLOSED', 'ended (1)'],
])('an ssh that says %j is %s %s: %s', async (words, code, error, message) => {
  await playSsh(`printf '%b\\n' "$(cat <<'END'\n${words}\nEND\n)" >&2; exit ${code}`);
  expect(await outcome()).toMatchObject({ code: error, message: expect.stringMatching(/^ssh to u@kvm1/) });
  expect(await outcome()).toMatchObject({ message: expect.stringContaining(message) });
  if (words !== '')
    expect(await outcome()).toMatchObject({ message: expect.stringContaining(words.split('\\n').at(-1) ?? '') });
});

it('of a long complaint the end is told', async () => {
  await playSsh('for i in $(seq 2000); do echo "line $i" >&2; done; exit 1');
  expect(await outcome()).toMatchObject({
    message: expect.stringMatching(/: line 1997; line 1998; line 1999; line 2000$/),
  });
});

it('without an ssh there is nothing to run', async () => {
  process.env.PATH = folder.path;
  expect(await outcome()).toMatchObject({ code: 'VDT_LIBVIRT_HELPER', message: 'there is no ssh in the PATH' });
});

it('N1: an ssh that says nothing ends at the deadline, and is gone then', async () => {
  await playSsh('exec sleep 600');
  await expect(connectLibvirt({ uri, timeoutMs: 500 })).rejects.toMatchObject({ code: 'VDT_RUNTIME_DEADLINE' });
  await eventually(async () => expect(await isRunning()).toBe(false));
});

it('a session closed while it dials leaves no ssh', async () => {
  await playSsh('exec sleep 600');
  const session = new LibvirtSession({ uri });
  await eventually(async () => expect(await isRunning()).toBe(true));
  await session.close();
  await eventually(async () => expect(await isRunning()).toBe(false));
});

it('an ssh that will not end when told to is killed', async () => {
  await playSsh('trap "" TERM; while :; do sleep 0.1; done');
  await expect(connectLibvirt({ uri, timeoutMs: 500 })).rejects.toMatchObject({ code: 'VDT_RUNTIME_DEADLINE' });
  await eventually(async () => expect(await isRunning()).toBe(false));
});

it('an ssh given up before it runs is not run', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await playSsh('exec sleep 600');
  await expect(connectLibvirt({ uri, signal, clock: new SimulatedClock() })).rejects.toThrow('enough');
  await expect(readFile(join(folder.path, 'pid'))).rejects.toThrow('ENOENT');
});

it.each([
  ['exit', 'exec sleep 600'],
  ['kill', 'exec cat > /dev/null'], // like ssh, it ends when its input does: nothing else is left then
] as const)('the end of this process (%s) ends its ssh', async (end, script) => {
  await playSsh(script);
  const program = `
    import { connectLibvirt } from ${JSON.stringify(join(import.meta.dirname, '../src/index.ts'))};
    connectLibvirt({ uri: '${uri}', timeoutMs: 600_000 }).catch(() => undefined);
    process.stdin.once('data', () => process.exit(0));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  await eventually(async () => expect(await isRunning()).toBe(true));
  if (end === 'kill') child.kill('SIGKILL');
  else child.stdin.write('x');
  await eventually(async () => expect(await isRunning()).toBe(false));
});
