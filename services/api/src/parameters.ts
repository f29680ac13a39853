import { isIdentifier } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import './errors.ts';
import type { Objection } from './queries.ts';

/**
 * The door of every request (I9): text from the URL becomes what the schema says, or the request is refused whole.
 *
 * A query names every parameter of its schema at most once, but for lists, which may be repeated or written with
 * commas. Whole numbers are digits; booleans are `true`, `1` or nothing, and `false` or `0`.
 */
export type ParameterReader = (given: unknown) => unknown;

/** Makes the reader of a query schema; `object` says what no schema can. */
export function queryReader(schema: Type.TObject, object?: (query: never) => Objection | undefined): ParameterReader {
  const validator = Compile(schema);
  return (given) => {
    const query = coerced(schema, given);
    if (!validator.Check(query)) throw refused(validator.Errors(query));
    checkIdentifiers(schema, query as Record<string, unknown>);
    const objection = object?.(query as never);
    if (objection !== undefined) throw fault(objection.parameter, objection.message);
    return query;
  };
}

/** Makes the reader of a JSON body, from the bytes that came; undefined bytes are a body that is missing. */
export function bodyReader(schema: Type.TObject, object?: (body: never) => Objection | undefined): ParameterReader {
  const validator = Compile(schema);
  return (given) => {
    const body = parsed(given);
    if (!validator.Check(body)) throw refused(validator.Errors(body));
    checkIdentifiers(schema, body as Record<string, unknown>);
    const objection = object?.(body as never);
    if (objection !== undefined) throw fault(objection.parameter, objection.message);
    return body;
  };
}

function parsed(given: unknown): unknown {
  if (!(given instanceof Uint8Array) || given.length === 0) {
    throw new VedetteError('VDT_API_BAD_REQUEST', { message: 'the request has no body; a JSON document is needed' });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(given)) as unknown;
  } catch {
    throw new VedetteError('VDT_API_BAD_REQUEST', { message: 'the body is no JSON' }); // nothing of it is repeated
  }
}

/** Path parameters are identifiers, percent-decoded by the router (scenario D2). */
export function readId(given: unknown): string {
  const id = (given as { readonly id?: unknown }).id;
  if (isIdentifier(id)) return id;
  throw fault('id', 'is no identifier: 1 to 80 bytes when escaped, without control characters');
}

function coerced(schema: Type.TObject, given: unknown): Record<string, unknown> {
  const query = new Map<string, unknown>();
  for (const [name, value] of Object.entries(given as Record<string, unknown>)) {
    const property = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    query.set(name, property === undefined ? value : coerce(property, value));
  }
  return Object.fromEntries(query);
}

function coerce(schema: Type.TSchema, value: unknown): unknown {
  if (Type.IsArray(schema)) return [value].flat().flatMap((text) => String(text).split(','));
  if (typeof value !== 'string') return value;
  if (Type.IsInteger(schema)) return /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
  if (!Type.IsBoolean(schema)) return value;
  if (value === 'true' || value === '1' || value === '') return true;
  return value === 'false' || value === '0' ? false : value;
}

/** What a schema says of an identifier's length, the model says of its characters and its escaped form. */
function checkIdentifiers(schema: Type.TObject, query: Record<string, unknown>): void {
  for (const name of ['vm', 'host', 'realm', 'id']) {
    if (!Object.hasOwn(schema.properties, name)) continue;
    const values = [query[name] ?? []].flat();
    if (!values.every(isIdentifier)) throw fault(name, 'is no identifier');
  }
}

function refused(errors: ReadonlyArray<{ instancePath: string; message: string; params: object }>): VedetteError {
  const [first] = errors;
  if (first === undefined) return new VedetteError('VDT_API_BAD_REQUEST');
  const parameter = first.instancePath.split('/')[1] ?? '';
  if (parameter === '') return new VedetteError('VDT_API_BAD_REQUEST', { message: `the request ${first.message}` });
  if (first.message === 'schema is false') return fault(parameter, 'is not known here');
  const allowed = (first.params as { allowedValues?: readonly unknown[] }).allowedValues;
  const choices = allowed === undefined ? '' : `: ${allowed.join(', ')}`;
  return fault(parameter, `${first.message}${choices}`);
}

function fault(parameter: string, message: string): VedetteError {
  const shown = JSON.stringify(parameter.length > 64 ? `${parameter.slice(0, 64)}...` : parameter);
  return new VedetteError('VDT_API_BAD_REQUEST', {
    message: `the parameter ${shown} ${message}`,
    path: `/${parameter.slice(0, 64)}`,
  });
}
