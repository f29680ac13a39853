import type Type from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { isReservedKey } from './identifiers.ts';

/**
 * Doors: what comes from outside is checked here, once, and refused whole with the path of the fault (I9, scenario
 * D1). A refusal is a value, never an exception: the caller counts it by its code.
 */

export type FaultCode = 'too_large' | 'not_json' | 'too_deep' | 'forbidden_key' | 'schema';

export interface Fault {
  readonly code: FaultCode;
  /** JSON pointer (RFC 6901) to what is wrong; empty for the document as a whole. */
  readonly path: string;
  /** For people; bounded, and free of the document's own content but for keys. */
  readonly message: string;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export interface DoorLimits {
  /** Largest document, in bytes of UTF-8; a larger one is refused unread. */
  readonly maxBytes: number;
  /** Deepest nesting of objects and arrays; a scalar has depth 0. */
  readonly maxDepth: number;
}

/** 1 MiB is what brokers carry at most as they come; no document of ours is a third as deep. */
export const eventLimits: DoorLimits = Object.freeze({ maxBytes: 1024 * 1024, maxDepth: 32 });

/** Makes a refusal. */
export function refuse(code: FaultCode, path: string, message: string): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault: { code, path: bounded(path), message: bounded(message) } };
}

function bounded(text: string): string {
  return text.length <= 512 ? text : `${text.slice(0, 511).toWellFormed()}…`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses a JSON document (RFC 8259, UTF-8 without a byte order mark) within limits. Never throws. */
export function parseJson(document: Uint8Array | string, limits: DoorLimits): Result<unknown> {
  if (isLarger(document, limits.maxBytes)) {
    return refuse('too_large', '', `larger than ${limits.maxBytes} bytes`);
  }
  let value: unknown;
  try {
    value = JSON.parse(typeof document === 'string' ? document : utf8.decode(document));
  } catch {
    // The parser's own message quotes the document; that it is no JSON is all there is to say.
    return refuse('not_json', '', 'not a JSON document in UTF-8');
  }
  const fault = inspect(value, limits.maxDepth);
  return fault === undefined ? { ok: true, value } : { ok: false, fault };
}

function isLarger(document: Uint8Array | string, maxBytes: number): boolean {
  if (typeof document !== 'string') return document.byteLength > maxBytes;
  // No character takes more than three bytes per UTF-16 unit: most texts need no counting.
  if (document.length * 3 <= maxBytes) return false;
  return document.length > maxBytes || Buffer.byteLength(document, 'utf8') > maxBytes;
}

/** Depth and keys. Recursion ends at `depth`, so a value that contains itself is too deep and nothing worse. */
function inspect(value: unknown, depth: number): Fault | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === 0) return { code: 'too_deep', path: '', message: 'nested too deep' };
  if (Array.isArray(value)) return inspectItems(value, depth);
  for (const key in value) {
    if (isReservedKey(key)) return { code: 'forbidden_key', path: `/${key}`, message: 'a reserved key' };
    const member = (value as Record<string, unknown>)[key];
    if (typeof member !== 'object') continue;
    const fault = inspect(member, depth - 1);
    if (fault !== undefined) return below(key, fault);
  }
  return undefined;
}

function inspectItems(items: readonly unknown[], depth: number): Fault | undefined {
  for (let at = 0; at < items.length; at++) {
    if (typeof items[at] !== 'object') continue;
    const fault = inspect(items[at], depth - 1);
    if (fault !== undefined) return below(at, fault);
  }
  return undefined;
}

function below(key: string | number, fault: Fault): Fault {
  return { ...fault, path: bounded(`/${pointerToken(key)}${fault.path}`) };
}

function pointerToken(key: string | number): string {
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The way in for documents of one schema. */
export interface Door<T> {
  /** Parses and checks a document. Never throws. */
  decode(document: Uint8Array | string): Result<T>;
  /** Checks a value that somebody else has parsed. Never throws for what a parser can return. */
  check(value: unknown): Result<T>;
}

const validators = new WeakMap<Type.TSchema, Validator>();

/** Compiled at first use, once per schema and process: a compilation costs milliseconds, a check less than one µs. */
function validatorOf(schema: Type.TSchema): Validator {
  let validator = validators.get(schema);
  if (validator === undefined) {
    validator = Compile(schema) as Validator;
    validators.set(schema, validator);
  }
  return validator;
}

/** Checks a value that {@link parseJson} let in against a schema. */
export function checkSchema<const S extends Type.TSchema>(schema: S, value: unknown): Result<Type.Static<S>> {
  const validator = validatorOf(schema);
  if (validator.Check(value)) return { ok: true, value: value as Type.Static<S> };
  return schemaFault(validator.Errors(value));
}

/** Makes the door for a schema; costs nothing until it is first used. */
export function door<const S extends Type.TSchema>(schema: S, limits: DoorLimits = eventLimits): Door<Type.Static<S>> {
  return {
    decode(document) {
      const parsed = parseJson(document, limits);
      return parsed.ok ? checkSchema(schema, parsed.value) : parsed;
    },
    check(value) {
      const fault = inspect(value, limits.maxDepth);
      return fault === undefined ? checkSchema(schema, value) : { ok: false, fault };
    },
  };
}

/** The first fault found is the one reported; unions report that none of their branches fits. */
function schemaFault(errors: readonly TLocalizedValidationError[]) {
  const first = errors[0];
  if (first === undefined) return refuse('schema', '', 'does not fit its schema');
  if (first.keyword === 'boolean') return refuse('schema', first.instancePath, 'is not a known member');
  if (first.keyword === 'required') {
    const missing = pointerToken(first.params.requiredProperties[0] ?? '');
    return refuse('schema', `${first.instancePath}/${missing}`, 'is missing');
  }
  return refuse('schema', first.instancePath, first.message);
}
