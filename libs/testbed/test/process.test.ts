import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { eventually, freePort, runCommand, startProcess, tempDir } from '@vedette/testbed';
import { expect, it } from 'vitest';
import { isAlive } from './alive.ts';

const ready = /^ready (\d+)$/m;

/** A shell that starts a child which ignores SIGTERM, says its process id, and waits. */
const withChild = `(trap '' TERM; sleep 600) & echo "ready $!"; wait`;

it('a process is ready when its probe resolves, and stop ends its whole tree', async () => {
  let child = 0;
  await using server = await startProcess({
    command: 'sh',
    args: ['-c', withChild],
    ready: async (process, signal) => {
      child = Number((await process.line(ready, signal))[1]);
    },
  });
  expect([isAlive(server.pid), isAlive(child)]).toEqual([true, true]);
  await expect(server.stop()).resolves.toEqual({ code: null, signal: 'SIGTERM' });
  await eventually(() => expect(isAlive(child)).toBe(false));
  await expect(server.stop()).resolves.toEqual({ code: null, signal: 'SIGTERM' });
});

it('a process that ends before it is ready fails at once with its output', async () => {
  const started = startProcess({
    command: 'sh',
    args: ['-c', 'echo no config >&2; exit 3'],
    name: 'server',
    ready: () => new Promise(() => undefined),
  });
  await expect(started).rejects.toMatchObject({
    code: 'VDT_TESTBED_START',
    message: 'server ended early with 3; the end of its output:\nno config\n',
  });
});

it('a process that is not ready in time is killed', async () => {
  let pid = 0;
  const started = startProcess({
    command: 'sleep',
    args: ['600'],
    ready: (process) => {
      pid = process.pid;
      return new Promise(() => undefined);
    },
    readyTimeoutMs: 50,
  });
  await expect(started).rejects.toMatchObject({ code: 'VDT_TESTBED_START' });
  expect(isAlive(pid)).toBe(false);
});

it('a process that does not heed its stop signal is killed after its time', async () => {
  await using server = await startProcess({
    command: 'sh',
    args: ['-c', `trap '' TERM; echo "ready 0"; while :; do sleep 1; done`],
    ready: (process, signal) => process.line(ready, signal),
    stopTimeoutMs: 50,
  });
  await expect(server.stop()).resolves.toEqual({ code: null, signal: 'SIGKILL' });
});

it('a command that does not exist fails with its name', async () => {
  const options = { command: 'no-such-server', ready: () => Promise.resolve() };
  await expect(startProcess(options)).rejects.toMatchObject({
    code: 'VDT_TESTBED_START',
    message: expect.stringContaining('no-such-server'),
  });
  await expect(runCommand('no-such-command', [])).rejects.toMatchObject({ code: 'VDT_TESTBED_COMMAND' });
});

it('a command that fails carries its error output', async () => {
  await expect(runCommand('sh', ['-c', 'echo why >&2; exit 4'])).rejects.toMatchObject({
    code: 'VDT_TESTBED_COMMAND',
    message: 'sh -c echo why >&2; exit 4: exit 4: why',
  });
});

it('all output also goes to the log file', async () => {
  await using folder = await tempDir();
  const logFile = join(folder.path, 'log');
  const server = await startProcess({
    command: 'sh',
    args: ['-c', 'echo "ready 1"; echo more >&2; sleep 600'],
    ready: (process, signal) => process.line(/more/, signal),
    logFile,
  });
  await server.kill();
  await eventually(async () => expect(await readFile(logFile, 'utf8')).toBe('ready 1\nmore\n'));
});

it('the death of the test process ends what it started', async () => {
  await using folder = await tempDir();
  const script = join(import.meta.dirname, 'dying-owner.ts');
  const pidFile = join(folder.path, 'pid');
  await expect(runCommand(process.execPath, [script, pidFile])).rejects.toMatchObject({
    message: expect.stringContaining('SIGKILL'),
  });
  const pid = Number(await readFile(pidFile, 'utf8'));
  await eventually(() => expect(isAlive(pid)).toBe(false));
});

it('a free port can be listened on', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  createConnection(port, '127.0.0.1')
    .on('error', () => undefined)
    .destroy();
  server.close();
});

it('a temporary folder is removed with what is in it', async () => {
  const folder = await tempDir('example');
  await writeFile(join(folder.path, 'file'), 'text');
  await folder[Symbol.asyncDispose]();
  expect(existsSync(folder.path)).toBe(false);
});
