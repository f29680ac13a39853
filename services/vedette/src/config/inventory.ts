import { isIdentifier } from '@vedette/model';
import { ConfigError } from '@vedette/runtime/config';
import { type HostGroup, hostMark, transportOf, urlOf } from './host-groups.ts';
import {
  type CheckUrl,
  completeHost,
  type HostFault,
  type NamedHost,
  notAnIdentifier,
  type WatchedHost,
} from './hosts.ts';
import { type HostsLine, readHostsFile } from './hosts-file.ts';
import { expandRange, maxHosts } from './ranges.ts';
import type { Config, HostConfig } from './schema.ts';

/** What is wrong with the hosts of a configuration, and where. */
export interface InventoryFault {
  /** As it stands in the configuration: `hosts[2].range`. */
  readonly key: string;
  /** The line of a hosts file where the fault is in one. */
  readonly at?: { readonly path: string; readonly line: number };
  readonly message: string;
}

export interface InventoryOptions {
  readonly groups: ReadonlyMap<string, HostGroup>;
  readonly checkUrl?: CheckUrl;
  /** The text of the hosts file of an entry, and its path as people know it. @throws ConfigError */
  readonly readHosts: (written: string, key: string) => Promise<{ readonly path: string; readonly text: string }>;
}

export interface Inventory {
  /** In the order in which they were named. */
  readonly hosts: readonly WatchedHost[];
  readonly faults: readonly InventoryFault[];
}

/** Every host that a configuration names, with all that can be objected to them. Ranges and files become hosts here. */
export async function resolveInventory(config: Config, options: InventoryOptions): Promise<Inventory> {
  const { groups, checkUrl } = options;
  const unusable = new Map([...groups.values()].map((group) => [group.name, [...groupFaults(group, checkUrl)]]));
  const gathered = new Gathered(
    options,
    new Set([...unusable].filter(([, { length }]) => length > 0).map(([name]) => name)),
  );
  for (const [at, entry] of config.hosts.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- hosts keep the order in which they are named
    await gatherEntry(gathered, entry, `hosts[${at}]`, options);
  }
  const { member } = config;
  const ownFaults = member === undefined || isIdentifier(member) ? [] : [{ key: 'member', message: notAnIdentifier }];
  return { hosts: gathered.hosts, faults: [...[...unusable.values()].flat(), ...gathered.faults, ...ownFaults] };
}

async function gatherEntry(
  gathered: Gathered,
  entry: HostConfig,
  key: string,
  options: InventoryOptions,
): Promise<void> {
  const { url, range, file, ...defaults } = entry;
  const forms = (['url', 'range', 'file'] as const).filter((form) => entry[form] !== undefined);
  if (forms.length !== 1) {
    const message =
      forms.length === 0 ? 'is missing: a host has a url, a range or a file' : `cannot stand beside ${forms[0]}`;
    gathered.faults.push({ key: `${key}.${forms[1] ?? 'url'}`, message });
  } else if (url !== undefined) gathered.add({ url, ...defaults }, { key });
  else if (range !== undefined) gathered.addAll(range, defaults, { key }, 'range');
  else await gatherFile(gathered, file ?? '', defaults, key, options);
}

type Defaults = Pick<NamedHost, 'name' | 'id' | 'realm' | 'group'>;

async function gatherFile(
  gathered: Gathered,
  file: string,
  defaults: Defaults,
  key: string,
  { readHosts }: InventoryOptions,
): Promise<void> {
  const own = defaults.name === undefined ? (defaults.id === undefined ? undefined : 'id') : 'name';
  if (own !== undefined) {
    gathered.faults.push({ key: `${key}.${own}`, message: 'is of one host; in the file, a line can say it' });
    return;
  }
  try {
    const { path, text } = await readHosts(file, `${key}.file`);
    for (const line of readHostsFile(text))
      gatherLine(gathered, line, defaults, { key, at: { path, line: line.line } });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { where, message } of error.faults)
      gathered.faults.push({ key: `${key}.file`, message: `${where}: ${message}` });
  }
}

function gatherLine(
  gathered: Gathered,
  { fault, line: _line, target, ...said }: HostsLine,
  defaults: Defaults,
  place: Place,
): void {
  if (fault !== undefined) gathered.fault(place, 'address', fault);
  else if (target.includes('://')) gathered.add({ ...defaults, ...said, url: target }, place);
  else gathered.addAll(target, { ...defaults, ...said }, place, 'file');
}

/** Where a host is named. */
interface Place {
  readonly key: string;
  readonly at?: { readonly path: string; readonly line: number };
}

