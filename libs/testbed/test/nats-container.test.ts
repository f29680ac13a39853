import { cp, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { runCommand, tempDir } from '@vedette/testbed';
import { containerAvailable, defaultNatsImage, findNatsProgram, startNats } from '@vedette/testbed/nats';
import { beforeAll, beforeEach, expect, it } from 'vitest';

/** Built out of this machine's own program, where the real image cannot be pulled. */
const ownImage = 'vedette-test/nats:own';

let image = defaultNatsImage;
let reason: string | undefined;

beforeAll(async () => {
  const pulled = await containerAvailable(defaultNatsImage);
  if (pulled.ok) return;
  reason = pulled.reason;
  const program = findNatsProgram();
  if (/no Docker engine/.test(reason) || 'reason' in program) return;
  image = ownImage;
  reason = await buildImage(program.path).then(
    () => undefined,
    (error: Error) => error.message,
  );
}, 180_000);

beforeEach((ctx) => {
  if (reason !== undefined) ctx.skip(reason);
});

/** The program and the libraries it is linked with; nothing else. */
const buildImage = async (program: string): Promise<void> => {
  await using folder = await tempDir('image');
  await cp(program, join(folder.path, 'nats-server'));
  const linked = await runCommand('ldd', [program]).catch(() => ''); // it says no when there is nothing linked
  for (const [, library = ''] of linked.matchAll(/(\/\S+) \(0x/g)) {
    const target = join(folder.path, 'root', dirname(library));
    await mkdir(target, { recursive: true });
    await cp(library, join(target, basename(library)), { dereference: true });
  }
  await mkdir(join(folder.path, 'root/tmp'), { recursive: true });
  const lines = ['FROM scratch', 'COPY root /', 'COPY nats-server /nats-server', 'ENTRYPOINT ["/nats-server"]'];
  await writeFile(join(folder.path, 'Dockerfile'), `${lines.join('\n')}\n`);
  const { getContainerRuntimeClient, ImageName } = await import('testcontainers');
  const client = await getContainerRuntimeClient();
  await client.image.build(folder.path, { t: ownImage, dockerfile: 'Dockerfile' });
  if (!(await client.image.exists(ImageName.fromString(ownImage)))) throw new Error('the image was not built');
};

it('in a container, a server starts, is killed and started again with its port and its streams, freezes and thaws', async () => {
  await using server = await startNats({ containerImage: image, users: [{ user: 'monitor', password: 'right' }] });
  expect(server.by).toBe('container');
  await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow(/authorization/i);
  const open = (timeout = 15_000) =>
    connect({ servers: server.url, user: 'monitor', pass: 'right', reconnect: false, timeout });
  const first = await open();
  await (await jetstreamManager(first)).streams.add({ name: 'kept', subjects: ['kept.>'] });
  expect((await jetstream(first).publish('kept.a', 'x')).seq).toBe(1);
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await server.stop(signal);
    await expect(open(2_000)).rejects.toThrow();
    await server.start();
    const again = await open();
    expect((await (await jetstreamManager(again)).streams.info('kept')).state.messages).toBe(1);
    await again.close();
  }
  await server.freeze();
  await expect(open(500)).rejects.toThrow(/timeout/i);
  await server.thaw();
  await (await open()).close();
  expect(server.log).toContain('Server is ready');
  await server.dispose();
  await expect(open(2_000)).rejects.toThrow();
  await first.close();
}, 180_000);

it('in a container, a server speaks TLS with the certificates of its handle', async () => {
  await using server = await startNats({ containerImage: image, tls: true });
  const connection = await connect({ servers: server.url, tls: { caFile: server.tls.ca } });
  await connection.close();
  await expect(connect({ servers: server.url, tls: { caFile: server.tls.otherCa } })).rejects.toThrow();
}, 120_000);

it('an image that is not to be had is told with its name', async () => {
  const answer = await containerAvailable('vedette-test/no-such-image:none');
  expect(answer).toMatchObject({ ok: false, reason: expect.stringContaining('vedette-test/no-such-image:none') });
}, 120_000);
