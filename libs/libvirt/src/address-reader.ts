import { VedetteError } from '@vedette/runtime';
import './errors.ts';

/** The parameters that mean something to each transport. */
const parameters = {
  unix: ['socket', 'mode', 'readonly'],
  tls: ['pkipath', 'cacert', 'clientcert', 'clientkey', 'readonly'],
  ssh: ['proxy', 'socket', 'mode', 'keyfile', 'known_hosts', 'readonly'],
  tcp: ['insecure', 'readonly'],
} as const;

/** What in libvirt's own URIs turns off verification: refused by name, so that nobody thinks it has worked. */
const verificationOff: readonly string[] = ['no_verify', 'known_hosts_verify', 'no_sanity'];

/** Reads the parts of one libvirt URI, each refused with the URI and the reason. */
export class AddressReader {
  readonly kind: keyof typeof parameters;
  readonly #uri: string;
  readonly #url: URL;

  constructor(uri: string, url: URL, kind: keyof typeof parameters) {
    this.#uri = uri;
    this.#url = url;
    this.kind = kind;
  }

  /** As `/system`. */
  get path(): string {
    return this.#url.pathname;
  }

  /** Refuses all that has no meaning for the transport. */
  checkParts(driver: string): void {
    const { username, password, hash, host, searchParams } = this.#url;
    if (password !== '') throw this.unusable('has a password: secrets do not belong in addresses', '(withheld)');
    if (username !== '' && this.kind !== 'ssh') throw this.unusable(`names a user, which ${this.kind} does not have`);
    if (hash !== '') throw this.unusable('has a part after #, which means nothing');
    if (this.kind === 'unix' && host !== '') throw this.unusable('names a host, which a unix socket does not have');
    if (!(driver === 'test' ? /^\/[\w./-]+$/ : /^\/[a-z]+$/).test(this.path)) {
      throw this.unusable('names no libvirt instance, as /system');
    }
    const names = [...searchParams.keys()];
    const off = names.find((name) => verificationOff.includes(name));
    if (off !== undefined) throw this.unusable(`says ${off}: hosts are always verified, there is no way around it`);
    const known: readonly string[] = parameters[this.kind];
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw this.unusable(`has the unknown parameter ${unknown}; those of ${this.kind} are ${known.join(', ')}`);
    }
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) throw this.unusable(`has the parameter ${twice} twice`);
  }

  /** Without the brackets of an IPv6 address. */
  host(): string {
    const host = this.#url.hostname.replace(/^\[(.*)\]$/, '$1');
    if (host === '') throw this.unusable(`names no host, which ${this.kind} needs`);
    // No name begins with a hyphen, and one that does would be an option to ssh.
    if (!/^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/.test(host)) throw this.unusable('names a host that cannot be');
    return host;
  }

  port(): number | undefined {
    return this.#url.port === '' ? undefined : Number(this.#url.port);
  }

  user(): string | undefined {
    const user = this.#url.username;
    if (user === '') return undefined;
    // As it is written: what would have to be escaped in a URL is in no user's name.
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(user)) throw this.unusable('names a user that cannot be');
    return user;
  }

  parameter(name: string): string | undefined {
    return this.#url.searchParams.get(name) ?? undefined;
  }

  flag(name: string): boolean {
    return this.oneOf(name, ['0', '1'], '0') === '1';
  }

  oneOf<const Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word {
    const text = this.parameter(name);
    if (text === undefined) return otherwise;
    const word = words.find((one) => one === text);
    if (word === undefined) throw this.unusable(`says ${name}=${text}; it can be ${words.join(', ')}`);
    return word;
  }

  /** The whole path of a file, folder or socket. */
  file(name: string): string | undefined {
    const path = this.parameter(name);
    if (path !== undefined && !/^\/[^\0\n]+$/.test(path)) throw this.unusable(`names ${name} without its whole path`);
    return path;
  }

  /** @param shown instead of the URI, where that must not be repeated */
  unusable(why: string, shown = JSON.stringify(this.#uri)): VedetteError {
    return new VedetteError('VDT_LIBVIRT_ADDRESS', { message: `${shown} ${why}` });
  }
}