/** The hosts found so far. */
class Gathered {
  readonly hosts: WatchedHost[] = [];
  readonly faults: InventoryFault[] = [];
  readonly #options: InventoryOptions;
  /** Groups with a fault of their own: it need not be repeated for each of their hosts. */
  readonly #unusable: ReadonlySet<string>;
  readonly #places = new Map<string, Place>();

  constructor(options: InventoryOptions, unusable: ReadonlySet<string>) {
    this.#options = options;
    this.#unusable = unusable;
  }

  /** Takes in one host; returns whether nothing was wrong with it. */
  add(named: NamedHost, place: Place, checked = true): boolean {
    if (this.#unusable.has(named.group ?? '')) return true;
    const { groups, checkUrl } = this.#options;
    const { host, faults } = completeHost(named, groups, checked ? checkUrl : undefined);
    for (const { part, message } of faults) this.fault(place, part, message);
    if (faults.length > 0) return false;
    const other = this.#places.get(host.id);
    if (other !== undefined) {
      const message = `has the same id as ${placeText(other)}: ${JSON.stringify(host.id)}; give one of them another name or id`;
      this.faults.push({ ...place, message });
      return false;
    }
    this.#places.set(host.id, place);
    this.hosts.push(host);
    return true;
  }

  /** Takes in every host of a range; of what is wrong with them, the first is told. */
  addAll(range: string, named: NamedHost, place: Place, part: 'range' | 'file'): void {
    const { names, fault = '' } = expandRange(range) as { names?: readonly string[]; fault?: string };
    const tooMany = this.hosts.length + (names?.length ?? 0) > maxHosts;
    if (names === undefined || tooMany) {
      const message = names === undefined ? fault : `makes more than ${maxHosts} hosts, with those before it`;
      this.faults.push({ ...place, key: `${place.key}.${part}`, message });
      return;
    }
    const own = named.name === undefined ? 'id' : 'name';
    if (names.length > 1 && named[own] !== undefined) {
      this.faults.push({
        ...place,
        key: `${place.key}.${own}`,
        message: `is of one host; the range has ${names.length}`,
      });
      return;
    }
    // The URLs of a range differ by what has been looked at already: the first and the last stand for all.
    for (const [at, address] of names.entries()) {
      if (!this.add({ ...named, address }, place, at === 0 || at === names.length - 1)) return;
    }
  }

  fault({ key, at }: Place, part: HostFault['part'], message: string): void {
    if (at !== undefined) this.faults.push({ key: `${key}.file`, at, message });
    else this.faults.push({ key: `${key}.${part === 'address' ? 'range' : part}`, message });
  }
}

function placeText({ key, at }: Place): string {
  return at === undefined ? key : `${at.path}:${at.line}`;
}

/** Stands for any host in the check of a group's URL. */
const anyHost = 'host.example.org';

function* groupFaults(group: HostGroup, checkUrl: CheckUrl | undefined): Generator<InventoryFault> {
  const { name, config } = group;
  const key = `groups.${name}`;
  const { url: template, realm, tls, ssh, insecure } = config;
  if (realm !== undefined && !isIdentifier(realm)) yield { key: `${key}.realm`, message: notAnIdentifier };
  const homely = [...Object.entries(tls ?? {}), ...Object.entries(ssh ?? {})].find(([, value]) =>
    String(value).includes('/~'),
  );
  if (homely !== undefined) {
    const section = Object.hasOwn(tls ?? {}, homely[0]) ? 'tls' : 'ssh';
    yield {
      key: `${key}.${section}.${homely[0]}`,
      message: `~ stands for nothing here: write the whole path, or \${HOME}/...`,
    };
  }
  if (template === undefined) return;
  if (!template.includes(hostMark)) {
    yield { key: `${key}.url`, message: `has no ${hostMark}, which stands for the address of each host` };
    return;
  }
  const url = URL.parse(urlOf(group, anyHost) ?? '');
  const transport = url === null ? undefined : transportOf(url);
  const misplaced = [
    tls !== undefined && transport !== 'tls' && 'tls',
    ssh !== undefined && transport !== 'ssh' && 'ssh',
    insecure && transport !== 'tcp' && 'insecure',
  ].find((one) => one !== false);
  if (misplaced !== undefined && url !== null) {
    yield { key: `${key}.${misplaced}`, message: `means nothing to ${template}: that is reached by ${transport}` };
    return;
  }
  const { faults } = completeHost({ group: name, address: anyHost }, new Map([[name, group]]), checkUrl);
  for (const { part, message } of faults) if (part === 'address') yield { key: `${key}.url`, message };
}
