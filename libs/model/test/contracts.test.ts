import Compile from 'typebox/compile';
import { describe, expect, it } from 'vitest';
import {
  asyncApiDocument,
  channels,
  type EventName,
  envelope,
  escapeToken,
  eventSchemaDocuments,
  eventSchemas,
  isSubject,
} from '../src/index.ts';
import { exampleData, exampleEvent } from './support/events.ts';

const names = Object.keys(eventSchemas) as EventName[];

/** Every value of a document. */
function values(document: unknown): unknown[] {
  if (typeof document !== 'object' || document === null) return [document];
  return [document, ...Object.values(document).flatMap(values)];
}

function at(document: unknown, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
}

describe('the envelope', () => {
  it.each(names)('%s is a CloudEvent 1.0 in structured JSON', (name) => {
    const event = exampleEvent(name);
    // Required attributes and their forms: CloudEvents spec v1.0.2, "REQUIRED Attributes", "OPTIONAL Attributes".
    expect(event).toMatchObject({
      specversion: '1.0',
      type: `vedette.${name}.v1`,
      datacontenttype: 'application/json',
    });
    for (const attribute of ['id', 'source', 'subject', 'dataschema'] as const) expect(event[attribute]).not.toBe('');
    expect(event.source).toMatch(/^\/vedette\/[^\s]+$/);
    expect(URL.canParse(event.dataschema)).toBe(true);
    expect(new Date(event.time).toISOString()).toBe(event.time);
    expect(Object.keys(event).every((key) => /^[a-z0-9]{1,20}$/.test(key))).toBe(true);
  });

  it('puts the same input into the same bytes: a redelivery is recognised', () => {
    expect(JSON.stringify(exampleEvent('IPChanged'))).toBe(JSON.stringify(exampleEvent('IPChanged')));
  });

  it('takes the wall time as a label only', () => {
    const event = envelope({
      name: 'MarkCast',
      id: 'x',
      source: '/vedette/updater/u1',
      subject: 's',
      wallMs: 0,
      data: 1,
    });
    expect(event.time).toBe('1970-01-01T00:00:00.000Z');
  });
});

describe('the channels', () => {
  it.each(names)('the address of %s, with escaped identifiers put in, is the subject of its events', (name) => {
    const data = exampleData[name];
    const subjectOf = channels[name].subjectOf as (data: unknown) => string;
    const subject = channels[name].address.replaceAll(/\{(\w+)\}/g, (_, key: string) =>
      escapeToken((data as Record<string, unknown>)[key] as string),
    );
    expect(subjectOf(data)).toBe(subject);
    expect(isSubject(subject)).toBe(true);
  });

  it('no two events share an address', () => {
    expect(new Set(names.map((name) => channels[name].address)).size).toBe(names.length);
  });
});

describe('the published schemas', () => {
  const documents = eventSchemaDocuments();

  it('are one complete document per event', () => {
    expect([...documents.keys()]).toEqual(names);
    for (const [name, document] of documents) {
      expect(document).toMatchObject({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $id: `urn:vedette:v1:${name}`,
        title: name,
        type: 'object',
        additionalProperties: false,
      });
      expect(document.description).toBe(channels[name].summary);
      expect(values(document).some((value) => typeof value === 'object' && value !== null && '$ref' in value)).toBe(
        false,
      );
    }
  });

  it('are plain JSON that says the same as the schema it was made from', () => {
    for (const [name, document] of documents) {
      const plain = JSON.parse(JSON.stringify(document)) as typeof document;
      expect(plain).toEqual(document);
      const published = Compile(plain as never);
      expect(published.Check(exampleEvent(name))).toBe(true);
      expect(published.Check({ ...exampleEvent(name), extra: 1 })).toBe(false);
      expect(published.Check({ ...exampleEvent(name), type: 'other' })).toBe(false);
    }
  });
});

describe('the AsyncAPI document', () => {
  const document = asyncApiDocument('1.2.3');

  it('names its version and nothing that JSON cannot say', () => {
    expect(document).toMatchObject({ asyncapi: '3.0.0', info: { version: '1.2.3' } });
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  it('has a channel, an operation, a message and a schema for every event, and no reference that leads nowhere', () => {
    const components = document.components as { messages: object; schemas: object };
    for (const part of [document.channels, document.operations, components.messages, components.schemas]) {
      expect(Object.keys(part as object)).toEqual(names);
    }
    const references = values(document).flatMap((value) =>
      typeof value === 'object' && value !== null && '$ref' in value ? [value.$ref as string] : [],
    );
    expect(references.length).toBeGreaterThanOrEqual(4 * names.length);
    for (const reference of references) expect(at(document, reference)).toBeTypeOf('object');
  });

  it('describes every parameter of every address', () => {
    for (const name of names) {
      const channel = at(document, `#/channels/${name}`) as { address: string; parameters?: object };
      const inAddress = [...channel.address.matchAll(/\{(\w+)\}/g)].map(([, key]) => key);
      expect(Object.keys(channel.parameters ?? {})).toEqual(inAddress);
    }
  });
});
