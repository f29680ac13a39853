import Type from 'typebox';

/** RFC 3339, section 5.6, upper case: what CloudEvents asks of `time`. */
export const Timestamp = Type.String({
  maxLength: 40,
  pattern:
    '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$',
  description: 'RFC 3339; a label, never an order',
});

/**
 * CloudEvents 1.0, structured JSON (cloudevents.io, spec v1.0.2). `id` and `source` together name an event for
 * ever: a redelivery carries both unchanged, and whoever counts events counts distinct pairs.
 */
export const envelopeFields = {
  specversion: Type.Literal('1.0'),
  id: Type.String({ minLength: 1, maxLength: 512 }),
  source: Type.String({ minLength: 1, maxLength: 512, description: '/vedette/<service>/<instance>' }),
  subject: Type.String({ minLength: 1, maxLength: 200, description: 'the bus subject' }),
  time: Timestamp,
  datacontenttype: Type.Literal('application/json'),
  dataschema: Type.String({ maxLength: 512 }),
  traceparent: Type.Optional(Type.String({ maxLength: 128 })),
} as const;

/** The schema of one event type: the envelope around `data`. */
export function eventSchema<const N extends string, D extends Type.TSchema>(name: N, data: D) {
  return Type.Object(
    { ...envelopeFields, type: Type.Literal(`vedette.${name}.v1` as const), data },
    { additionalProperties: false, $id: eventSchemaId(name), title: name },
  );
}

/** The name under which the schema of an event type is published in docs/generated/. */
export function eventSchemaId(name: string): string {
  return `urn:vedette:v1:${name}`;
}

export interface EnvelopeInput<N extends string, D> {
  readonly name: N;
  readonly id: string;
  readonly source: string;
  readonly subject: string;
  /** Wall-clock milliseconds; becomes `time`. */
  readonly wallMs: number;
  readonly data: D;
}

/** Puts `data` into its envelope. */
export function envelope<const N extends string, D>(input: EnvelopeInput<N, D>) {
  return {
    specversion: '1.0' as const,
    id: input.id,
    source: input.source,
    type: `vedette.${input.name}.v1` as const,
    subject: input.subject,
    time: new Date(input.wallMs).toISOString(),
    datacontenttype: 'application/json' as const,
    dataschema: eventSchemaId(input.name),
    data: input.data,
  };
}
