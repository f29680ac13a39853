import { ByteSize, Duration, type Resolved, Secret, Section } from '@vedette/runtime/config';
import Type from 'typebox';
import type { NatsAuth, NatsOptions, NatsStreamOptions } from './drivers/nats/options.ts';

/**
 * How a process is told its bus, the same in every configuration: the scheme of `url` names the driver. Loads no
 * driver.
 */

const server = '(nats|tls)://[^\\s,/@]+';
const file = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 1_024, description: `${description}; relative to this file` }));

const access = {
  credsFile: file('credentials as nsc writes them, read again at every connection'),
  nkeySeed: Type.Optional(Secret({ maxLength: 128, description: 'the seed of an nkey' })),
  token: Type.Optional(Secret({ maxLength: 512, description: 'a token' })),
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'a user, with password' })),
  password: Type.Optional(Secret({ maxLength: 512, description: 'its password' })),
  tls: Type.Optional(
    Section(
      {
        ca: file('authorities to trust instead of those of the system'),
        cert: file('our certificate'),
        key: file('its key'),
      },
      { description: 'PEM files' },
    ),
  ),
};

const stream = Section(
  {
    replicas: Type.Integer({ default: 1, minimum: 1, maximum: 5, description: '3 in a cluster of three servers' }),
    storage: Type.Enum(['file', 'memory'], {
      default: 'file',
      description: 'memory is lost with the server that holds it',
    }),
    maxAge: Duration({ default: '72h', min: '1m', max: '90d', description: 'how long events are kept' }),
    maxSize: ByteSize({ default: '1GiB', min: '16MiB', max: '1TiB', description: 'how much is kept of them' }),
    dedupWindow: Duration({
      default: '2m',
      min: '1s',
      max: '1h',
      description: 'how long an event sent twice is known to be one',
    }),
    manage: Type.Boolean({ default: true, description: 'false: the streams are made and changed by somebody else' }),
  },
  { description: 'what keeps the events on the broker' },
);

const natsUrl = `${server}(,${server})*`;
const urlDescription =
  'how events travel; nats://HOST:PORT or tls://HOST:PORT is a NATS server, several, with commas between, are a cluster';

/** `bus` of a process that publishes or consumes; left out, it is a bus within the process. */
export const busSettings = Section({
  url: Type.String({
    default: 'memory:',
    maxLength: 2_048,
    pattern: `^(memory:|${natsUrl})$`,
    description: `${urlDescription}; memory: is within this process, and nothing of it outlives it`,
    examples: ['memory:', 'nats://127.0.0.1:4222'],
  }),
  ...access,
  stream,
});

/** `bus` of a process that only calls and serves (an agent): it needs a broker, and no stream. */
export const remoteBusSettings = Section({
  url: Type.String({
    default: 'nats://127.0.0.1:4222',
    maxLength: 2_048,
    pattern: `^${natsUrl}$`,
    description: urlDescription,
    examples: ['nats://127.0.0.1:4222', 'tls://a.example.org:4222,tls://b.example.org:4222'],
  }),
  ...access,
});

export type BusSettings = Resolved<typeof busSettings>;
export type RemoteBusSettings = Resolved<typeof remoteBusSettings>;

/**
 * What `connectNats` takes of the settings.
 *
 * @param absolute makes a path of the settings absolute, by the name of its key below `bus`
 */
export function natsOptions(
  settings: BusSettings | RemoteBusSettings,
  absolute: (path: string, key: string) => string,
): Pick<NatsOptions, 'servers' | 'auth' | 'tls' | 'stream'> {
  const auth = authOf(settings, absolute);
  const { ca, cert, key } = settings.tls ?? {};
  return {
    servers: settings.url.split(','),
    stream: 'stream' in settings ? streamOf(settings.stream) : false,
    ...(auth === undefined ? {} : { auth }),
    ...(settings.tls === undefined
      ? {}
      : {
          tls: {
            ...(ca === undefined ? {} : { caFile: absolute(ca, 'tls.ca') }),
            ...(cert === undefined ? {} : { certFile: absolute(cert, 'tls.cert') }),
            ...(key === undefined ? {} : { keyFile: absolute(key, 'tls.key') }),
          },
        }),
  };
}

function authOf(
  { credsFile, nkeySeed, token, user, password }: RemoteBusSettings,
  absolute: (path: string, key: string) => string,
): NatsAuth | undefined {
  if (credsFile !== undefined) return { credsFile: absolute(credsFile, 'credsFile') };
  if (nkeySeed !== undefined) return { nkeySeed };
  if (token !== undefined) return { token };
  return user === undefined ? undefined : { user, password: password ?? '' };
}

function streamOf({ replicas, storage, ...stream }: BusSettings['stream']): Partial<NatsStreamOptions> {
  const { maxAgeMs, maxSizeBytes, dedupWindowMs, manage } = stream;
  return { replicas, storage, maxAgeMs, maxBytes: maxSizeBytes, dedupWindowMs, manage };
}
