import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, readConfigFile } from '../../src/config/index.ts';
import { sampleSchema } from './sample-schema.ts';

const folder = new URL('../fixtures/', import.meta.url);
const env = { NATS_TOKEN: 'correct horse battery' };

/** `line:column code key: message`, the message only as far as it is given. */
const expected: Readonly<Record<string, readonly string[]>> = {
  'wrong-units': [
    '4:16 VDT_CONFIG_BAD_VALUE store.busyTimeout: "5 secs" is not allowed; expected a duration such as 3s or 500ms (units ms, s, m, h, d); did you mean 5s?',
    '6:15 VDT_CONFIG_BAD_VALUE bus.maxMessage: "1MB" is not allowed; expected a size such as 256KiB or 64MiB (units B, KiB, MiB, GiB, TiB) of at most 64MiB; did you mean 1MiB?',
    '8:17 VDT_CONFIG_BAD_VALUE monitor.pollInterval: 3 is not allowed; expected a duration such as 3s or 500ms (units ms, s, m, h, d) from 100ms to 1h; a number alone has no unit',
    '9:10 VDT_CONFIG_BAD_VALUE monitor.grace: "3 minuts" is not allowed; expected a duration such as 3s or 500ms (units ms, s, m, h, d); did you mean 3m?',
    '10:17 VDT_CONFIG_BAD_VALUE monitor.retries[1]: "-1s" is not allowed',
    '10:22 VDT_CONFIG_BAD_VALUE monitor.retries[2]: "0.5ms" is not allowed',
  ],
  'unknown-keys': [
    '3:3 VDT_CONFIG_UNKNOWN_KEY store.path: the key is not known; allowed here: driver',
    '5:3 VDT_CONFIG_UNKNOWN_KEY monitor.poll_interval: the key is not known; allowed here: pollInterval, grace, concurrency, retries; did you mean pollInterval?',
    '6:3 VDT_CONFIG_UNKNOWN_KEY monitor.colour: the key is not known; allowed here: pollInterval, grace, concurrency, retries',
    '9:5 VDT_CONFIG_UNKNOWN_KEY hosts[0].nmae: the key is not known; allowed here: url, name, weight; did you mean name?',
    '10:1 VDT_CONFIG_UNKNOWN_KEY monitr: the key is not known; allowed here: bus, store, hosts, monitor, labels, log; did you mean monitor?',
  ],
  missing: [
    '2:3 VDT_CONFIG_MISSING_KEY bus.servers: the key is missing; expected a list, each item text of the form ^nats:// (also by VEDETTE_BUS_SERVERS or --bus-servers)',
    '3:7 VDT_CONFIG_MISSING_KEY store.driver: the key is missing; expected one of memory, sqlite (also by VEDETTE_STORE_DRIVER or --store-driver)',
    '5:5 VDT_CONFIG_MISSING_KEY hosts[0].url: the key is missing; expected text of the form ^[a-z+]+://, such as qemu+unix:///system',
    '7:15 VDT_CONFIG_BAD_VALUE monitor.concurrency: there is no value; expected a whole number from 1 to 1024',
  ],
  'wrong-values': [
    '2:11 VDT_CONFIG_BAD_VALUE bus.driver: "kafka" is not allowed; expected one of memory, nats',
    '3:8 VDT_CONFIG_BAD_VALUE store: "memory" is not allowed; expected a section (keys, indented below it)',
    '5:10 VDT_CONFIG_BAD_VALUE hosts[0].url: "no url" is not allowed; expected text of the form ^[a-z+]+://, such as qemu+unix:///system',
    '6:10 VDT_CONFIG_BAD_VALUE hosts[1].url: "Redis://***@host" is not allowed',
    '7:13 VDT_CONFIG_BAD_VALUE hosts[1].weight: -1 is not allowed; expected a number of at least 0',
    '8:11 VDT_CONFIG_BAD_VALUE hosts[1].name: "" is not allowed; expected text from 1 to 64 characters',
    '9:5 VDT_CONFIG_BAD_VALUE hosts[2]: "sim://fleet" is not allowed; expected a section (keys, indented below it)',
    '11:17 VDT_CONFIG_BAD_VALUE monitor.pollInterval: "2h" is not allowed; expected a duration such as 3s or 500ms (units ms, s, m, h, d) from 100ms to 1h',
    '12:16 VDT_CONFIG_BAD_VALUE monitor.concurrency: 12345678901234567000 is not allowed; expected a whole number from 1 to 1024',
    '14:3 VDT_CONFIG_BAD_VALUE labels.Site: the name is not allowed; expected the form ^[a-z]+$',
    '15:9 VDT_CONFIG_BAD_VALUE labels.port: 8080 is not allowed; expected text: write it in quotes, "8080"',
    '17:10 VDT_CONFIG_BAD_VALUE log.level: "inof" is not allowed; expected one of trace, debug, info, warn, error; did you mean info?',
    '18:11 VDT_CONFIG_BAD_VALUE log.format: a list is not allowed; expected one of json, pretty',
    '19:11 VDT_CONFIG_BAD_VALUE log.redact: "password" is not allowed; expected a list, each item text',
    '20:9 VDT_CONFIG_BAD_VALUE log.sync: "yes" is not allowed; expected true or false',
  ],
  secret: [
    '4:10 VDT_CONFIG_BAD_VALUE bus.token: the value (not shown: it is a secret) is not allowed; expected text of at least 8 characters',
  ],
  variables: [
    '3:9 VDT_CONFIG_MISSING_VARIABLE store.path: the environment variable STORE_DIR is not set',
    '5:17 VDT_CONFIG_BAD_VALUE monitor.pollInterval: "3" is not allowed; expected a duration such as 3s or 500ms',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the file's own notation
    '6:16 VDT_CONFIG_SYNTAX monitor.concurrency: ${not a name} is not a reference to a variable',
    '8:10 VDT_CONFIG_SYNTAX log.level: ${LEVEL is not a reference to a variable',
  ],
  duplicates: [
    '3:3 VDT_CONFIG_DUPLICATE_KEY store.driver: the key is already given in line 2',
    '4:20 VDT_CONFIG_DUPLICATE_KEY log.level: the key is already given in line 4',
    '5:1 VDT_CONFIG_DUPLICATE_KEY store: the key is already given in line 1',
  ],
  prototype: [
    '3:1 VDT_CONFIG_FORBIDDEN_KEY __proto__: a key of this name is not allowed',
    '6:3 VDT_CONFIG_FORBIDDEN_KEY labels.__proto__: a key of this name is not allowed',
    '7:3 VDT_CONFIG_FORBIDDEN_KEY labels.constructor: a key of this name is not allowed',
  ],
  syntax: ['4:1 VDT_CONFIG_SYNTAX Tabs are not allowed as indentation'],
  tags: ['3:11 VDT_CONFIG_SYNTAX Unresolved tag', '4:10 VDT_CONFIG_SYNTAX Unresolved tag: !secret'],
  'two-documents': ['2:1 VDT_CONFIG_SYNTAX the file holds a second document; only one is allowed'],
  directive: ['1:1 VDT_CONFIG_SYNTAX directives (%YAML) are not supported'],
  'not-a-section': ['1:1 VDT_CONFIG_BAD_VALUE the file is no section: expected keys at its left edge'],
  'no-anchor': ['3:17 VDT_CONFIG_SYNTAX monitor.pollInterval: *fast refers to an anchor that does not stand before it'],
  'schema-only': [
    '3:12 VDT_CONFIG_BAD_VALUE bus.servers: must not have fewer than 1 items',
    '6:3 VDT_CONFIG_BAD_VALUE hosts: must not have more than 3 items',
  ],
};

