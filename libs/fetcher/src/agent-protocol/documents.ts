import { isUtf8 } from 'node:buffer';
import { checkSchema, type Fault, parseJson } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import type Type from 'typebox';
import { Clean } from 'typebox/value';
import '../errors.ts';
import { documentLimits } from './limits.ts';

/**
 * Documents on the wire. The first byte tells the content type: `{` is a JSON object in UTF-8 and the whole payload is
 * that object; any other first byte is kept for other types and refused as long as there is none. So the type costs no
 * byte, travels with every message on every bus, and what is there today can be read and written by hand.
 */
const JSON_OBJECT = 0x7b;

/** The reason a document was refused, as the port says it: whole, with the path of the fault (I9). */
export function malformed(path: string, message: string): VedetteError {
  return new VedetteError('VDT_FETCHER_MALFORMED', { path, message: `${path === '' ? '' : `${path}: `}${message}` });
}

/**
 * The members of a document, unchecked but for being a JSON object within limits. For documents whose members are then
 * checked one by one; their depth is bounded by that.
 *
 * @throws VedetteError VDT_FETCHER_TOO_LARGE, VDT_FETCHER_MALFORMED
 */
export function readMembers(payload: Uint8Array): Readonly<Record<string, unknown>> {
  checkPayload(payload);
  if (!isUtf8(payload)) throw malformed('', 'not a JSON document in UTF-8');
  try {
    return JSON.parse(textOf(payload)) as Record<string, unknown>; // an object: it begins with a brace
  } catch {
    // The parser's own message quotes the document; that it is no JSON is all there is to say.
    throw malformed('', 'not a JSON document in UTF-8');
  }
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
}

function checkPayload(payload: Uint8Array): void {
  const { maxBytes } = documentLimits;
  if (payload.byteLength > maxBytes) {
    throw new VedetteError('VDT_FETCHER_TOO_LARGE', {
      message: `${payload.byteLength} bytes, of ${maxBytes} that are read`,
    });
  }
  const type = payload[0];
  if (type === JSON_OBJECT) return;
  throw malformed('', type === undefined ? 'an empty document' : `the content type ${type} is not known`);
}

/**
 * Reads a document of one schema. Members that the schema does not know are taken out.
 *
 * @throws VedetteError VDT_FETCHER_TOO_LARGE, VDT_FETCHER_MALFORMED
 */
export function readDocument<const S extends Type.TSchema>(schema: S, payload: Uint8Array): Type.Static<S> {
  checkPayload(payload);
  const parsed = parseJson(payload, documentLimits);
  if (!parsed.ok) throw malformedBy(parsed.fault);
  const checked = checkSchema(schema, Clean(schema, parsed.value));
  if (!checked.ok) throw malformedBy(checked.fault);
  return checked.value;
}

function malformedBy({ path, message }: Fault): VedetteError {
  return malformed(path, message);
}

/** A document as it goes out. */
export function writeDocument(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
