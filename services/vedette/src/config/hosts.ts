import { hostname } from 'node:os';
import { isIdentifier, isProviderObserver } from '@vedette/model';
import { type HostGroup, urlOf, withGroup } from './host-groups.ts';

/** A host with everything that its entry may leave out. */
export interface WatchedHost {
  readonly id: string;
  readonly name: string;
  readonly realm: string;
  readonly url: string;
  /** The group of the configuration that it took its URL or its defaults from. */
  readonly group?: string | undefined;
}

/** A host as somebody names it: by its URL, or by an address of which its group makes one. */
export interface NamedHost {
  readonly url?: string | undefined;
  readonly address?: string | undefined;
  readonly group?: string | undefined;
  readonly name?: string | undefined;
  readonly id?: string | undefined;
  readonly realm?: string | undefined;
}

/** What is wrong with a host, and in which part of its naming. */
export interface HostFault {
  readonly part: keyof NamedHost;
  readonly message: string;
}

/** What is wrong with the URL of a host, in words; undefined: nothing. */
export type CheckUrl = (url: string) => string | undefined;

/** Longest URL of a host. */
export const maxUrlLength = 2_048;

/** The URL schemes there is a fetcher for: libvirt's drivers, each with libvirt's transports, and agents on the bus. */
const knownScheme = /^((libvirt|qemu|test)(\+(unix|tls|ssh|tcp))?|agent):/;
const schemeExamples = 'libvirt:, qemu:, qemu+tls:, qemu+ssh:, qemu+tcp:, agent:';
const agentScheme = 'agent:';

export const notAnIdentifier = 'cannot be an identifier: at most 80 bytes in escaped form, no control characters';

/** The host that is meant, or what is wrong with it. `checkUrl` is asked only about what is well-formed otherwise. */
export function completeHost(
  named: NamedHost,
  groups: ReadonlyMap<string, HostGroup>,
  checkUrl: CheckUrl = checkScheme,
): { readonly host: WatchedHost; readonly faults: readonly HostFault[] } {
  const faults: HostFault[] = [];
  const group = groupOf(named, groups, faults);
  const url = urlFor(named, group, faults);
  const name = named.name ?? named.address ?? (url === undefined ? '' : nameFromUrl(url));
  const id = named.id ?? name;
  const realm = named.realm ?? group?.config.realm ?? 'default';
  const host = { id, name, realm, url: url ?? '', ...(group === undefined ? {} : { group: group.name }) };
  faults.push(...identityFaults(named, host));
  if (url !== undefined && faults.length === 0) faults.push(...urlFaults(named, url, checkUrl));
  return { host, faults };
}

/** This machine, as an identifier. */
export function machineName(): string {
  const name = hostname();
  return isIdentifier(name) ? name : 'localhost';
}

function groupOf(
  { group: name }: NamedHost,
  groups: ReadonlyMap<string, HostGroup>,
  faults: HostFault[],
): HostGroup | undefined {
  if (name === undefined) return undefined;
  const group = groups.get(name);
  const known = groups.size === 0 ? 'the configuration has none' : `there are ${[...groups.keys()].join(', ')}`;
  if (group === undefined)
    faults.push({ part: 'group', message: `there is no group ${JSON.stringify(name)}; ${known}` });
  return group;
}

function urlFor({ url, address = '', group: name }: NamedHost, group: HostGroup | undefined, faults: HostFault[]) {
  if (url !== undefined) return group === undefined ? url : withGroup(group, url);
  if (!isAddress(address)) {
    const shown = JSON.stringify(address.length > 60 ? `${address.slice(0, 60)}...` : address);
    faults.push({ part: 'address', message: `${shown} is no name or address of a host` });
    return undefined;
  }
  if (name === undefined) {
    faults.push({ part: 'group', message: 'is missing: it says how the host is reached (or give a URL)' });
    return undefined;
  }
  const made = group && urlOf(group, address);
  if (group !== undefined && made === undefined) {
    const message = `${JSON.stringify(name)} has no url, so that its hosts have to be given with theirs`;
    faults.push({ part: 'group', message });
  }
  return made;
}

/** A DNS name or an address, as far as form goes; no port: that is for the URL of the group. */
function isAddress(text: string): boolean {
  if (text.length > 253) return false;
  return /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(text) || /^\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+\]?$/.test(text);
}

function* identityFaults(named: NamedHost, { id, realm }: WatchedHost): Generator<HostFault> {
  if (id === '' && named.id === undefined && named.name === undefined) return; // something else is wrong already
  const part =
    named.id !== undefined ? 'id' : named.name === undefined && named.address !== undefined ? 'address' : 'name';
  if (!isIdentifier(id)) yield { part, message: notAnIdentifier };
  if (isProviderObserver(id)) yield { part, message: 'must not begin with @, which marks providers' };
  if (!isIdentifier(realm)) yield { part: 'realm', message: notAnIdentifier };
}

function* urlFaults(named: NamedHost, url: string, checkUrl: CheckUrl): Generator<HostFault> {
  const part = named.url === undefined ? 'address' : 'url';
  const tooLong = `makes a URL of more than ${maxUrlLength} characters`;
  const message = url.length > maxUrlLength ? tooLong : checkUrl(url);
  if (message !== undefined) yield { part, message };
}

/** What can be said of a URL without the fetchers: whether there is one for its scheme. */
export function checkScheme(url: string): string | undefined {
  if (knownScheme.test(url)) return undefined;
  return `no fetcher for ${JSON.stringify(url)}; expected a URL that begins with ${schemeExamples}`;
}

/** The same check for a process on this bus: one within the process is out of the reach of agents. */
export function checkUrlOnBus(busUrl: string, checkUrl: CheckUrl = checkScheme): CheckUrl {
  if (busUrl !== 'memory:') return checkUrl;
  return (url) =>
    url.startsWith(agentScheme)
      ? `${url} is an agent, which needs a bus to be reached over: set bus.url`
      : checkUrl(url);
}

/** The machine, or the agent, that a URL names; this machine where it names none. */
function nameFromUrl(url: string): string {
  if (url.startsWith(agentScheme)) return url.slice(agentScheme.length);
  const machine = URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  return machine === '' ? machineName() : machine;
}
