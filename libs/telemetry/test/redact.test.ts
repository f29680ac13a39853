import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSecretName, REDACTED, redactLine, redactText } from '../src/log/redact.ts';

describe('names of secrets', () => {
  it.each([
    'password',
    'PASSWORD',
    'dbPassword',
    'password_hash',
    'passwd',
    'passphrase',
    'secret',
    'clientSecret',
    'token',
    'tokens',
    'auth_token',
    'X-Auth-Token',
    'credentials',
    'credential',
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'set-cookie',
    'apiKey',
    'api_key',
    'private-key',
    'accessKeys',
  ])('%s is one', (name) => expect(isSecretName(name)).toBe(true));

  it.each(['host', 'msg', 'tokenizer', 'key', 'keys', 'monkey', 'author', 'passed', 'bypass', 'subject'])(
    '%s is none',
    (name) => expect(isSecretName(name)).toBe(false),
  );
});

describe('redactText', () => {
  it.each([
    ['redis://user:hunter2@host:6379/0', `redis://${REDACTED}@host:6379/0`],
    ['qemu+tls://root:p@ss:w@h1/system', `qemu+tls://${REDACTED}@h1/system`],
    ['two nats://a:b@x and nats://c@y', `two nats://${REDACTED}@x and nats://${REDACTED}@y`],
    ['https://host/path?mail=me@home', 'https://host/path?mail=me@home'],
    ['Authorization: Bearer abc.def-ghi', `Authorization: Bearer ${REDACTED}`],
    ['connect host=h password=hunter2 user=u', `connect host=h password=${REDACTED} user=u`],
    ['GET /x?access_token=abc&y=1', `GET /x?access_token=${REDACTED}&y=1`],
    ['the token was refused', 'the token was refused'],
    ['Basic facts', 'Basic facts'],
  ])('%s -> %s', (text, redacted) => expect(redactText(text)).toBe(redacted));
});

describe('redactLine', () => {
  const lineOf = (fields: unknown): string => `${JSON.stringify(fields)}\n`;

  it('lets a line without secrets through as it is', () => {
    const line = '{"level":"info",  "msg":"polled","host":"h1"}\n';
    expect(redactLine(line)).toBe(line);
  });

  it('takes the value of a secret at any depth, whatever its type', () => {
    const line = lineOf({ a: [{ options: { token: 'x', credentials: { user: 'u', n: 1 }, port: 1 } }], password: 7 });
    expect(JSON.parse(redactLine(line))).toEqual({
      a: [{ options: { token: REDACTED, credentials: REDACTED, port: 1 } }],
      password: REDACTED,
    });
  });

  it('D1: looks through a long hostile text in the time of its length', () => {
    const hostile = ['a-', 'Bearer ', '://', 'token', 'x'].map((part) => part.repeat(200_000));
    for (const text of hostile) expect(redactLine(lineOf({ token: 'x', text }))).toContain(REDACTED);
  });

  it('pollutes nothing when a document that was logged has a key __proto__', () => {
    const line = '{"doc":{"__proto__":{"polluted":"yes"},"password":"x"}}\n';
    expect(redactLine(line)).toBe(`{"doc":{"__proto__":{"polluted":"yes"},"password":"${REDACTED}"}}\n`);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('never shows the value of a secret field, wherever the field stands', () => {
    const secret = 'hunter2-7f3a';
    const name = fc.constantFrom('password', 'apiToken', 'client_secret', 'Authorization', 'credentials');
    const tree = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.jsonValue(),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie('node'), { maxKeys: 3 }),
        name.map((key) => ({ [key]: { deep: [secret] } })),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (field) => {
        expect(redactLine(lineOf({ field }))).not.toContain(secret);
      }),
    );
  });
});
