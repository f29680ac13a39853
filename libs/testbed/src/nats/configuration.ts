import { join } from 'node:path';
import type { NatsCertificates } from './certificates.ts';
import type { OperatorFiles } from './operator.ts';

/** What a user may publish and subscribe to; everything unless said. Subjects may hold wildcards. */
export interface NatsPermissions {
  readonly publish?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  readonly subscribe?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
}

export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions?: NatsPermissions;
}

export interface NatsNkeyUser {
  /** The public key, `U...`; see {@link createNkey}. */
  readonly nkey: string;
  readonly permissions?: NatsPermissions;
}

/** What one server of a cluster has beyond a single one. */
export interface ClusterMember {
  readonly name: string;
  readonly routePort: number;
  readonly routes: readonly string[];
}

/** What a server's configuration says about its clients and its bounds. */
export interface NatsServerOptions {
  /** Only these may connect, and {@link nkeyUsers}; everybody unless said. */
  readonly users?: readonly NatsUser[];
  readonly nkeyUsers?: readonly NatsNkeyUser[];
  /** The server's own bounds unless said: 1 MiB, 65,536 connections, three quarters of the disk and the memory. */
  readonly maxPayloadBytes?: number;
  readonly maxConnections?: number;
  readonly maxStoreBytes?: number;
  readonly maxMemoryStoreBytes?: number;
  /** Any other setting of the configuration file, by its name there; wins over all others. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Where a server listens and writes. */
export interface NatsPlace {
  readonly serverName: string;
  /** The address it listens on: 127.0.0.1, or all of its container's. */
  readonly listenHost: string;
  readonly port: number;
  readonly monitorPort: number;
  /** Holds its configuration, its certificates and its store. */
  readonly baseDir: string;
}

/** What a server can be reached with. */
export interface NatsAccess {
  readonly tls?: { readonly certificates: NatsCertificates; readonly verifyClients: boolean };
  readonly operator?: OperatorFiles;
}

/** The configuration file. Its language contains JSON, so that nothing needs quoting of our own. */
export function configurationText(
  place: NatsPlace,
  options: NatsServerOptions,
  access: NatsAccess,
  cluster?: ClusterMember,
): string {
  const { operator, tls } = access;
  const everybody = [...(options.users ?? []), ...(options.nkeyUsers ?? [])];
  return JSON.stringify(
    {
      server_name: place.serverName,
      listen: `${place.listenHost}:${place.port}`,
      http: `${place.listenHost}:${place.monitorPort}`,
      jetstream: {
        store_dir: join(place.baseDir, 'store'),
        max_file_store: options.maxStoreBytes,
        max_memory_store: options.maxMemoryStoreBytes,
      },
      max_payload: options.maxPayloadBytes,
      max_connections: options.maxConnections,
      ...(everybody.length === 0 ? {} : { authorization: { users: everybody } }),
      ...(operator === undefined ? {} : operator.settings),
      ...(tls === undefined ? {} : { tls: tlsSettings(tls) }),
      ...(cluster === undefined ? {} : { cluster: clusterSettings(cluster) }),
      ...options.settings,
    },
    undefined,
    2,
  );
}

function tlsSettings({ certificates, verifyClients }: NonNullable<NatsAccess['tls']>): object {
  const { server, ca } = certificates;
  return { cert_file: server.cert, key_file: server.key, ca_file: ca, verify: verifyClients };
}

function clusterSettings({ name, routePort, routes }: ClusterMember): object {
  return { name, listen: `127.0.0.1:${routePort}`, routes };
}
