import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { RealClock } from '@vedette/runtime';
import { runCommand, tempDir } from '@vedette/testbed';
import { expect, test } from 'vitest';
import { isAnswered, listenOnSocket } from '../src/socket.ts';

const options = { clock: new RealClock(), signal: new AbortController().signal };

test('only its owner can open the socket', async () => {
  await using dir = await tempDir('socket');
  const path = join(dir.path, 's.sock');
  const server = createServer();
  const mask = process.umask(0o022);
  process.umask(mask);
  await listenOnSocket(server, { path, ...options });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(process.umask()).toBe(mask);
  server.close();
});

test('a socket that a dead process left behind is replaced', async () => {
  await using dir = await tempDir('socket');
  const path = join(dir.path, 's.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await runCommand(process.execPath, ['-e', script]).catch(() => undefined); // killed: that is the point
  expect((await stat(path)).isSocket()).toBe(true);
  expect(await isAnswered(path)).toBe(false);
  const server = createServer();
  await listenOnSocket(server, { path, ...options });
  expect(await isAnswered(path)).toBe(true);
  server.close();
});

test('a socket that a living process serves is refused, and goes on being served', async () => {
  await using dir = await tempDir('socket');
  const path = join(dir.path, 's.sock');
  const first = createServer();
  await listenOnSocket(first, { path, ...options });
  await expect(listenOnSocket(createServer(), { path, ...options })).rejects.toMatchObject({
    code: 'VDT_API_SOCKET_IN_USE',
    message: expect.stringContaining(path),
  });
  expect(await isAnswered(path)).toBe(true);
  first.close();
});

test('something else in its place is never removed', async () => {
  await using dir = await tempDir('socket');
  const path = join(dir.path, 'precious');
  await writeFile(path, 'data');
  await expect(listenOnSocket(createServer(), { path, ...options })).rejects.toMatchObject({
    code: 'VDT_API_SOCKET_PATH',
  });
  expect((await stat(path)).isFile()).toBe(true);
});

test('a path that cannot be one is refused in words', async () => {
  await using dir = await tempDir('socket');
  const long = join(dir.path, 'x'.repeat(120));
  await expect(listenOnSocket(createServer(), { path: long, ...options })).rejects.toThrow(/may have 107/);
  const nowhere = join(dir.path, 'no', 's.sock');
  await expect(listenOnSocket(createServer(), { path: nowhere, ...options })).rejects.toThrow(/folder does not exist/);
});
