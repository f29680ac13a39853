/** The outcome of putting variables into a text: the text, or what is wrong with it. */
export type Expansion =
  | { readonly text: string; readonly replaced: boolean }
  | { readonly missing: string }
  | { readonly malformed: string };

/** `$${` (an escape), `${NAME}`, `${NAME:-default}`, or a `${` that is none of these. */
const reference = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g;

/**
 * Replaces `${NAME}` by the environment variable, `${NAME:-default}` by the default where the variable is not set
 * or empty, and `$${` by a literal `${`. What is put in is not looked at again. `used` is told every name.
 */
export function expandVariables(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  used: (name: string) => void,
): Expansion {
  let missing: string | undefined;
  let malformed: string | undefined;
  let replaced = false;
  const expanded = text.replace(reference, (whole, name: string | undefined, fallback: string | undefined) => {
    if (whole === '$${') return '${';
    if (name === undefined) {
      malformed ??= whole;
      return whole;
    }
    used(name);
    replaced = true;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) missing ??= name;
    return value ?? whole;
  });
  if (malformed !== undefined) return { malformed };
  if (missing !== undefined) return { missing };
  return { text: expanded, replaced };
}
