import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandOptions, runCommand } from '../command.ts';
import { systemEnv } from './availability.ts';

/** Paths of a certificate and its key, PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateWish {
  /** A path without extension: `.pem`, `.key` and `.csr` are written. */
  readonly path: string;
  readonly commonName: string;
  readonly purpose: 'serverAuth' | 'clientAuth';
  /** As `IP:127.0.0.1,DNS:localhost`; none unless said. */
  readonly altNames?: string;
  /** True: it was valid on the first day of 2020 only. */
  readonly expired?: boolean;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const stillValid = ['-startdate', '20200101000000Z', '-enddate', '20491231000000Z'];
const longExpired = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];

const caConfiguration = `[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copyall
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
`;

/** A certificate authority of a test's own, in a folder, made with openssl. One certificate takes some 20 ms. */
export class CertificateAuthority {
  /** Its own certificate, PEM. */
  readonly cert: string;
  readonly #folder: string;
  readonly #options: CommandOptions;

  private constructor(folder: string, options: CommandOptions) {
    this.#folder = folder;
    this.#options = options;
    this.cert = join(folder, 'ca.pem');
  }

  /** @param folder is made; everything of this authority is written there */
  static async create(folder: string, signal?: AbortSignal): Promise<CertificateAuthority> {
    const options = { env: systemEnv, ...(signal === undefined ? {} : { signal }) };
    const authority = new CertificateAuthority(folder, options);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'ca.cnf'), caConfiguration);
    await writeFile(join(folder, 'index.txt'), '');
    const identity = [
      '-subj',
      '/CN=Vedette test authority',
      '-days',
      '3650',
      '-addext',
      'keyUsage=critical,keyCertSign',
    ];
    const files = ['-keyout', join(folder, 'ca.key'), '-out', authority.cert];
    await runCommand('openssl', ['req', '-x509', ...newKey, ...identity, ...files], options);
    return authority;
  }

  /** Makes a key and signs its certificate. One at a time: openssl writes a database of what it signed. */
  async issue(wish: CertificateWish): Promise<KeyPair> {
    const { path, commonName, purpose, altNames, expired = false } = wish;
    const pair = { cert: `${path}.pem`, key: `${path}.key` };
    const names = altNames === undefined ? [] : ['-addext', `subjectAltName=${altNames}`];
    const usage = ['-addext', 'basicConstraints=CA:FALSE', '-addext', 'keyUsage=digitalSignature,keyEncipherment'];
    const extensions = [...names, ...usage, '-addext', `extendedKeyUsage=${purpose}`];
    const request = ['-subj', `/CN=${commonName}`, ...extensions, '-keyout', pair.key, '-out', `${path}.csr`];
    await runCommand('openssl', ['req', '-new', ...newKey, ...request], this.#options);
    const signer = ['-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key'];
    const signed = ['-in', `${path}.csr`, '-out', pair.cert, '-notext', ...(expired ? longExpired : stillValid)];
    await runCommand('openssl', ['ca', '-batch', ...signer, ...signed], { ...this.#options, cwd: this.#folder });
    return pair;
  }
}
