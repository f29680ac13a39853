import type { Config } from './schema.ts';

type GroupConfig = Config['groups'][string];

/** What hosts have in common, with the paths of its credentials made absolute. */
export interface HostGroup {
  readonly name: string;
  readonly config: GroupConfig;
}

/** Stands for the address of the host in the URL of a group. */
export const hostMark = '{host}';

export type Transport = 'unix' | 'tls' | 'ssh' | 'tcp';

/** The groups of a configuration; `absolute` makes the path at a key one that no folder changes. */
export function resolveGroups(
  { groups }: Pick<Config, 'groups'>,
  absolute: (written: string, key: string) => string,
): ReadonlyMap<string, HostGroup> {
  const resolved = Object.entries(groups).map(([name, { tls, ssh, ...rest }]): [string, HostGroup] => {
    const path = (written: string | undefined, key: string): string | undefined =>
      written === undefined ? undefined : absolute(written, `groups.${name}.${key}`);
    const config: GroupConfig = {
      ...rest,
      tls: tls && {
        ca: path(tls.ca, 'tls.ca'),
        cert: path(tls.cert, 'tls.cert'),
        key: path(tls.key, 'tls.key'),
      },
      ssh: ssh && {
        ...ssh,
        keyFile: path(ssh.keyFile, 'ssh.keyFile'),
        knownHosts: path(ssh.knownHosts, 'ssh.knownHosts'),
      },
    };
    return [name, { name, config }];
  });
  return new Map(resolved);
}

/** The URL of a host that the group knows by its address; undefined where the group has no URL. */
export function urlOf(group: HostGroup, address: string): string | undefined {
  const { url } = group.config;
  return url === undefined ? undefined : withGroup(group, url.replaceAll(hostMark, bracketed(address)));
}

/** A URL with what the group adds to it; what it says itself stays. */
export function withGroup({ config: { ssh, ...config } }: HostGroup, text: string): string {
  const url = URL.parse(text);
  if (url === null) return text; // for the check of URLs to refuse
  const transport = transportOf(url);
  if (transport === 'ssh') {
    if (url.username === '' && ssh?.user !== undefined) url.username = ssh.user;
    if (url.port === '' && ssh?.port !== undefined) url.port = String(ssh.port);
  }
  const said = new Set(url.searchParams.keys());
  const added = parametersOf({ ...config, ssh }, transport).filter(([name]) => !said.has(name));
  if (added.length === 0) return url.href;
  const query = added.map(([name, value]) => `${name}=${escaped(value)}`).join('&');
  return `${url.href}${url.search === '' ? '?' : '&'}${query}`;
}

/** How a URL reaches its host, as libvirt has it: a host without a transport means TLS. */
export function transportOf({ protocol, host }: URL): Transport {
  const named = /\+([a-z]+):$/.exec(protocol)?.[1];
  if (named === 'tls' || named === 'ssh' || named === 'tcp') return named;
  return named === undefined && host !== '' ? 'tls' : 'unix';
}

/** Those of the transport alone: the others mean nothing there. */
function parametersOf(config: GroupConfig, transport: Transport): ReadonlyArray<readonly [string, string]> {
  const { readonly, insecure, tls, ssh, require } = config;
  const named: ReadonlyArray<readonly [string, string | undefined]> = [
    ['readonly', readonly ? '1' : undefined],
    ...(transport === 'tls'
      ? ([
          ['cacert', tls?.ca],
          ['clientcert', tls?.cert],
          ['clientkey', tls?.key],
        ] as const)
      : []),
    ...(transport === 'ssh'
      ? ([
          ['keyfile', ssh?.keyFile],
          ['known_hosts', ssh?.knownHosts],
        ] as const)
      : []),
    ['insecure', transport === 'tcp' && insecure ? '1' : undefined],
    ...(require?.pools ?? []).map((pool) => ['pool', pool] as const),
    ...(require?.networks ?? []).map((network) => ['network', network] as const),
  ];
  return named.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

/** As a query has it, but with the slashes of a path as people write them. */
function escaped(value: string): string {
  return encodeURIComponent(value).replaceAll('%2F', '/');
}

function bracketed(address: string): string {
  return address.includes(':') && !address.startsWith('[') ? `[${address}]` : address;
}
