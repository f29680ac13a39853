import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { Compile } from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { urlCheck } from '../src/config/check-url.ts';
import { readHostsFile } from '../src/config/hosts-file.ts';
import { loadSettings, type Settings } from '../src/config/load.ts';
import { expandRange } from '../src/config/ranges.ts';
import { CommandWorld } from './world.ts';

const namesOf = (text: string): readonly string[] | undefined =>
  (expandRange(text) as { names?: readonly string[] }).names;

describe('a range of hosts', () => {
  test.each([
    ['kvm1', ['kvm1']],
    ['kvm{1..3}', ['kvm1', 'kvm2', 'kvm3']],
    ['kvm{08..11}.example.org', ['kvm08.example.org', 'kvm09.example.org', 'kvm10.example.org', 'kvm11.example.org']],
    ['kvm{1..010}', ['001', '002', '003', '004', '005', '006', '007', '008', '009', '010'].map((one) => `kvm${one}`)],
    ['{a,b}{1..2}', ['a1', 'a2', 'b1', 'b2']],
    ['rack{7..7}-{left,right}', ['rack7-left', 'rack7-right']],
    ['kvm{0..1}', ['kvm0', 'kvm1']],
  ])('%s', (text, names) => {
    expect(namesOf(text)).toEqual(names);
  });

  test('300 hosts keep the zeros they are written with', () => {
    const names = namesOf('kvm{001..300}.example.org') ?? [];
    expect(names).toHaveLength(300);
    expect([names[0], names[41], names[299]]).toEqual([
      'kvm001.example.org',
      'kvm042.example.org',
      'kvm300.example.org',
    ]);
  });

  test.each([
    ['kvm{300..001}', /runs backwards: write \{001\.\.300\}/],
    ['kvm{}', /braces hold a range such as/],
    ['kvm{a}', /braces hold a range such as/],
    ['kvm{a,}', /braces hold a range such as/],
    ['kvm{a..f}', /no range of numbers/],
    ['kvm{1..2..3}', /no range of numbers/],
    ['kvm{1..}', /no range of numbers/],
    ['kvm{-1..3}', /no range of numbers/],
    ['kvm{1..3', /brace without its other one/],
    ['kvm1..3}', /brace without its other one/],
    ['kvm{{1..2},3}', /braces within braces are not read/],
    ['kvm{1..100001}', /stands for 100001 hosts; 100000 are allowed/],
    ['{0..999999999}{0..999999999}{0..999999999}', /100000 are allowed/],
  ])('D4: %s is refused, with what is wrong', (text, fault) => {
    expect(expandRange(text).fault).toMatch(fault);
  });

  test('any text is expanded or refused, in bounded time', () => {
    const part = fc.oneof(fc.string(), fc.constantFrom('{', '}', '{1..3}', '{a,b}', '{01..20}', '..', ','));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const { names, fault } = expandRange(parts.join('')) as { names?: readonly string[]; fault?: string };
        expect((names === undefined) !== (fault === undefined)).toBe(true);
        if (names !== undefined) expect(names.length).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a hosts file', () => {
  test('has one host, range or URL a line, with words beside it; comments and empty lines say nothing', () => {
    const text = '\n# all of them\nkvm1\r\n  kvm{2..3}   realm=r2 # new\nqemu:///system?socket=/a#b name=local\n\n';
    expect(readHostsFile(text)).toEqual([
      { line: 3, target: 'kvm1' },
      { line: 4, target: 'kvm{2..3}', realm: 'r2' },
      { line: 5, target: 'qemu:///system?socket=/a#b', name: 'local' },
    ]);
  });

  test.each([
    ['kvm1 kvm2', /"kvm2" is none of name=, id=, realm= and group=/],
    ['kvm1 realm=', /"realm=" is none of/],
    ['kvm1 rack=4', /"rack=4" is none of/],
    ['kvm1 name=a name=b', /says name= twice/],
  ])('D4: %s', (line, fault) => {
    expect(readHostsFile(line)[0]?.fault).toMatch(fault);
  });
});

/** The settings of a configuration in the folder of `world`, with files beside it. */
async function load(world: CommandWorld, yaml: string, files: Record<string, string> = {}): Promise<Settings> {
  await write(world, yaml, files);
  const source = { file: 'vedette.yaml', env: { HOME: world.dir }, flags: {}, cwd: world.dir };
  return loadSettings({ ...source, checkUrl: urlCheck(world.clock) });
}

async function write(world: CommandWorld, yaml: string, files: Record<string, string> = {}): Promise<void> {
  for (const [name, text] of Object.entries({ ...files, 'vedette.yaml': yaml })) {
    await writeFile(join(world.dir, name), text);
  }
}

describe('groups', () => {
  test('300 hosts take nine lines', async () => {
    await using world = await CommandWorld.make();
    const yaml = `groups:
  lab:
    url: qemu+tls://{host}/system
    realm: lab
    readonly: true
    tls: { ca: /etc/pki/CA/cacert.pem }
hosts:
  - range: kvm{001..300}.example.org
    group: lab
`;
    expect(yaml.trim().split('\n')).toHaveLength(9);
    const { hosts } = await load(world, yaml);
    expect(hosts).toHaveLength(300);
    expect(hosts[41]).toEqual({
      id: 'kvm042.example.org',
      name: 'kvm042.example.org',
      realm: 'lab',
      url: 'qemu+tls://kvm042.example.org/system?readonly=1&cacert=/etc/pki/CA/cacert.pem',
      group: 'lab',
    });
  });

  test('credentials are paths, relative to the configuration, and only those of the transport are used', async () => {
    await using world = await CommandWorld.make();
    const { hosts } = await load(
      world,
      `groups:
  tls: { url: 'qemu+tls://{host}:16515/system', tls: { ca: ca.pem, cert: ./c.pem, key: /k.pem } }
  ssh: { url: 'qemu+ssh://{host}/system', ssh: { user: vedette, port: 2222, keyFile: id, knownHosts: known } }
  tcp: { url: 'qemu+tcp://{host}/system', insecure: true }
hosts:
  - { range: a, group: tls }
  - { range: b, group: ssh }
  - { range: c, group: tcp }
  - { range: '2001:db8::1', group: tcp, name: v6 }
  - { url: 'qemu+ssh://root@d:22/system?keyfile=/own', group: ssh, name: d }
  - { url: 'qemu:///system', group: tls, name: e }
`,
    );
    expect(hosts.map(({ url }) => url)).toEqual([
      `qemu+tls://a:16515/system?cacert=${world.dir}/ca.pem&clientcert=${world.dir}/c.pem&clientkey=/k.pem`,
      `qemu+ssh://vedette@b:2222/system?keyfile=${world.dir}/id&known_hosts=${world.dir}/known`,
      'qemu+tcp://c/system?insecure=1',
      'qemu+tcp://[2001:db8::1]/system?insecure=1',
      `qemu+ssh://root@d:22/system?keyfile=/own&known_hosts=${world.dir}/known`,
      'qemu:///system',
    ]);
  });

  test('pools and networks that have to be up are named in the URL', async () => {
    await using world = await CommandWorld.make();
    await write(
      world,
      `groups:
  lab:
    url: qemu+tls://{host}/system
    require: { pools: [default, 'fast disks'], networks: [default] }
hosts: [{ range: a, group: lab }]
`,
    );
    const source = { file: 'vedette.yaml', env: {}, flags: {}, cwd: world.dir };
    const { hosts } = await loadSettings(source);
    expect(hosts[0]?.url).toBe('qemu+tls://a/system?pool=default&pool=fast%20disks&network=default');
  });

  test('the realm is that of the host, else of its group, else default', async () => {
    await using world = await CommandWorld.make();
    const { hosts } = await load(
      world,
      `groups:
  lab: { url: 'qemu+ssh://{host}/system', realm: lab }
hosts:
  - { range: a, group: lab }
  - { range: b, group: lab, realm: other }
  - { url: 'qemu+ssh://c/system' }
  - { file: hosts.txt, group: lab }
`,
      { 'hosts.txt': 'd\ne realm=third\n' },
    );
    expect(hosts.map(({ id, realm }) => `${id} ${realm}`)).toEqual([
      'a lab',
      'b other',
      'c default',
      'd lab',
      'e third',
    ]);
  });
});

const lab = `groups:
  lab: { url: 'qemu+ssh://{host}/system' }
`;

describe('D4: what is wrong with hosts is told with key, file and line', () => {
  test.each<[what: string, yaml: string, fault: RegExp, files?: Record<string, string>]>([
    [
      'a reversed range',
      `${lab}hosts:\n  - { range: 'k{3..1}', group: lab }\n`,
      /vedette\.yaml:4:\d+: hosts\[0\]\.range: .*backwards/,
    ],
    [
      'an empty range',
      `${lab}hosts:\n  - { range: 'k{}', group: lab }\n`,
      /vedette\.yaml:4:\d+: hosts\[0\]\.range: .*braces hold/,
    ],
    [
      'no host name',
      `${lab}hosts:\n  - { range: 'a b', group: lab }\n`,
      /hosts\[0\]\.range: "a b" is no name or address/,
    ],
    [
      'an unknown group',
      `${lab}hosts:\n  - range: k1\n    group: lib\n`,
      /vedette\.yaml:5:\d+: hosts\[0\]\.group: there is no group "lib"; there are lab/,
    ],
    ['no group', `hosts:\n  - range: k1\n`, /vedette\.yaml:2:5: hosts\[0\]\.group: is missing/],
    [
      'a group without a URL',
      `groups:\n  lab: { realm: a }\nhosts:\n  - range: k1\n    group: lab\n`,
      /vedette\.yaml:5:\d+: hosts\[0\]\.group: "lab" has no url/,
    ],
    [
      'a template without the host',
      `groups:\n  lab:\n    url: qemu:///system\n`,
      /vedette\.yaml:3:\d+: groups\.lab\.url: has no \{host\}/,
    ],
    [
      'a bad template',
      `groups:\n  lab:\n    url: vpx://{host}/\nhosts:\n  - { range: 'k{1..9}', group: lab }\n`,
      /^vedette: 1 fault .*\n {2}vedette\.yaml:3:\d+: groups\.lab\.url: no fetcher/,
    ],
    [
      'plain TCP that nobody accepted',
      `groups:\n  lab:\n    url: qemu+tcp://{host}/system\n`,
      /groups\.lab\.url: .*plain text.*insecure=1/,
    ],
    [
      'certificates for ssh',
      `groups:\n  lab:\n    url: qemu+ssh://{host}/system\n    tls: { ca: /a }\n`,
      /vedette\.yaml:4:\d+: groups\.lab\.tls: means nothing to qemu\+ssh.*reached by ssh/,
    ],
    [
      'a certificate without its key',
      `groups:\n  lab:\n    url: qemu+tls://{host}/system\n    tls: { cert: /a }\n`,
      /groups\.lab\.url: .*certificate needs its key/,
    ],
    [
      'a home that nobody expands',
      `groups:\n  lab:\n    url: qemu+ssh://{host}/system\n    ssh:\n      keyFile: ~/.ssh/id\n`,
      /vedette\.yaml:5:\d+: groups\.lab\.ssh\.keyFile: ~ stands for nothing/,
    ],
    [
      'a password',
      `hosts:\n  - url: qemu+ssh://root:hunter2@kvm1/system\n`,
      /hosts\[0\]\.url: (?!.*hunter2).*password/,
    ],
    [
      'an entry that is two',
      `${lab}hosts:\n  - { range: a, url: 'qemu:///system', group: lab }\n`,
      /hosts\[0\]\.range: cannot stand beside url/,
    ],
    [
      'a name for many',
      `${lab}hosts:\n  - { range: 'k{1..2}', group: lab, name: k }\n`,
      /hosts\[0\]\.name: is of one host; the range has 2/,
    ],
    [
      'a name for a file',
      `${lab}hosts:\n  - { file: hosts.txt, group: lab, name: k }\n`,
      /hosts\[0\]\.name: is of one host/,
      { 'hosts.txt': 'a\n' },
    ],
    [
      'the same host twice',
      `${lab}hosts:\n  - { range: 'k{1..5}', group: lab }\n  - { range: 'k{4..9}', group: lab }\n`,
      /^vedette: 1 fault .*\n {2}vedette\.yaml:5:5: hosts\[1\]: has the same id as hosts\[0\]: "k4"/,
    ],
    [
      'a hosts file that is not there',
      `${lab}hosts:\n  - file: none.txt\n    group: lab\n`,
      /vedette\.yaml:4:\d+: hosts\[0\]\.file: none\.txt: .*there is no such file/,
    ],
    [
      'a hosts file that is none',
      `${lab}hosts:\n  - { file: '.', group: lab }\n`,
      /hosts\[0\]\.file: .*it is a directory/,
    ],
    [
      'garbage in a hosts file',
      `${lab}hosts:\n  - { file: hosts.txt, group: lab }\n`,
      /hosts\.txt:2: hosts\[0\]\.file: "\\u0001/,
      { 'hosts.txt': 'a\n\u0001\u0002;\n' },
    ],
    [
      'a bad line in a hosts file',
      `${lab}hosts:\n  - { file: hosts.txt, group: lab }\n`,
      /hosts\.txt:3: hosts\[0\]\.file: "b" is none of/,
      { 'hosts.txt': '# two\n\na b\n' },
    ],
    [
      'a bad range in a hosts file',
      `${lab}hosts:\n  - { file: hosts.txt, group: lab }\n`,
      /hosts\.txt:1: hosts\[0\]\.file: .*backwards/,
      { 'hosts.txt': 'k{3..1}\n' },
    ],
    [
      'a bad URL in a hosts file',
      `${lab}hosts:\n  - { file: hosts.txt, group: lab }\n`,
      /hosts\.txt:1: hosts\[0\]\.file: .*unknown parameter sokcet/,
      { 'hosts.txt': 'qemu:///system?sokcet=/a\n' },
    ],
    [
      'the same host in file and list',
      `${lab}hosts:\n  - { range: a, group: lab }\n  - { file: hosts.txt, group: lab }\n`,
      /hosts\.txt:2: hosts\[1\]: has the same id as hosts\[0\]: "a"/,
      { 'hosts.txt': 'b\na\n' },
    ],
    [
      'an id that marks providers',
      `hosts:\n  - { url: 'qemu:///system', id: '@cloud' }\n`,
      /hosts\[0\]\.id: must not begin with @/,
    ],
    [
      'more hosts than there may be',
      `${lab}hosts:\n  - { range: 'a{1..60000}', group: lab }\n  - { range: 'b{1..60000}', group: lab }\n`,
      /hosts\[1\]\.range: makes more than 100000 hosts/,
    ],
  ])('%s', async (_what, yaml, fault, files = {}) => {
    await using world = await CommandWorld.make();
    await write(world, yaml, files);
    const { code, out, err } = await world.run(['validate', 'vedette.yaml']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(fault);
  });

  test('faults of several kinds come at once', async () => {
    await using world = await CommandWorld.make();
    await write(
      world,
      `${lab}member: "a\\u0007"\nhosts:\n  - { range: 'k{2..1}', group: lab }\n  - { range: k, group: x }\n`,
    );
    const { err } = await world.run(['validate', 'vedette.yaml']);
    expect(err).toMatch(/^vedette: 3 faults/);
  });

  test('the published schema accepts what is accepted and refuses an entry of two kinds', async () => {
    await using world = await CommandWorld.make();
    const { out } = await world.run(['config', 'schema']);
    const schema = Compile(JSON.parse(out));
    expect(schema.Check(parse(`${lab}hosts:\n  - { range: 'k{1..5}', group: lab }\n  - { file: a.txt }\n`))).toBe(true);
    expect(schema.Check(parse(`${lab}hosts:\n  - { range: k, url: 'qemu:///system' }\n`))).toBe(false);
    expect(schema.Check(parse('groups:\n  lab: { uri: a }\n'))).toBe(false);
  });
});

describe('vedette validate', () => {
  test('counts the hosts, and names the first of each group with the URL it gets', async () => {
    await using world = await CommandWorld.make();
    const yaml = `groups:
  lab: { url: 'qemu+tls://{host}/system', realm: lab }
  edge: { url: 'qemu+ssh://{host}/system' }
  later: { url: 'qemu+ssh://{host}/system' }
hosts:
  - { range: 'kvm{001..300}.example.org', group: lab }
  - { range: edge1, group: edge }
  - url: qemu:///system
    name: here
`;
    await write(world, yaml);
    const { code, out } = await world.run(['validate', 'vedette.yaml']);
    expect(code).toBe(0);
    expect(out.split('\n')[0]).toMatch(/^vedette\.yaml is valid: 302 hosts, store /);
    expect(
      out.split('\n').slice(1).join('\n'),
    ).toBe(`  group lab: 300 hosts, realm lab: kvm001.example.org, kvm002.example.org, kvm003.example.org, ...; qemu+tls://kvm001.example.org/system
  group edge: 1 host, realm default: edge1; qemu+ssh://edge1/system
  group later: no hosts
  no group: 1 host, realm default: here; qemu:///system
`);
  });

  test('100,000 hosts are counted within seconds', async () => {
    await using world = await CommandWorld.make();
    await write(world, `${lab}hosts:\n  - { range: 'r{1..1000}-{0..99}', group: lab }\n`);
    expect((await world.run(['validate', 'vedette.yaml'])).out).toContain('is valid: 100,000 hosts');
  });

  test('a question asks only for whom to ask: hosts that cannot be read are not in its way', async () => {
    await using world = await CommandWorld.make();
    await write(world, `hosts:\n  - file: none.txt\nstore:\n  path: none.sqlite\n`);
    expect((await world.run(['vms', '--config', 'vedette.yaml'])).code).toBe(4);
    expect((await world.run(['up', '--config', 'vedette.yaml'])).code).toBe(2);
  });
});
