import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VedetteError } from '@vedette/runtime';
import { steadyPort } from '../libvirt/listener.ts';
import { type NatsNeeds, natsAvailable } from './availability.ts';
import { makeNatsCertificates, type NatsTlsOptions } from './certificates.ts';
import {
  type ClusterMember,
  configurationText,
  type NatsAccess,
  type NatsPlace,
  type NatsServerOptions,
} from './configuration.ts';
import { ContainerEngine, defaultNatsImage } from './container.ts';
import { type Engine, ProgramEngine } from './engine.ts';
import { serverFolder } from './folder.ts';
import { makeOperator } from './operator.ts';
import { findNatsProgram } from './program.ts';
import { NatsServer } from './server.ts';

export interface NatsOptions extends NatsServerOptions {
  /** True: the server accepts credentials files signed for its operator; see {@link NatsServer.operator}. */
  readonly operator?: boolean;
  /** True: clients must speak TLS; see {@link NatsServer.tls}. */
  readonly tls?: boolean | NatsTlsOptions;
  /**
   * Runs this image in a container, as {@link defaultNatsImage}. Unless said, the program of this machine is run, and
   * the default image where there is none. Not for clusters.
   */
  readonly containerImage?: string;
  /** 30,000 unless said. */
  readonly startTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** How often a new server tries other ports when somebody else took its own meanwhile. */
const PORT_TRIES = 3;

/**
 * Starts a nats-server of a test's own: on private ports of 127.0.0.1, with JetStream and an empty store. About 30 ms.
 *
 * @throws VedetteError VDT_TESTBED_UNAVAILABLE (see natsAvailable), VDT_TESTBED_START with the end of its log
 */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  for (let tries = 1; ; tries++) {
    const server = await prepareNats(options);
    try {
      await server.start(options);
      return server;
    } catch (error) {
      await server.dispose();
      if (tries === PORT_TRIES || !isPortTaken(error)) throw error;
    }
  }
}

export function isPortTaken(error: unknown): boolean {
  return /address already in use|port is already allocated/.test(String(error));
}

/** One server of a cluster, before its folder is made. */
export interface MemberPlace extends Pick<NatsPlace, 'serverName' | 'port' | 'monitorPort'> {
  readonly cluster: ClusterMember;
}

/** Everything of a server but its start. Whoever gets it disposes of it. */
export async function prepareNats(options: NatsOptions, member?: MemberPlace): Promise<NatsServer> {
  const image = options.containerImage ?? (await imageToRun(member === undefined ? {} : { cluster: true }));
  const ports = member ?? { serverName: 'nats', port: await steadyPort(), monitorPort: await steadyPort() };
  const folder = await serverFolder();
  try {
    const listenHost = image === undefined ? '127.0.0.1' : '0.0.0.0';
    const place = { ...ports, listenHost, baseDir: folder.path };
    const access = await makeAccess(folder.path, options);
    await writeFile(configFileOf(place), configurationText(place, options, access, member?.cluster));
    const engine = image === undefined ? programEngine(place) : new ContainerEngine(image, place, configFileOf(place));
    return new NatsServer(engine, place, access);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

function configFileOf({ baseDir }: NatsPlace): string {
  return join(baseDir, 'nats.conf');
}

/** Undefined where the program of this machine is run. */
async function imageToRun(needs: NatsNeeds): Promise<string | undefined> {
  const available = await natsAvailable(needs);
  if (!available.ok) throw unavailable(available.reason);
  return available.by === 'container' ? defaultNatsImage : undefined;
}

function programEngine(place: NatsPlace): Engine {
  const found = findNatsProgram();
  if ('reason' in found) throw unavailable(found.reason);
  return new ProgramEngine({ program: found.path, configFile: configFileOf(place), name: place.serverName });
}

function unavailable(reason: string): VedetteError {
  const action = 'run `make setup`, or let the test skip with this reason';
  return new VedetteError('VDT_TESTBED_UNAVAILABLE', { message: reason, action });
}

async function makeAccess(folder: string, options: NatsOptions): Promise<NatsAccess> {
  const tls = options.tls === true ? {} : options.tls;
  const operator = options.operator === true ? { operator: await makeOperator(folder) } : {};
  if (tls === undefined || tls === false) return operator;
  const certificates = await makeNatsCertificates(join(folder, 'pki'), tls, options.signal);
  return { ...operator, tls: { certificates, verifyClients: tls.verifyClients ?? false } };
}
