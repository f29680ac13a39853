import { join } from 'node:path';
import { CertificateAuthority, type KeyPair } from '../libvirt/certificates.ts';

export interface NatsTlsOptions {
  /** True: clients without a certificate of our authority are refused. False unless said. */
  readonly verifyClients?: boolean;
  /** The only name the server's certificate is for; unless said it is for 127.0.0.1 and localhost. */
  readonly serverName?: string;
  /** True: the server's certificate has expired. */
  readonly serverExpired?: boolean;
}

/** How to reach a server by TLS, and how not. All files are PEM, in its base folder. */
export interface NatsTlsAccess {
  readonly ca: string;
  /** An authority that did not sign the server's certificate. */
  readonly otherCa: string;
  /** Accepted. */
  readonly client: KeyPair;
  /** Valid, but signed by {@link otherCa}. */
  readonly strangeClient: KeyPair;
}

export interface NatsCertificates extends NatsTlsAccess {
  readonly server: KeyPair;
}

/** Makes two authorities and the certificates of a server and its clients, some 150 ms. */
export async function makeNatsCertificates(
  folder: string,
  options: NatsTlsOptions,
  signal?: AbortSignal,
): Promise<NatsCertificates> {
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
  const wish = { commonName: 'client', purpose: 'clientAuth' } as const;
  return {
    server,
    ca: ours.cert,
    otherCa: other.cert,
    client: await ours.issue({ ...wish, path: join(folder, 'client') }),
    strangeClient: await other.issue({ ...wish, path: join(folder, 'strange-client') }),
  };
}
