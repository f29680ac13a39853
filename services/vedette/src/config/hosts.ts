import { hostname } from 'node:os';
import { isIdentifier, isProviderObserver } from '@vedette/model';
import type { ConfigObjection } from '@vedette/runtime/config';
import type { Config, HostConfig } from './schema.ts';

/** A host with everything that its entry may leave out. */
export interface WatchedHost {
  readonly id: string;
  readonly name: string;
  readonly realm: string;
  readonly url: string;
}

/** What is wrong with the URL of a host, in words; undefined: nothing. */
export type CheckUrl = (url: string) => string | undefined;

/** The URL schemes there is a fetcher for. */
const schemes = ['libvirt:'];

const notAnIdentifier = 'cannot be an identifier: at most 80 bytes in escaped form, no control characters';

/** An entry of the list with its name and id. */
export function completeHost({ url, name, id, realm }: HostConfig): WatchedHost {
  const known = name ?? nameFromUrl(url);
  return { url, realm, name: known, id: id ?? known };
}

/** This machine, as an identifier. */
export function machineName(): string {
  const name = hostname();
  return isIdentifier(name) ? name : 'localhost';
}

/** What no schema can say. */
export function* objections(
  { hosts, member }: Config,
  checkUrl: CheckUrl = () => undefined,
): Generator<ConfigObjection> {
  const seen = new Map<string, string>();
  for (const [at, entry] of hosts.entries()) {
    const key = `hosts[${at}]`;
    yield* hostObjections(key, entry, checkUrl);
    const { id } = completeHost(entry);
    const other = seen.get(id);
    const same = `has the same id as ${other}: ${JSON.stringify(id)}; give one of them another name or id`;
    if (other !== undefined) yield { key, message: same };
    seen.set(id, key);
  }
  if (member !== undefined && !isIdentifier(member)) yield { key: 'member', message: notAnIdentifier };
}

function* hostObjections(key: string, entry: HostConfig, checkUrl: CheckUrl): Generator<ConfigObjection> {
  const { url, realm } = entry;
  const { id } = completeHost(entry);
  const idKey = `${key}.${entry.id === undefined ? 'name' : 'id'}`;
  if (!schemes.some((scheme) => url.startsWith(scheme))) {
    const message = `no fetcher for ${JSON.stringify(url)}; expected a URL that begins with ${schemes.join(', ')}`;
    yield { key: `${key}.url`, message };
  } else {
    const fault = checkUrl(url);
    if (fault !== undefined) yield { key: `${key}.url`, message: fault };
  }
  if (!isIdentifier(id)) yield { key: idKey, message: notAnIdentifier };
  if (isProviderObserver(id)) yield { key: idKey, message: 'must not begin with @, which marks providers' };
  if (!isIdentifier(realm)) yield { key: `${key}.realm`, message: notAnIdentifier };
}

/** The machine that a URL names; this one where it names none. */
function nameFromUrl(url: string): string {
  const machine = URL.parse(url)?.hostname ?? '';
  return machine === '' ? machineName() : machine;
}
