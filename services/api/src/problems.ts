import { definedErrors, VedetteError } from '@vedette/runtime';
import Type from 'typebox';
import './errors.ts';

/** The media type of every error reply. */
export const problemType = 'application/problem+json';

/** An error as programs get it: RFC 9457, with our error code. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'a URN that names the kind of error: `urn:vedette:error:` and the code' }),
    title: Type.String({ description: 'what this kind of error is; the same text every time' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'what happened this time' }),
    code: Type.String({ description: 'the error code, as docs/errors.md lists it' }),
    action: Type.String({ description: 'what to do next' }),
    retryable: Type.Boolean({ description: 'whether the same request may succeed later without a change' }),
    path: Type.Optional(Type.String({ description: 'the parameter at fault, as a JSON pointer' })),
  },
  { additionalProperties: false, title: 'Problem' },
);
export type Problem = Readonly<Type.Static<typeof Problem>>;

/** Statuses by code; any other error is a 503 when retryable, else a 500. */
const statuses: Readonly<Record<string, number>> = {
  VDT_API_BAD_REQUEST: 400,
  VDT_API_NOT_FOUND: 404,
  VDT_API_NO_ENDPOINT: 404,
  VDT_API_BODY: 415,
  VDT_API_BODY_TYPE: 415,
  VDT_API_HOST_INVALID: 400,
  VDT_API_HOST_EXISTS: 409,
  VDT_API_HOSTS_FIXED: 409,
  VDT_API_HTTP: 400,
  VDT_API_POSITION_GONE: 410,
  VDT_API_SLOW_CONSUMER: 503,
  VDT_STORE_CURSOR: 400,
  VDT_STORE_QUERY: 400,
  VDT_STORE_IDENTIFIER: 400,
  VDT_STORE_UNKNOWN_HOST: 404,
  VDT_API_BUSY: 503,
  VDT_API_STOPPING: 503,
};

/** What a client is told of an error. What is not one of ours is told as VDT_API_INTERNAL, without its words. */
export function problemOf(error: unknown): Problem {
  const known = VedetteError.is(error) ? error : new VedetteError('VDT_API_INTERNAL', { cause: error });
  const { code, message, action, retryable, path } = known;
  return {
    type: `urn:vedette:error:${code}`,
    title: definedErrors().get(code)?.summary ?? message,
    status: statuses[code] ?? (retryable ? 503 : 500),
    detail: message,
    code,
    action,
    retryable,
    ...(path === undefined ? {} : { path }),
  };
}
