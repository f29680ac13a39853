import { type Channel, channels } from './channels.ts';
import { type EventName, eventSchemas } from './events.ts';

/** The published form of the contracts, as plain JSON values: built here, written by whoever has a file system. */

/** A JSON value without anything of the library that made it. */
export type JsonDocument = Readonly<Record<string, unknown>>;

/** Every event's JSON Schema document (draft 2020-12) by event name, complete in itself. */
export function eventSchemaDocuments(): ReadonlyMap<EventName, JsonDocument> {
  return new Map(eventNames().map((name) => [name, schemaDocument(name)]));
}

function schemaDocument(name: EventName): JsonDocument {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    description: channels[name].summary,
    ...plain(name),
  };
}

/** The AsyncAPI 3.0 document: one channel per subject pattern, one message per event. */
export function asyncApiDocument(version: string): JsonDocument {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Vedette events',
      version,
      description:
        'CloudEvents 1.0, structured JSON. Observers publish what they see; follow VMChanged and HostChanged for what ' +
        'is true of the fleet. Keep the highest version per observer, VM and register, or the highest vmVersion per VM.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/cloudevents+json',
    channels: fromEntries((name) => channelDocument(name, channels[name])),
    operations: fromEntries((name) => ({
      action: 'send',
      channel: { $ref: `#/channels/${name}` },
      messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
    })),
    components: {
      messages: fromEntries(messageDocument),
      schemas: fromEntries(componentSchema),
    },
  };
}

function channelDocument<N extends EventName>(name: N, channel: Channel<N>): JsonDocument {
  const parameters = [...channel.address.matchAll(/\{(\w+)\}/g)].map(([, parameter = '']) => parameter);
  return {
    address: channel.address,
    title: name,
    summary: channel.summary,
    description: channel.durable
      ? 'Durable: delivered at least once to every group.'
      : 'Volatile: neither stored nor repeated.',
    ...(parameters.length === 0 ? {} : { parameters: Object.fromEntries(parameters.map(parameterDocument)) }),
    messages: { [name]: { $ref: `#/components/messages/${name}` } },
  };
}

function parameterDocument(parameter: string): readonly [string, JsonDocument] {
  const description = `The identifier of the ${parameter}, escaped as a subject token.`;
  return [parameter, { description }];
}

function messageDocument(name: EventName): JsonDocument {
  return {
    name: `vedette.${name}.v1`,
    title: name,
    summary: channels[name].summary,
    contentType: 'application/cloudevents+json',
    payload: { $ref: `#/components/schemas/${name}` },
  };
}

/** Without its `$id`: within another document that would be the base of every reference below it. */
function componentSchema(name: EventName): JsonDocument {
  return Object.fromEntries(Object.entries(plain(name)).filter(([key]) => key !== '$id'));
}

function eventNames(): readonly EventName[] {
  return Object.keys(eventSchemas) as EventName[];
}

function fromEntries(document: (name: EventName) => JsonDocument): JsonDocument {
  return Object.fromEntries(eventNames().map((name) => [name, document(name)]));
}

function plain(name: EventName): JsonDocument {
  return JSON.parse(JSON.stringify(eventSchemas[name])) as JsonDocument;
}
