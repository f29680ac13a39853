import { VedetteError } from '@vedette/runtime';

/** How many causes below an error are told, and how many errors of an aggregate. */
const MAX_CAUSES = 5;
/** Errors carry text from outside; none of it may fill the log. */
const MAX_CHARACTERS = 4_096;

/** An error as it stands in the log. */
export interface ErrorFields {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly path?: string;
  readonly action?: string;
  readonly retryable?: boolean;
  readonly cause?: ErrorFields | string;
  readonly errors?: readonly (ErrorFields | string)[];
  readonly stack?: string;
}

/** Everything about an error that helps: code, path and action where it has them, its causes, its stack. */
export function errorFields(error: unknown): ErrorFields | string {
  return fieldsOf(error, MAX_CAUSES);
}

function fieldsOf(error: unknown, causesLeft: number): ErrorFields | string {
  if (!(error instanceof Error)) return short(typeof error === 'string' ? error : inspect(error));
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: short(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...vedetteFields(error),
    ...causesOf(error, causesLeft),
    ...(error.stack === undefined ? {} : { stack: short(error.stack) }),
  };
}

function vedetteFields(error: Error): Partial<ErrorFields> {
  if (!VedetteError.is(error)) return {};
  const { action, retryable, path } = error;
  return { ...(path === undefined ? {} : { path }), action, retryable };
}

function causesOf(error: Error, causesLeft: number): Partial<ErrorFields> {
  if (causesLeft === 0) return {};
  const cause = error.cause === undefined ? {} : { cause: fieldsOf(error.cause, causesLeft - 1) };
  if (!(error instanceof AggregateError)) return cause;
  const errors = error.errors.slice(0, MAX_CAUSES).map((one: unknown) => fieldsOf(one, causesLeft - 1));
  return { ...cause, errors };
}

function inspect(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (error) {
    return `a thrown value that cannot be shown (${String(error)})`; // the log must not fail because of what it logs
  }
}

function short(text: string): string {
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}... (${text.length} characters)` : text;
}
