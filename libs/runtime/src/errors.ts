/** What is fixed about an error code: the text of docs/errors.md, and what a caller may do about it. */
export interface ErrorDefinition {
  /** One sentence: what happened. */
  readonly summary: string;
  /** One sentence for the person who reads it: what to do next. */
  readonly action: string;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
}

export interface ErrorDetails {
  /** What happened this time; the definition's summary when left out. */
  readonly message?: string;
  /** Where in the document or configuration the fault lies, as a JSON pointer or `file:line:column`. */
  readonly path?: string;
  /** What to do next this time; the definition's action when left out. */
  readonly action?: string;
  readonly cause?: unknown;
}

const definitions = new Map<string, ErrorDefinition>();

/**
 * Declares the error codes of one package, once, at load. Codes read `VDT_<PACKAGE>_<WHAT>`; docs/errors.md lists
 * all of them and a test holds the two equal.
 */
export function defineErrors<const T extends Record<string, ErrorDefinition>>(own: T): T {
  for (const [code, definition] of Object.entries(own)) {
    if (definitions.has(code)) throw new Error(`error code ${code} is defined twice`);
    definitions.set(code, definition);
  }
  return own;
}

/** Every code declared by the packages loaded so far, sorted. */
export function definedErrors(): ReadonlyMap<string, ErrorDefinition> {
  return new Map([...definitions].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The one error class of the project: coded, typed, saying what to do next and whether trying again can help. */
export class VedetteError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly action: string;
  readonly path: string | undefined;

  /** @param code one declared with {@link defineErrors} */
  constructor(code: string, details: ErrorDetails = {}) {
    const definition = definitions.get(code);
    if (definition === undefined) throw new Error(`error code ${code} is not defined`);
    const options = details.cause === undefined ? undefined : { cause: details.cause };
    super(details.message ?? definition.summary, options);
    this.name = 'VedetteError';
    this.code = code;
    this.retryable = definition.retryable;
    this.action = details.action ?? definition.action;
    this.path = details.path;
  }

  /** Whether `error` is one of ours with this code. */
  static is(error: unknown, code?: string): error is VedetteError {
    return error instanceof VedetteError && (code === undefined || error.code === code);
  }
}
