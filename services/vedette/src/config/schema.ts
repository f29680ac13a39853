import { busSettings } from '@vedette/bus/settings';
import { configJsonSchema, Duration, type JsonSchema, type Resolved, Section } from '@vedette/runtime/config';
import Type from 'typebox';

const path = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 1_024, description: `${description}; relative to this file` }));

/** What hosts have in common. */
const Group = Section({
  url: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1_024,
      description: 'how its hosts are reached; {host} stands for the address of each. Must not contain a secret',
      examples: ['qemu+tls://{host}/system', 'qemu+ssh://{host}/system'],
    }),
  ),
  realm: Type.Optional(
    Type.String({ minLength: 1, maxLength: 80, description: 'the realm of its hosts, unless they say another' }),
  ),
  readonly: Type.Boolean({
    default: false,
    description: 'asks for the least privilege: no guest agent is asked then',
  }),
  insecure: Type.Boolean({ default: false, description: 'accepts plain TCP, which anybody on the way can read' }),
  tls: Type.Optional(
    Section(
      {
        ca: path('the certificates that those of the hosts are signed with'),
        cert: path('our certificate'),
        key: path('its key'),
      },
      { description: "certificates, for TLS; left out: those in libvirt's own places" },
    ),
  ),
  ssh: Type.Optional(
    Section(
      {
        user: Type.Optional(Type.String({ minLength: 1, maxLength: 80, description: 'the user on the hosts' })),
        port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: 'the port of sshd' })),
        keyFile: path('our private key'),
        knownHosts: path('the keys of the hosts'),
      },
      { description: "for ssh; left out: as ssh's own configuration has it" },
    ),
  ),
  require: Type.Optional(
    Section(
      {
        pools: Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
          default: [],
          maxItems: 64,
          description: 'storage pools that have to be active',
        }),
        networks: Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
          default: [],
          maxItems: 64,
          description: 'networks that have to be active',
        }),
      },
      { description: 'a host where one of these is down is non_operational' },
    ),
  ),
});

/** One host to watch, or many; exactly one of url, range and file. */
const Host = Section({
  url: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 2_048,
      description: 'how the host is reached; the scheme names the fetcher. Must not contain a secret',
      examples: ['qemu:///system', 'qemu+ssh://kvm1.example.org/system?readonly=1'],
    }),
  ),
  range: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'a host or a range of hosts, by name or address; its group says how they are reached',
      examples: ['kvm{001..300}.example.org', 'rack{1..4}-{a,b}.example.org'],
    }),
  ),
  file: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1_024,
      description: 'a file with one host, range or URL a line; relative to this file',
      examples: ['./hosts.txt'],
    }),
  ),
  group: Type.Optional(Type.String({ minLength: 1, maxLength: 80, description: 'the group it belongs to' })),
  name: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 80,
      description: "what people call it; default: the machine of its URL, or this machine's name",
    }),
  ),
  id: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 80,
      description: 'what it is known by for ever, also after it got another name; default: its name',
    }),
  ),
  realm: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 80,
      description:
        'the placement and migration domain it belongs to; VMs move within it. Default: that of its group, or default',
    }),
  ),
});

