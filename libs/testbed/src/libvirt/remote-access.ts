import { join } from 'node:path';
import type { Settings } from './base-dir.ts';
import { CertificateAuthority, type KeyPair } from './certificates.ts';
import { Listener } from './listener.ts';

export interface TlsOptions {
  /** The only name the server's certificate is for; unless said it is for 127.0.0.1 and localhost. */
  readonly serverName?: string;
  /** True: the server's certificate has expired. */
  readonly serverExpired?: boolean;
}

/** How to reach a libvirtd by TLS, and how not. All files are PEM, in its base folder. */
export interface TlsAccess {
  /** A loopback address of this machine. */
  readonly host: string;
  readonly port: number;
  /** What the server's certificate is for. */
  readonly serverName: string;
  readonly ca: string;
  /** Accepted. */
  readonly client: KeyPair;
  /** Valid, but signed by {@link otherCa}. */
  readonly strangeClient: KeyPair;
  readonly expiredClient: KeyPair;
  /** An authority that did not sign the server's certificate. */
  readonly otherCa: string;
}

export interface TcpAccess {
  readonly host: string;
  readonly port: number;
}

/** What a libvirtd listens on besides its unix sockets. */
export interface RemoteAccess {
  readonly listeners: readonly Listener[];
  readonly settings: Settings;
  readonly tls?: TlsAccess;
  readonly tcp?: TcpAccess;
}

/** Makes the certificates and picks the ports; the libvirtd must then be given `settings` and `listeners`. */
export async function prepareRemoteAccess(
  base: string,
  wanted: { readonly tls: boolean | TlsOptions; readonly tcp: boolean; readonly signal?: AbortSignal },
): Promise<RemoteAccess> {
  const listeners: Listener[] = [];
  if (wanted.tcp) listeners.push(await Listener.create('libvirtd-tcp.socket'));
  const tcp = wanted.tcp ? { tcp: addressOf(listeners[0]) } : {};
  if (wanted.tls === false) return { listeners, settings: {}, ...tcp };
  const options = wanted.tls === true ? {} : wanted.tls;
  const { server, ...certificates } = await makeCertificates(join(base, 'pki'), options, wanted.signal);
  const listener = await Listener.create('libvirtd-tls.socket');
  const settings = {
    key_file: server.key,
    cert_file: server.cert,
    ca_file: certificates.ca,
    tls_no_sanity_certificate: options.serverExpired === true ? 1 : 0,
  };
  return { listeners: [...listeners, listener], settings, ...tcp, tls: { ...addressOf(listener), ...certificates } };
}

function addressOf(listener: Listener | undefined): TcpAccess {
  return { host: '127.0.0.1', port: listener?.port ?? 0 };
}

async function makeCertificates(folder: string, options: TlsOptions, signal?: AbortSignal) {
  const { serverName, serverExpired = false } = options;
  const [ours, other] = await Promise.all([
    CertificateAuthority.create(join(folder, 'ours'), signal),
    CertificateAuthority.create(join(folder, 'other'), signal),
  ]);
  const server = await ours.issue({
    path: join(folder, 'server'),
    commonName: serverName ?? 'localhost',
    purpose: 'serverAuth',
    altNames: serverName === undefined ? 'IP:127.0.0.1,DNS:localhost' : `DNS:${serverName}`,
    expired: serverExpired,
  });
  const wish = { commonName: 'monitor', purpose: 'clientAuth' } as const;
  return {
    server,
    serverName: serverName ?? '127.0.0.1',
    ca: ours.cert,
    otherCa: other.cert,
    client: await ours.issue({ ...wish, path: join(folder, 'client') }),
    expiredClient: await ours.issue({ ...wish, path: join(folder, 'expired-client'), expired: true }),
    strangeClient: await other.issue({ ...wish, path: join(folder, 'strange-client') }),
  };
}
