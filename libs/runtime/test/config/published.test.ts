import { readdirSync, readFileSync } from 'node:fs';
import { Compile } from 'typebox/schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configJsonSchema, describeSettings } from '../../src/config/index.ts';
import { sampleSchema } from './sample-schema.ts';

const folder = new URL('../fixtures/', import.meta.url);
const options = { id: 'https://vedette.example/config.schema.json', title: 'Vedette', description: 'one file' };

/** What a schema cannot see: the text of the file, the environment, and bounds of quantities. */
const beyondTheSchema = [
  'duplicates',
  'no-anchor',
  'syntax',
  'tags',
  'two-documents',
  'directive',
  'variables',
  'prototype',
];

describe('configJsonSchema', () => {
  const document = configJsonSchema(sampleSchema, options);
  const validator = Compile(document);

  it('is a draft 2020-12 document with the given id, title and description, and pure JSON', () => {
    expect(document).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: options.id,
      title: 'Vedette',
      description: 'one file',
    });
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  it('carries the descriptions, the defaults and the units, and asks only for what has no default', () => {
    expect(document).toMatchObject({
      required: ['store'],
      properties: {
        bus: { description: 'how events travel', default: { driver: 'memory' } },
        monitor: {
          description: 'how hosts are watched',
          type: ['object', 'null'],
          properties: {
            pollInterval: {
              description: 'time between two polls',
              default: '3s',
              anyOf: [{ 'x-quantity': 'duration', 'x-min': '100ms', 'x-max': '1h' }, { $ref: '#/$defs/reference' }],
            },
          },
        },
      },
    });
    expect(document).not.toHaveProperty('properties.monitor.required');
  });

  it.each(readdirSync(folder).filter((name) => name.endsWith('.good.yaml')))(
    'accepts %s as it stands in the file',
    (name) => {
      expect(validator.Check(parse(readFileSync(new URL(name, folder), 'utf8')))).toBe(true);
    },
  );

  it.each(readdirSync(folder).filter((name) => name.endsWith('.bad.yaml')))(
    'refuses %s if a schema can see its faults',
    (name) => {
      if (beyondTheSchema.includes(name.replace('.bad.yaml', ''))) return;
      expect(validator.Check(parse(readFileSync(new URL(name, folder), 'utf8')))).toBe(false);
    },
  );
});

describe('describeSettings', () => {
  const settings = describeSettings(sampleSchema);

  it('lists what the environment and flags can set, keys that variants share once, tables and lists of sections not', () => {
    expect(settings.map(({ key }) => key)).toEqual([
      'bus.driver',
      'bus.maxMessage',
      'bus.servers',
      'bus.token',
      'store.driver',
      'store.path',
      'store.busyTimeout',
      'monitor.pollInterval',
      'monitor.grace',
      'monitor.concurrency',
      'monitor.retries',
      'log.level',
      'log.format',
      'log.redact',
      'log.sync',
    ]);
  });

  it('says all that a help text needs', () => {
    expect(settings.find(({ key }) => key === 'monitor.pollInterval')).toEqual({
      key: 'monitor.pollInterval',
      path: ['monitor', 'pollInterval'],
      variable: 'VEDETTE_MONITOR_POLL_INTERVAL',
      flag: 'monitor-poll-interval',
      list: false,
      boolean: false,
      secret: false,
      description: 'time between two polls',
      default: '3s',
      allowed: 'a duration such as 3s or 500ms (units ms, s, m, h, d) from 100ms to 1h',
    });
    expect(settings.find(({ key }) => key === 'bus.driver')).toMatchObject({
      default: 'memory',
      allowed: 'one of memory, nats',
      description: 'how events travel',
    });
    expect(settings.filter(({ list }) => list).map(({ key }) => key)).toEqual([
      'bus.servers',
      'monitor.retries',
      'log.redact',
    ]);
    expect(settings.filter(({ boolean }) => boolean).map(({ key }) => key)).toEqual(['log.sync']);
    expect(settings.filter(({ secret }) => secret).map(({ key }) => key)).toContain('bus.token');
  });
});