/** The whole configuration of the all-in-one process; the one source of `vedette config schema` and the reference. */
export const configSchema = Section({
  groups: Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_-]{0,79}$' }), Group, {
    default: {},
    description: 'what hosts have in common, by the name of the group',
  }),
  hosts: Type.Array(Host, {
    default: [],
    maxItems: 100_000,
    description: "the hosts to watch; none: this machine's own libvirt, where its socket is there",
  }),
  member: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 80,
      description: "this process's name in events and coverage; default: this machine's name",
    }),
  ),
  store: Section({
    path: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          "the store's file; in a configuration file relative to it, elsewhere to the current folder; default: store.sqlite in $XDG_STATE_HOME/vedette or ~/.local/state/vedette",
        examples: ['./vedette.sqlite'],
      }),
    ),
    historyRows: Type.Integer({
      default: 1_000_000,
      minimum: 1_000,
      description: 'records of history kept of the whole fleet; the oldest are dropped',
    }),
    historyRowsPerVm: Type.Integer({
      default: 1_000,
      minimum: 10,
      description: 'records of history kept of one VM; the oldest are dropped',
    }),
    fleetLogRows: Type.Integer({
      default: 200_000,
      minimum: 1_000,
      description: 'events kept for clients that resume a stream; the oldest are dropped',
    }),
    goneVms: Type.Integer({
      default: 100_000,
      minimum: 0,
      description: 'VMs kept after they are gone; the longest gone are dropped',
    }),
  }),
  bus: busSettings,
  api: Section({
    socket: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        description:
          "the unix socket of the API, at most 107 bytes; its file mode (0600) is the right to use it; relative as store.path; default: beside the store, with the store's name and .sock",
        examples: ['./vedette.sock'],
      }),
    ),
  }),
  monitor: Section({
    pollInterval: Duration({
      default: '3s',
      min: '100ms',
      max: '10m',
      description: 'time between two polls of a host that answers',
    }),
    pollTimeout: Duration({ default: '10s', min: '100ms', max: '10m', description: 'what one listing may take' }),
    sectionTimeout: Duration({
      default: '20s',
      min: '100ms',
      max: '10m',
      description: 'what fetching addresses, definitions or guest details of the VMs that changed may take',
    }),
    backoffMax: Duration({
      default: '30s',
      min: '1s',
      max: '1h',
      description: 'longest wait between two attempts at a host that does not answer',
    }),
    graceBase: Duration({
      default: '60s',
      min: '1s',
      max: '1h',
      description: 'a host silent for graceBase + gracePerVm x its VMs, at most graceMax, is non-responsive',
    }),
    gracePerVm: Duration({ default: '500ms', max: '1m', description: 'see graceBase' }),
    graceMax: Duration({ default: '180s', min: '1s', max: '1d', description: 'see graceBase' }),
    statsInterval: Duration({
      default: '15s',
      max: '1h',
      description: 'time between two samples of the processors and memory of hosts and VMs; 0s: none are taken',
    }),
    deviceStatsInterval: Duration({
      default: '5m',
      max: '1d',
      description: 'time between two samples of the balloons, disks and NICs of the VMs; 0s: none are taken',
    }),
    describeInterval: Duration({
      default: '5m',
      min: '1s',
      max: '1d',
      description: 'time between two looks at the host itself: its versions, its capabilities, whether it is fit',
    }),
    stretchFactor: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 100,
      description:
        'while heart-beats prove the state of a host it is polled only every so many intervals, and at least every statsInterval; 1: at every one',
    }),
    wholeListings: Type.Integer({
      default: 64,
      minimum: 1,
      maximum: 10_000,
      description: 'hosts listed whole at the same time, at most',
    }),
    stateEventsPerSecond: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 1_000,
      description: 'state events of one VM in a second, at most; further changes are put together',
    }),
  }),
  libvirt: Section({
    agentInterval: Duration({
      default: '15s',
      min: '1s',
      max: '1h',
      description: 'time between two questions to the agent in one guest',
    }),
  }),
  updater: Section({
    batchEvents: Type.Integer({
      default: 1_000,
      minimum: 1,
      maximum: 10_000,
      description: 'events in one write, at most',
    }),
  }),
  metrics: Section({
    listen: Type.Optional(
      Type.String({
        maxLength: 280,
        pattern: '^(\\[[0-9A-Fa-f:.]+(%[\\w.-]+)?\\]|[\\w.-]*):[0-9]{1,5}$',
        description:
          'where metrics are served over plain HTTP, as HOST:PORT; whoever can connect can read them. Left out: nowhere',
        examples: ['127.0.0.1:9177'],
      }),
    ),
  }),
  log: Section({
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      default: 'info',
      description: 'the least level that is logged',
    }),
  }),
});

/** The configuration, resolved: every key is there, durations in milliseconds. */
export type Config = Resolved<typeof configSchema>;
export type HostConfig = Config['hosts'][number];

/** The JSON Schema of the configuration file, for editors. */
export function publishedConfigSchema(): JsonSchema {
  const schema = configJsonSchema(configSchema, {
    id: 'urn:vedette:v1:config',
    title: 'Vedette configuration',
    description: 'The configuration file of `vedette up`; check one with `vedette validate FILE`.',
  });
  const { properties } = schema as { readonly properties: Readonly<Record<string, JsonSchema>> };
  const { hosts } = properties;
  const items = {
    ...(hosts?.items as JsonSchema),
    oneOf: ['url', 'range', 'file'].map((key) => ({ required: [key] })),
  };
  return { ...schema, properties: { ...properties, hosts: { ...hosts, items } } };
}