async function load(name: string): Promise<ReturnType<typeof loadConfig<typeof sampleSchema>>> {
  const { text } = await readConfigFile(new URL(name, folder).pathname);
  return loadConfig({ schema: sampleSchema, file: { path: name, text }, env });
}

async function faultsOf(name: string): Promise<string[]> {
  const error: unknown = await load(name).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConfigError)) throw new Error(`${name} was not refused: ${String(error)}`);
  for (const { where, line, column } of error.faults) expect(where).toBe(`${name}:${line}:${column}`);
  return error.faults.map(({ line, column, code, key, message }) => {
    return `${line}:${column} ${code} ${key === '' ? '' : `${key}: `}${message}`;
  });
}

const files = readdirSync(folder);

describe('D4: configuration files', () => {
  it('has an expectation for every bad file, and a file for every expectation', () => {
    const bad = files.filter((name) => name.endsWith('.bad.yaml')).map((name) => name.replace('.bad.yaml', ''));
    expect(bad.toSorted()).toEqual(Object.keys(expected).toSorted());
  });

  it.each(Object.entries(expected))('refuses %s.bad.yaml with all its faults at once', async (name, lines) => {
    const faults = await faultsOf(`${name}.bad.yaml`);
    expect(faults.map((fault, at) => fault.slice(0, lines[at]?.length ?? fault.length))).toEqual(lines);
  });

  it.each(files.filter((name) => name.endsWith('.good.yaml')))('accepts %s', async (name) => {
    expect((await load(name)).config).toMatchSnapshot();
  });

  it('never shows a secret, nor the password of a URL', async () => {
    for (const name of ['secret.bad.yaml', 'wrong-values.bad.yaml']) {
      expect((await faultsOf(name)).join('\n')).not.toContain('hunter2');
    }
  });
});
