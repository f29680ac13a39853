import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import { eventually, tempDir } from '@vedette/testbed';
import { natsAvailable, startNats } from '@vedette/testbed/nats';

/** A NATS server of this run's own, on private ports, with JetStream on disk. Whoever started it disposes of it. */
export interface PrivateBroker extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly version: string;
}

/** @throws VedetteError VDT_TESTBED_UNAVAILABLE where this machine has no nats-server that is new enough */
export async function startBroker(): Promise<PrivateBroker> {
  const available = await natsAvailable();
  if (!available.ok) throw new VedetteError('VDT_TESTBED_UNAVAILABLE', { message: available.reason });
  if (available.by === 'container') {
    const message = 'nats-server is only to be had in a container, where its processor time cannot be told';
    throw new VedetteError('VDT_TESTBED_UNAVAILABLE', { message });
  }
  const folder = await tempDir('loadgen');
  const pidFile = join(folder.path, 'nats.pid');
  try {
    const server = await startNats({ settings: { pid_file: pidFile } });
    const pid = await eventually(async () => {
      const read = Number(await readFile(pidFile, 'utf8'));
      if (!(read > 0)) throw new Error(`${pidFile} is empty`);
      return read;
    });
    return {
      url: server.url,
      pid,
      version: await versionOf(server.monitorUrl),
      async [Symbol.asyncDispose]() {
        await server.dispose();
        await folder[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

async function versionOf(monitorUrl: string): Promise<string> {
  const response = await fetch(new URL('/varz', monitorUrl));
  const { version } = (await response.json()) as { readonly version: string };
  return `nats-server ${version}`;
}
