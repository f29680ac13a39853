/** What stands in the log where a secret would have stood. */
export const REDACTED = '[redacted]';

/** Names of fields that hold secrets, compared in small letters and without `_` and `-`. */
const secretAnywhere = /password|passwd|passphrase|secret|credential|authorization/;
const secretAtEnd = /(?:token|cookie|apikey|privatekey|accesskey)s?$/;

/** `scheme://user:password@`: everything up to the last @ of the authority, since passwords may hold one. */
const userInfo = /:\/\/[^\s/"]*@/g;
/** The value of an HTTP authorization header, wherever it stands. */
const authorizationValue = /\b(Bearer|Basic|Digest|Negotiate)\s+[A-Za-z0-9+/_.~=-]{6,}/g;
/** `password=...` in a text, as in connection strings and query parameters; bounded, so that no text is slow to look through. */
const assignment = /\b([\w-]{0,40}(?:password|passwd|passphrase|secret|token|credential|api[-_]?key)s?)=[^\s&;,"']+/gi;

/** A line that none of this matches is let through as it is: one look, for nearly all lines. */
const suspicious =
  /pass|secret|credential|authorization|token|cookie|(?:api|private|access)[-_]?key|:\/\/[^\s/"]*@|\b(?:Bearer|Basic|Digest|Negotiate)\s/i;

/** Whether a field of this name is never to be shown: `password`, `clientSecret`, `api_key`, `Authorization` ... */
export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[_-]/g, '');
  return secretAnywhere.test(plain) || secretAtEnd.test(plain);
}

/** The text without the secrets that can be recognised in it. */
export function redactText(text: string): string {
  return text
    .replaceAll(userInfo, `://${REDACTED}@`)
    .replaceAll(authorizationValue, `$1 ${REDACTED}`)
    .replaceAll(assignment, `$1=${REDACTED}`);
}

/**
 * A log line (JSON) without secrets: fields with a secret's name at any depth lose their value, texts lose what
 * {@link redactText} finds. The one place that every line passes, whatever it was made of.
 */
export function redactLine(line: string): string {
  if (!suspicious.test(line)) return line;
  const redacted: unknown = JSON.parse(line, (name, value: unknown) => {
    if (isSecretName(name)) return REDACTED;
    return typeof value === 'string' ? redactText(value) : value;
  });
  return `${JSON.stringify(redacted)}\n`;
}
