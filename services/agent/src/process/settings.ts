import { remoteBusSettings } from '@vedette/bus/settings';
import { ByteSize, configJsonSchema, Duration, type JsonSchema, type Resolved, Section } from '@vedette/runtime/config';
import Type from 'typebox';

/** The configuration of `vedette agent`; the one source of its reference. */
export const agentConfigSchema = Section({
  host: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 80,
      description: "the name this host is served by, agent:<host> at the monitor; default: this machine's name",
    }),
  ),
  source: Section({
    url: Type.String({
      default: 'libvirt:///system?readonly=1',
      minLength: 1,
      maxLength: 2_048,
      description:
        'how the hypervisor is read; readonly=1 needs the read-only socket only, asks no guest agent and starts nothing',
      examples: ['libvirt:///system?readonly=1', 'libvirt:///system'],
    }),
    interval: Duration({
      default: '3s',
      min: '500ms',
      max: '1m',
      description: 'time between two heart-beats, and two readings that nobody asked for',
    }),
    readTimeout: Duration({ default: '5s', min: '100ms', max: '1m', description: 'what one reading may take' }),
    startTimeout: Duration({ default: '60s', min: '1s', max: '10m', description: 'what the start of a VM may take' }),
    guestAgentInterval: Duration({
      default: '15s',
      min: '1s',
      max: '1h',
      description: 'time between two questions to the agent in one guest',
    }),
  }),
  bus: remoteBusSettings,
  state: Section({
    path: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1_024,
        description:
          'where starts are remembered, relative to this file; default: starts.json in $STATE_DIRECTORY. With neither, no VM can be started',
      }),
    ),
  }),
  limits: Section({
    replySize: ByteSize({
      default: '256KiB',
      min: '16KiB',
      max: '768KiB',
      description: 'the largest reply; what is larger goes in pages',
    }),
    hintSize: ByteSize({
      default: '64KiB',
      min: '1KiB',
      max: '768KiB',
      description: 'the largest hint; a larger one is told without its rows',
    }),
    requests: Type.Integer({ default: 32, minimum: 1, maximum: 1_024, description: 'requests under way at a time' }),
    departures: Type.Integer({
      default: 1_024,
      minimum: 1,
      maximum: 100_000,
      description: 'VMs that left and are remembered; who is further behind gets a complete listing',
    }),
    starts: Type.Integer({ default: 4_096, minimum: 1, maximum: 100_000, description: 'starts remembered' }),
  }),
  log: Section({
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      default: 'info',
      description: 'the least level that is logged',
    }),
  }),
});

/** Resolved: every key is there, durations in milliseconds, sizes in bytes. */
export type AgentConfig = Resolved<typeof agentConfigSchema>;

/** The JSON Schema of the configuration file, for editors. */
export function publishedAgentConfigSchema(): JsonSchema {
  return configJsonSchema(agentConfigSchema, {
    id: 'urn:vedette:v1:agent-config',
    title: 'Configuration of the Vedette agent',
    description: 'The configuration file of `vedette agent`.',
  });
}
