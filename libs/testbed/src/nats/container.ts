import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { RealClock, VedetteError, withDeadline } from '@vedette/runtime';
import { eventually } from '../eventually.ts';
import type { NatsPlace } from './configuration.ts';
import { type Engine, LOG_LIMIT } from './engine.ts';
import { expectHealthy } from './monitoring.ts';

/** The image that is run where no program is found. */
export const defaultNatsImage = 'nats:2.10';

/** Big, so it is loaded when a container is wanted and not before. */
const loadTestcontainers = () => import('testcontainers');

type Container = ReturnType<
  Awaited<ReturnType<typeof import('testcontainers').getContainerRuntimeClient>>['container']['getById']
>;

export type ContainerAvailability = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Whether a Docker engine answers and has this image, or can pull it, which may take a minute. */
export async function containerAvailable(image: string): Promise<ContainerAvailability> {
  if (!mayHaveDocker()) return { ok: false, reason: 'no Docker engine answers here' };
  const { getContainerRuntimeClient, ImageName } = await loadTestcontainers();
  try {
    const { image: images } = await getContainerRuntimeClient();
    const name = ImageName.fromString(image);
    try {
      const pull = async (): Promise<void> => images.pull(name, { force: false, platform: undefined });
      await withDeadline(new RealClock(), { what: 'the pull', timeoutMs: 90_000 }, pull);
      if (await images.exists(name)) return { ok: true };
      return { ok: false, reason: `${image} could not be pulled` };
    } catch (error) {
      return { ok: false, reason: `${image} could not be pulled: ${(error as Error).message}` };
    }
  } catch (error) {
    return { ok: false, reason: `no Docker engine answers here: ${(error as Error).message}` };
  }
}

/** Spares machines without Docker the search of testcontainers, which loads all of it. */
function mayHaveDocker(): boolean {
  const { DOCKER_HOST, XDG_RUNTIME_DIR = '/run/user/0', HOME = '/root' } = process.env;
  const sockets = ['/var/run/docker.sock', join(XDG_RUNTIME_DIR, 'docker.sock'), join(HOME, '.docker/run/docker.sock')];
  return DOCKER_HOST !== undefined || sockets.some((path) => existsSync(path));
}

/** The label of our containers: the machine and the process they belong to. */
const OWNER_LABEL = 'vedette.testbed.owner';

/**
 * A nats-server in a container. Its files are copied to the same places inside; its store stays inside, until
 * {@link dispose}. The containers of processes that died are removed by the next one that starts any: the image that
 * testcontainers uses for that is not needed.
 */
export class ContainerEngine implements Engine {
  readonly by = 'container';
  readonly #image: string;
  readonly #place: NatsPlace;
  readonly #configFile: string;
  readonly #monitorUrl: string;
  #container: Container | undefined;
  #running = false;
  #log = '';

  constructor(image: string, place: NatsPlace, configFile: string) {
    this.#image = image;
    this.#place = place;
    this.#configFile = configFile;
    this.#monitorUrl = `http://127.0.0.1:${place.monitorPort}`;
  }

  get running(): boolean {
    return this.#running;
  }

  get log(): string {
    return this.#log;
  }

  async start(options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<void> {
    const { timeoutMs, signal } = options;
    const abortable = signal === undefined ? {} : { signal };
    try {
      if (this.#container === undefined) await this.#create(timeoutMs);
      else await this.#startAgain(this.#container);
      this.#running = true;
      await eventually(() => expectHealthy(this.#monitorUrl), { timeoutMs, ...abortable });
    } catch (error) {
      await this.dispose();
      signal?.throwIfAborted();
      const message = `a container of ${this.#image}: ${(error as Error).message}; the end of its log:\n${this.#log}`;
      throw new VedetteError('VDT_TESTBED_START', { message, cause: error });
    }
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    if (this.#container === undefined || !this.#running) return;
    this.#running = false;
    await this.thaw();
    const ended = this.#container.wait();
    await this.#container.kill({ signal });
    try {
      await withDeadline(new RealClock(), { what: 'its end', timeoutMs: 15_000 }, () => ended);
    } catch {
      await this.#container.kill(); // it had its time
      await ended;
    }
  }

  async freeze(): Promise<void> {
    if (this.#running) await this.#container?.pause();
  }

  async thaw(): Promise<void> {
    if ((await this.#container?.inspect())?.State.Paused === true) await this.#container?.unpause();
  }

  async dispose(): Promise<void> {
    const container = this.#container;
    this.#container = undefined;
    this.#running = false;
    await container?.remove({ force: true, v: true });
  }

  async #create(timeoutMs: number): Promise<void> {
    const { GenericContainer, getContainerRuntimeClient, Wait } = await loadTestcontainers();
    const client = await getContainerRuntimeClient();
    await removeOrphans(client.container);
    const { baseDir, port, monitorPort } = this.#place;
    const started = await new GenericContainer(this.#image)
      .withCommand(['--config', this.#configFile])
      .withCopyDirectoriesToContainer([{ source: baseDir, target: baseDir }])
      .withExposedPorts({ container: port, host: port }, { container: monitorPort, host: monitorPort })
      .withLabels({ [OWNER_LABEL]: ownerName(process.pid) })
      .withAutoCleanup(false)
      .withLogConsumer((stream) => this.#keepLog(stream))
      .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
      .withStartupTimeout(timeoutMs)
      .start();
    this.#container = client.container.getById(started.getId());
  }

  async #startAgain(container: Container): Promise<void> {
    await container.start();
    const { getContainerRuntimeClient } = await loadTestcontainers();
    const client = await getContainerRuntimeClient();
    const since = Date.parse((await container.inspect()).State.StartedAt) / 1_000;
    this.#keepLog(await client.container.logs(container, { since }));
  }

  #keepLog(stream: Readable): void {
    stream.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_LIMIT);
    });
  }
}

function ownerName(pid: number): string {
  return `${hostname()} ${pid}`;
}

interface Containers {
  list(): Promise<{ readonly Id: string; readonly Labels: Readonly<Record<string, string>> }[]>;
  getById(id: string): Container;
}

async function removeOrphans(containers: Containers): Promise<void> {
  for (const { Id, Labels } of await containers.list()) {
    const owner = Labels[OWNER_LABEL];
    const pid = Number(owner?.split(' ')[1]);
    if (owner === undefined || owner !== ownerName(pid) || isAlive(pid)) continue;
    await containers
      .getById(Id)
      .remove({ force: true, v: true })
      .catch(() => undefined); // another process is removing it
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
