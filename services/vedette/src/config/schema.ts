import { configJsonSchema, Duration, type JsonSchema, type Resolved, Section } from '@vedette/runtime/config';
import Type from 'typebox';

/** One host to watch. */
const Host = Section({
  url: Type.String({
    minLength: 1,
    maxLength: 512,
    description: 'how the host is reached; the scheme names the fetcher. Must not contain a secret',
    examples: ['libvirt:///system', 'libvirt:///system?socket=/run/libvirt/libvirt-sock-ro&readonly=1'],
  }),
  name: Type.Optional(
    Type.String({ minLength: 1, maxLength: 80, description: "what people call it; default: this machine's name" }),
  ),
  id: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 80,
      description: 'what it is known by for ever, also after it got another name; default: its name',
    }),
  ),
  realm: Type.String({
    default: 'default',
    minLength: 1,
    maxLength: 80,
    description: 'the placement and migration domain it belongs to; VMs move within it',
  }),
});

/** The whole configuration of the all-in-one process; the one source of `vedette config schema` and the reference. */
export const configSchema = Section({
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
  bus: Section({
    url: Type.Enum(['memory:'], {
      default: 'memory:',
      description: 'how events travel; memory: is within this process, and nothing of it outlives it',
    }),
  }),
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
    stateEventsPerSecond: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 1_000,
      description: 'state events of one VM in a second, at most; further changes are put together',
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
  return configJsonSchema(configSchema, {
    id: 'urn:vedette:v1:config',
    title: 'Vedette configuration',
    description: 'The configuration file of `vedette up`; check one with `vedette validate FILE`.',
  });
}
