import Type from 'typebox';
import { ByteSize, Duration, Secret, Section, Variants } from '../../src/config/index.ts';

/** A schema with every building block, in the shape that the all-in-one process has. */
export const sampleSchema = Section({
  bus: Variants(
    'driver',
    [
      Section({ driver: Type.Literal('memory'), maxMessage: ByteSize({ default: '1MiB', max: '64MiB' }) }),
      Section({
        driver: Type.Literal('nats'),
        servers: Type.Array(Type.String({ pattern: '^nats://' }), { minItems: 1 }),
        token: Type.Optional(Secret({ minLength: 8 })),
      }),
    ],
    { default: 'memory', description: 'how events travel' },
  ),
  store: Variants(
    'driver',
    [
      Section({ driver: Type.Literal('memory') }),
      Section({
        driver: Type.Literal('sqlite'),
        path: Type.String({ minLength: 1 }),
        busyTimeout: Duration({ default: '5s' }),
      }),
    ],
    { description: 'where the inventory is kept' },
  ),
  hosts: Type.Array(
    Section({
      url: Type.String({ pattern: '^[a-z+]+://', examples: ['qemu+unix:///system'] }),
      name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
      weight: Type.Number({ default: 1, minimum: 0 }),
    }),
    { default: [], maxItems: 3 },
  ),
  monitor: Section(
    {
      pollInterval: Duration({ default: '3s', min: '100ms', max: '1h', description: 'time between two polls' }),
      grace: Type.Optional(Duration()),
      concurrency: Type.Integer({ default: 64, minimum: 1, maximum: 1_024 }),
      retries: Type.Array(Duration(), { default: ['1s', '5s'] }),
    },
    { description: 'how hosts are watched' },
  ),
  labels: Type.Record(Type.String({ pattern: '^[a-z]+$' }), Type.String(), { default: {} }),
  log: Section({
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error'], {
      default: 'info',
      description: 'least level logged',
    }),
    format: Type.Union([Type.Literal('json'), Type.Literal('pretty')], { default: 'pretty' }),
    redact: Type.Array(Type.String(), { default: [] }),
    sync: Type.Boolean({ default: false }),
  }),
});
