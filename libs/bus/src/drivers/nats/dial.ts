import { readFileSync } from 'node:fs';
import {
  type Authenticator,
  AuthorizationError,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  type NodeConnectionOptions,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { VedetteError } from '@vedette/runtime';
import type { NatsAuth, NatsOptions } from './options.ts';

/** Older ones have no consumers with several filters, and lose what is said about groups in their metadata. */
const leastVersion = [2, 10] as const;

/** Between two tries of the first connection. */
const retryMs = 250;

/**
 * Connects, trying until the deadline.
 *
 * @throws VedetteError VDT_BUS_CONNECT (retryable), VDT_BUS_AUTH, VDT_BUS_BROKER, or the signal's reason
 */
export async function dial(options: NatsOptions, timeoutMs: number): Promise<NatsConnection> {
  const { clock, signal } = options;
  const endMs = clock.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      return await dialOnce(options, Math.max(1, endMs - clock.now()));
    } catch (error) {
      if (VedetteError.is(error) && !error.retryable) throw error;
      if (clock.now() + retryMs >= endMs) throw error;
    }
    // oxlint-disable-next-line no-await-in-loop -- as above
    await clock.sleep(retryMs, signal === undefined ? {} : { signal });
  }
}

async function dialOnce(options: NatsOptions, timeoutMs: number): Promise<NatsConnection> {
  const connection = await connect(clientOptions(options, timeoutMs)).catch((error: unknown) => {
    throw connectError(options, error);
  });
  try {
    checkVersion(connection, leastVersion);
    // Below it the setting would be ignored without a word.
    if (options.stream !== false && options.stream?.persistMode !== undefined) checkVersion(connection, [2, 12]);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

/** @throws VedetteError VDT_BUS_BROKER */
function checkVersion(connection: NatsConnection, least: readonly [number, number]): void {
  const version = connection.info?.version ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = least;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  throw new VedetteError('VDT_BUS_BROKER', {
    message: `nats-server ${version} at ${connection.getServer()} is older than ${least.join('.')}`,
    action: `upgrade nats-server to ${least.join('.')} or later, or configure nothing that needs it`,
  });
}

function clientOptions(options: NatsOptions, timeoutMs: number): NodeConnectionOptions {
  const { servers, name, auth, tls, reconnectWaitMs = 500, pingIntervalMs = 10_000 } = options;
  const chosen: ConnectionOptions = {
    servers: [...servers],
    name,
    // For each of them: one that swallows connections must leave time for the others.
    timeout: Math.ceil(Math.max(Math.min(timeoutMs, 1_000), timeoutMs / servers.length)),
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: reconnectWaitMs,
    reconnectJitterTLS: reconnectWaitMs,
    // For ever: what a broker refuses today it may accept once its configuration was put right.
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
    noAsyncTraces: true,
    ignoreClusterUpdates: options.discoverServers === false,
    inboxPrefix: options.inboxPrefix ?? '_INBOX',
    ...(auth !== undefined && { authenticator: authenticatorOf(auth) }),
    ...(tls !== undefined && { tls: { ...tls } }),
  };
  return chosen;
}

/** @throws VedetteError VDT_BUS_AUTH for a file that cannot be read */
function authenticatorOf(auth: NatsAuth): Authenticator {
  if ('user' in auth) return usernamePasswordAuthenticator(auth.user, auth.password);
  if ('token' in auth) return tokenAuthenticator(auth.token);
  if ('nkeySeed' in auth) return nkeyAuthenticator(Buffer.from(auth.nkeySeed));
  return credsAuthenticator(credentials(auth.credsFile));
}

/** The file's content, read again each time; what was read last while it cannot be read: the client would give up. */
function credentials(file: string): () => Uint8Array {
  const read = (): Uint8Array => readFileSync(file);
  let latest: Uint8Array;
  try {
    latest = read();
  } catch (error) {
    throw new VedetteError('VDT_BUS_AUTH', { message: `the credentials file ${file} cannot be read`, cause: error });
  }
  return () => {
    try {
      latest = read();
    } catch {
      // It is being replaced, or gone: the broker judges what we had.
    }
    return latest;
  };
}

function connectError(options: NatsOptions, error: unknown): VedetteError {
  const servers = options.servers.join(', ');
  const why = error instanceof Error ? error.message : String(error);
  if (VedetteError.is(error)) return error;
  if (error instanceof AuthorizationError) {
    return new VedetteError('VDT_BUS_AUTH', { message: `${servers}: ${why}`, cause: error });
  }
  return new VedetteError('VDT_BUS_CONNECT', { message: `${servers}: ${why}`, cause: error });
}
