import { VedetteError } from '@vedette/runtime';
import './errors.ts';
import { AddressReader } from './address-reader.ts';

/** Where a libvirtd is, how it is reached, and which of its drivers is meant. */
export interface LibvirtAddress {
  /** What libvirtd is asked to open, as `qemu:///system`. */
  readonly driverUri: string;
  /** `readonly=1`: only what burdens no domain; over unix sockets and ssh by the read-only socket. */
  readonly readOnly: boolean;
  readonly transport: LibvirtTransport;
}

export type LibvirtTransport = UnixAddress | TlsAddress | SshAddress | TcpAddress;

export interface UnixAddress {
  readonly kind: 'unix';
  /** In the order in which they are tried; the first that answers is taken. */
  readonly socketPaths: readonly string[];
}

export interface TlsAddress {
  readonly kind: 'tls';
  readonly host: string;
  readonly port: number;
  /** A folder with `cacert.pem`, `clientcert.pem` and `clientkey.pem`; libvirt's own places where nothing is said. */
  readonly pkiPath: string | undefined;
  readonly caFile: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
}

export interface SshAddress {
  readonly kind: 'ssh';
  readonly host: string;
  /** What ssh's own configuration says, where undefined; so are the next three. */
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly keyFile: string | undefined;
  readonly knownHostsFile: string | undefined;
  /** What runs on the host: `virt-ssh-helper` (native), `nc` (netcat), or the first of them that it has (auto). */
  readonly proxy: SshProxy;
  /** The sockets of the host for `nc`; the first that exists is taken. */
  readonly socketPaths: readonly string[];
}

export interface TcpAddress {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
}

const proxies = ['auto', 'native', 'netcat'] as const;
export type SshProxy = (typeof proxies)[number];
const modes = ['auto', 'legacy', 'direct'] as const;
export type SocketMode = (typeof modes)[number];

const RUN_DIR = '/run/libvirt';
const TLS_PORT = 16_514;
const TCP_PORT = 16_509;

/** The transports of libvirt that are served; `qemu+ssh://...` names one. */
export const libvirtTransports = ['unix', 'tls', 'ssh', 'tcp'] as const satisfies readonly LibvirtTransport['kind'][];

/**
 * Reads a libvirt URI (libvirt.org, "Connection URIs"): `qemu:///system`, `qemu+unix:///system?socket=PATH`,
 * `qemu+tls://HOST[:PORT]/system`, `qemu+ssh://[USER@]HOST[:PORT]/system`, `qemu+tcp://HOST/system?insecure=1`. As in
 * libvirt, a host without a transport means TLS.
 *
 * Parameters are libvirt's own where it has them: `socket`, `mode`, `proxy`, `keyfile`, `known_hosts`, `pkipath`; ours
 * are `readonly`, `cacert`, `clientcert`, `clientkey`, `insecure`. Nothing turns verification off.
 *
 * @param readOnly as if it said `readonly=1`
 * @throws VedetteError VDT_LIBVIRT_ADDRESS
 */
export function parseLibvirtUri(uri: string, readOnly = false): LibvirtAddress {
  const url = URL.parse(uri);
  const [, driver, named] = url?.protocol.match(/^([a-z]+)(?:\+([a-z0-9]+))?:$/) ?? [];
  if (url === null || driver === undefined) throw unusable(uri, 'is not a libvirt URI');
  const kind = libvirtTransports.find((one) => one === (named ?? (url.host === '' ? 'unix' : 'tls')));
  if (kind === undefined) throw unusable(uri, `has transport ${named}; known are ${libvirtTransports.join(', ')}`);
  const reader = new AddressReader(uri, url, kind);
  reader.checkParts(driver);
  const asked = readOnly || reader.flag('readonly');
  return { driverUri: `${driver}://${url.pathname}`, readOnly: asked, transport: readTransport(reader, driver, asked) };
}

function readTransport(reader: AddressReader, driver: string, readOnly: boolean): LibvirtTransport {
  switch (reader.kind) {
    case 'unix':
      return { kind: 'unix', socketPaths: readSocketPaths(reader, driver, readOnly) };
    case 'tls':
      return readTls(reader);
    case 'ssh':
      return readSsh(reader, driver, readOnly);
    case 'tcp':
      if (!reader.flag('insecure')) {
        throw reader.unusable(
          'would send everything in plain text, readable and changeable by anyone on the way: use tls or ssh, or accept it with insecure=1',
        );
      }
      return { kind: 'tcp', host: reader.host(), port: reader.port() ?? TCP_PORT };
  }
}

function readTls(reader: AddressReader): TlsAddress {
  const certificateFile = reader.file('clientcert');
  const keyFile = reader.file('clientkey');
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw reader.unusable('names one of clientcert and clientkey: a certificate needs its key');
  }
  return {
    kind: 'tls',
    host: reader.host(),
    port: reader.port() ?? TLS_PORT,
    pkiPath: reader.file('pkipath'),
    caFile: reader.file('cacert'),
    certificateFile,
    keyFile,
  };
}

function readSsh(reader: AddressReader, driver: string, readOnly: boolean): SshAddress {
  const named = reader.parameter('socket') !== undefined;
  const proxy = reader.oneOf('proxy', proxies, named ? 'netcat' : 'auto');
  // virt-ssh-helper finds the socket by itself and takes no other.
  if (named && proxy !== 'netcat') throw reader.unusable('names a socket, which only proxy=netcat can open');
  return {
    kind: 'ssh',
    host: reader.host(),
    port: reader.port(),
    user: reader.user(),
    keyFile: reader.file('keyfile'),
    knownHostsFile: reader.file('known_hosts'),
    proxy,
    socketPaths: readSocketPaths(reader, driver, readOnly),
  };
}

/**
 * libvirt's own order: the one-driver daemon where it has a socket, then libvirtd, whose socket virtproxyd serves on
 * machines with the former.
 */
function readSocketPaths(reader: AddressReader, driver: string, readOnly: boolean): readonly string[] {
  const mode = reader.oneOf('mode', modes, 'auto');
  const named = reader.file('socket');
  if (named !== undefined) return [named];
  if (reader.path === '/session' && reader.kind === 'unix') {
    throw reader.unusable("is a user's own: its socket must be given as ?socket=PATH");
  }
  const suffix = readOnly ? 'sock-ro' : 'sock';
  const direct = `${RUN_DIR}/virt${driver}d-${suffix}`;
  const legacy = `${RUN_DIR}/libvirt-${suffix}`;
  if (mode !== 'auto') return [mode === 'direct' ? direct : legacy];
  return [direct, legacy];
}

function unusable(uri: string, why: string): VedetteError {
  return new VedetteError('VDT_LIBVIRT_ADDRESS', { message: `${JSON.stringify(uri)} ${why}` });
}
