import Type from 'typebox';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  ByteSize,
  ConfigError,
  type ConfigFault,
  Duration,
  type FlagValue,
  type LoadConfigOptions,
  loadConfig,
  Secret,
  Section,
  Variants,
} from '../../src/config/index.ts';
import { sampleSchema } from './sample-schema.ts';

interface Sources {
  readonly text?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, FlagValue>>;
}

const minimal = 'store: { driver: memory }\n';

function optionsOf({ text = minimal, env = {}, flags = {} }: Sources): LoadConfigOptions<typeof sampleSchema> {
  return { schema: sampleSchema, file: { path: 'v.yaml', text }, env, flags };
}

const load = (sources: Sources) => loadConfig(optionsOf(sources));

function faultsOf(work: () => unknown): readonly ConfigFault[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

const messagesOf = (sources: Sources): string[] =>
  faultsOf(() => load(sources)).map(({ where, key, message }) => `${where} ${key}: ${message}`);

describe('precedence', () => {
  const file = 'store: { driver: memory }\nmonitor: { concurrency: 2 }\n';

  it('takes a flag over the environment, it over the file, it over the default', () => {
    const env = { VEDETTE_MONITOR_CONCURRENCY: '3' };
    const flags = { 'monitor-concurrency': '4' };
    expect(load({}).config.monitor.concurrency).toBe(64);
    expect(load({ text: file }).config.monitor.concurrency).toBe(2);
    expect(load({ text: file, env }).config.monitor.concurrency).toBe(3);
    expect(load({ text: file, env, flags }).config.monitor.concurrency).toBe(4);
  });

  it('tells where each value came from', () => {
    const env = { VEDETTE_MONITOR_POLL_INTERVAL: '1s' };
    const { origins } = load({ text: file, env, flags: { 'log-level': 'debug' } });
    expect(Object.fromEntries(origins)).toMatchObject({
      'store.driver': 'v.yaml:1:18',
      'monitor.concurrency': 'v.yaml:2:25',
      'monitor.pollInterval': 'VEDETTE_MONITOR_POLL_INTERVAL',
      'log.level': '--log-level',
      'log.format': 'default',
      bus: 'default',
    });
  });

  it('takes a list from the environment over one of the file', () => {
    const text = `${minimal}log: { redact: [secret] }\n`;
    expect(load({ text, env: { VEDETTE_LOG_REDACT: 'a, b' } }).config.log.redact).toEqual(['a', 'b']);
  });

  it('D4: reports the fault of a value even where another source overrides it', () => {
    const text = 'store: { driver: memory }\nmonitor: { concurrency: many }\n';
    expect(
      messagesOf({ text, env: { VEDETTE_MONITOR_CONCURRENCY: 'some' }, flags: { 'monitor-concurrency': '4' } }),
    ).toEqual([
      'v.yaml:2:25 monitor.concurrency: "many" is not allowed; expected a whole number from 1 to 1024',
      'VEDETTE_MONITOR_CONCURRENCY monitor.concurrency: "some" is not allowed; expected a whole number from 1 to 1024',
    ]);
  });

  it('overrides one key of a section and leaves its others', () => {
    const text = 'store: { driver: sqlite, path: /a, busyTimeout: 9s }\n';
    const { store } = load({ text, env: { VEDETTE_STORE_PATH: '/b' } }).config;
    expect(store).toEqual({ driver: 'sqlite', path: '/b', busyTimeoutMs: 9_000 });
  });
});

describe('environment and flags', () => {
  it('make a whole configuration without any file', () => {
    const env = { VEDETTE_STORE_DRIVER: 'sqlite', VEDETTE_STORE_PATH: '/x' };
    expect(loadConfig({ schema: sampleSchema, env }).config.store).toMatchObject({ driver: 'sqlite', path: '/x' });
  });

  it('D4: say how to set what is missing when there is no file', () => {
    const [fault] = faultsOf(() => loadConfig({ schema: sampleSchema, env: {} }));
    expect(fault).toMatchObject({
      code: 'VDT_CONFIG_MISSING_KEY',
      key: 'store.driver',
      where: 'no configuration file',
      line: undefined,
      message: 'the key is missing; expected one of memory, sqlite (also by VEDETTE_STORE_DRIVER or --store-driver)',
    });
  });

  it('are text whose type the schema decides', () => {
    const env = {
      VEDETTE_MONITOR_CONCURRENCY: '12',
      VEDETTE_MONITOR_RETRIES: '1s, 2m',
      VEDETTE_LOG_SYNC: 'true',
      VEDETTE_LOG_REDACT: '',
      VEDETTE_BUS_MAX_MESSAGE: '2KiB',
    };
    const { monitor, log, bus } = load({ env }).config;
    expect([monitor.concurrency, monitor.retriesMs, log.sync, log.redact, bus]).toEqual([
      12,
      [1_000, 120_000],
      true,
      [],
      { driver: 'memory', maxMessageBytes: 2_048 },
    ]);
  });

  it('take a repeated flag as a list, and a bare flag as true', () => {
    const { log } = load({ flags: { 'log-redact': ['a', 'b,c'], 'log-sync': true } }).config;
    expect([log.redact, log.sync]).toEqual([['a', 'b,c'], true]);
  });

  it('D4: refuse wrong types, bare flags that need a value, and repeated ones that take only one', () => {
    const env = { VEDETTE_LOG_SYNC: 'yes', VEDETTE_MONITOR_CONCURRENCY: '0x10', VEDETTE_LOG_LEVEL: '' };
    const flags = { 'log-level': true, 'monitor-concurrency': ['1', '2'] };
    expect(messagesOf({ env, flags })).toEqual([
      '--log-level log.level: the flag needs a value; expected one of trace, debug, info, warn, error',
      'VEDETTE_MONITOR_CONCURRENCY monitor.concurrency: "0x10" is not allowed; expected a whole number from 1 to 1024',
      '--monitor-concurrency monitor.concurrency: the flag is given more than once',
      'VEDETTE_LOG_LEVEL log.level: "" is not allowed; expected one of trace, debug, info, warn, error',
      'VEDETTE_LOG_SYNC log.sync: "yes" is not allowed; expected true or false',
    ]);
  });

  it('D4: refuse an unknown VEDETTE_ variable and flag, naming the nearest', () => {
    const env = { VEDETTE_MONITOR_POL_INTERVAL: '3s', VEDETTE_HOSTS: '[]', HOME: '/root' };
    expect(messagesOf({ env, flags: { 'log-levl': 'info' } })).toEqual([
      'VEDETTE_MONITOR_POL_INTERVAL : no key has this environment variable; did you mean VEDETTE_MONITOR_POLL_INTERVAL?',
      'VEDETTE_HOSTS : no key has this environment variable',
      '--log-levl : no key has this flag; did you mean --log-level?',
    ]);
  });

  it('accept VEDETTE_ variables that mean something else, or that the file itself refers to', () => {
    const text = `store: { driver: sqlite, path: "\${VEDETTE_DIR}/store.db" }`;
    const env = { VEDETTE_CONFIG: '/etc/v.yaml', VEDETTE_DIR: '/d' };
    const { store } = loadConfig({ ...optionsOf({ text, env }), reservedVariables: ['VEDETTE_CONFIG'] }).config;
    expect(store).toMatchObject({ path: '/d/store.db' });
  });

  it('D4: do not set a key inside what the file says is no section', () => {
    expect(messagesOf({ text: 'store: memory', env: { VEDETTE_STORE_DRIVER: 'memory' } })).toEqual([
      'v.yaml:1:8 store: "memory" is not allowed; expected a section (keys, indented below it)',
    ]);
  });
});

describe('secrets', () => {
  it('D4: are not shown by any fault of theirs, nor by one of a list of them', () => {
    const schema = Section({ one: Secret({ minLength: 20 }), many: Type.Array(Secret({ minLength: 20 })) });
    const work = (many: string) => () =>
      loadConfig({ schema, file: { path: 'v.yaml', text: `one: hunter2\nmany: ${many}\n` }, env: {} });
    for (const many of ['hunter2', '[hunter2]', '{ a: hunter2 }']) {
      const faults = faultsOf(work(many));
      expect(faults.length).toBe(2);
      expect(JSON.stringify(faults)).not.toContain('hunter2');
    }
  });
});

describe('the resolved configuration', () => {
  it('has a type with units in its keys', () => {
    const { config } = load({});
    expectTypeOf(config.monitor.pollIntervalMs).toEqualTypeOf<number>();
    expectTypeOf(config.monitor.graceMs).toEqualTypeOf<number | undefined>();
    expectTypeOf(config.monitor.retriesMs).toEqualTypeOf<readonly number[]>();
    expectTypeOf(config.log.level).toEqualTypeOf<'trace' | 'debug' | 'info' | 'warn' | 'error'>();
    expectTypeOf(config.labels).toEqualTypeOf<Readonly<Record<string, string>>>();
    if (config.store.driver === 'sqlite') expectTypeOf(config.store.busyTimeoutMs).toEqualTypeOf<number>();
  });

  it('cannot be changed', () => {
    const { config } = load({ text: `${minimal}hosts: [{ url: "sim://a" }]\n` });
    expect(() => Object.assign(config.monitor, { concurrency: 1 })).toThrow(TypeError);
    expect(() => Object.assign(config.hosts, [1])).toThrow(TypeError);
    expect(() => Object.assign(config.hosts[0] ?? {}, { url: '' })).toThrow(TypeError);
  });

  it('is checked further by its owner, with the place of what is objected to', () => {
    const text = `${minimal}hosts:\n  - { url: "sim://a", name: x }\n  - { url: "sim://b", name: x }\n`;
    const work = () =>
      loadConfig({
        ...optionsOf({ text }),
        check: ({ hosts }) => (hosts[0]?.name === hosts[1]?.name ? [{ key: 'hosts[1].name', message: 'taken' }] : []),
      });
    expect(faultsOf(work)).toEqual([
      expect.objectContaining({ key: 'hosts[1].name', where: 'v.yaml:4:29', message: 'taken' }),
    ]);
  });
});

describe('ConfigError', () => {
  it('lists its faults in the order of the file, and at most 25 of them in its message', () => {
    const labels = Array.from({ length: 30 }, (_, at) => `  A${at}: x`).join('\n');
    const error = (() => {
      try {
        return load({ text: `${minimal}labels:\n${labels}\n` });
      } catch (caught) {
        return caught as ConfigError;
      }
    })() as ConfigError;
    expect(error).toMatchObject({ code: 'VDT_CONFIG_INVALID', retryable: false, path: 'v.yaml:3:3' });
    expect(error.faults.length).toBe(30);
    expect(error.message.split('\n')[0]).toBe('30 faults in the configuration:');
    expect(error.message.split('\n').at(-1)).toBe('  and 5 more');
    expect(error.faults.map(({ line }) => line)).toEqual(error.faults.map((_, at) => at + 3));
  });
});

describe('a schema that is a mistake', () => {
  const cases: readonly [string, Type.TObject, string][] = [
    ['allows unknown keys', Type.Object({ a: Type.String() }), 'allows unknown keys'],
    ['has a key that is no camel case', Section({ poll_interval: Duration() }), 'poll_interval is not written'],
    ['has two keys that resolve to one', Section({ a: Duration(), aMs: Type.Integer() }), 'aMs resolves to aMs'],
    [
      'has two keys with one environment variable',
      Section({ aB: Type.String(), a: Section({ b: Type.String() }) }),
      'aB and a.b would both be VEDETTE_A_B',
    ],
    ['has a type that nobody can write', Section({ a: Type.Null() }), 'a is of a type'],
    ['has a default that it refuses', Section({ a: Type.Integer({ default: 'x' }) }), 'a has a default'],
    [
      'has a duration as default that is too long',
      Section({ a: Duration({ default: '2h', max: '1h' }) }),
      'a has a def',
    ],
    [
      'has a wrong default in a list',
      Section({ a: Type.Array(ByteSize(), { default: ['1 mb'] }) }),
      'the default of a[0]',
    ],
    ['has a union without a chooser', Section({ a: Type.Union([Section({}), Section({})]) }), 'use Variants'],
    ['has a variant without its literal', Section({ a: Variants('by', [Section({})]) }), 'without a literal text'],
    [
      'has a default variant that is not there',
      Section({ a: Variants('by', [Section({ by: Type.Literal('x') })], { default: 'y' }) }),
      'a.by has a default',
    ],
  ];

  it.each(cases)('is refused when it %s', (_title, schema, message) => {
    const error: unknown = (() => {
      try {
        return loadConfig({ schema, env: {} });
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(message);
  });

  it('is refused when a bound is no quantity', () => {
    expect(() => Duration({ min: '3' })).toThrow('3 is not a duration');
  });
});
