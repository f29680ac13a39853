import fc from 'fast-check';
import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { type DoorLimits, door, type FaultCode, parseJson, type Result } from '../src/index.ts';

const limits: DoorLimits = { maxBytes: 200, maxDepth: 4 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Any UTF-16 code units, halves of characters included. */
const anyUnits = fc.array(fc.nat(0xffff), { maxLength: 100 }).map((units) => String.fromCharCode(...units));

function faultOf(result: Result<unknown>): readonly [FaultCode, string] | undefined {
  return result.ok ? undefined : [result.fault.code, result.fault.path];
}

describe('parsing at a door', () => {
  it('gives what JSON.parse gives, from bytes and from text', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), (text) => {
        fc.pre(!/__proto__|constructor|prototype|\\/.test(text));
        const roomy = { maxBytes: 1_000_000, maxDepth: 10 };
        for (const document of [text, bytes(text)]) {
          expect(parseJson(document, roomy)).toEqual({ ok: true, value: JSON.parse(text) });
        }
      }),
    );
  });

  it('D1: never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), anyUnits, fc.json()), (document) => {
        const result = parseJson(document, limits);
        if (!result.ok) expect(result.fault.message).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });

  it('D1: what is too large is refused before it is parsed, counted in bytes', () => {
    const fits = `"${'x'.repeat(198)}"`;
    expect(parseJson(fits, limits).ok).toBe(true);
    expect(parseJson(bytes(fits), limits).ok).toBe(true);
    const large = `"${'x'.repeat(199)}"`;
    expect(faultOf(parseJson(large, limits))).toEqual(['too_large', '']);
    expect(faultOf(parseJson(bytes(large), limits))).toEqual(['too_large', '']);
    expect(faultOf(parseJson('{'.repeat(201), limits))).toEqual(['too_large', '']);
    expect(faultOf(parseJson(`"${'é'.repeat(100)}"`, limits))).toEqual(['too_large', '']);
    expect(parseJson(`"${'é'.repeat(99)}"`, limits).ok).toBe(true);
  });

  it.each([
    ['nothing', ''],
    ['half a document', '{"a":'],
    ['two documents', '{}{}'],
    ['a byte order mark', '\ufeff{}'],
    ['a comment', '{}//'],
  ])('D1: %s is no JSON', (_, text) => {
    expect(faultOf(parseJson(text, limits))).toEqual(['not_json', '']);
    expect(faultOf(parseJson(bytes(text), limits))).toEqual(['not_json', '']);
  });

  it('D1: bytes that are no UTF-8 are no JSON', () => {
    expect(faultOf(parseJson(Uint8Array.of(0x22, 0xff, 0x22), limits))).toEqual(['not_json', '']);
  });

  it('D1: the limit of nesting holds for objects and lists, and the fault names the place', () => {
    expect(parseJson('{"a":[{"b":[1]}]}', limits).ok).toBe(true);
    expect(faultOf(parseJson('{"a":[{"b":[[]]}]}', limits))).toEqual(['too_deep', '/a/0/b/0']);
    const deep = '['.repeat(100) + ']'.repeat(100);
    expect(faultOf(parseJson(deep, limits))).toEqual(['too_deep', '/0/0/0/0']);
  });

  it('D1: a hundred thousand levels are refused like five', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(faultOf(parseJson(deep, { maxBytes: 1_000_000, maxDepth: 4 }))).toEqual(['too_deep', '/0/0/0/0']);
  });

  it.each([
    ['{"__proto__":{"admin":true}}', '/__proto__'],
    ['{"a":[{"constructor":1}]}', '/a/0/constructor'],
    ['{"a/b":{"prototype":null}}', '/a~1b/prototype'],
    ['{"\\u005f_proto__":1}', '/__proto__'],
  ])('D1: %s has a forbidden key', (text, path) => {
    expect(faultOf(parseJson(text, limits))).toEqual(['forbidden_key', path]);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });
});

describe('a door', () => {
  const schema = Type.Object(
    {
      name: Type.String({ maxLength: 10 }),
      sizes: Type.Array(Type.Integer({ minimum: 1 })),
      colour: Type.Optional(Type.Enum(['red', 'blue'])),
    },
    { additionalProperties: false },
  );
  const paint = door(schema, limits);

  it('lets in what fits', () => {
    const value = { name: 'a', sizes: [1, 2], colour: 'red' };
    expect(paint.decode(JSON.stringify(value))).toEqual({ ok: true, value });
    expect(paint.check(value)).toEqual({ ok: true, value });
  });

  it.each([
    ['a missing member', { sizes: [] }, '/name'],
    ['an unknown member', { name: 'a', sizes: [], extra: 1 }, '/extra'],
    ['a wrong type', { name: 7, sizes: [] }, '/name'],
    ['a wrong item', { name: 'a', sizes: [1, 0] }, '/sizes/1'],
    ['a wrong word', { name: 'a', sizes: [], colour: 'green' }, '/colour'],
    ['too long a text', { name: 'a'.repeat(11), sizes: [] }, '/name'],
    ['a list', [], ''],
    ['nothing', null, ''],
  ])('D1: refuses %s and says where', (_, value, path) => {
    expect(faultOf(paint.decode(JSON.stringify(value)))).toEqual(['schema', path]);
    expect(faultOf(paint.check(value))).toEqual(['schema', path]);
  });

  it('D1: applies its limits, and the ban on reserved keys, to documents and values alike', () => {
    expect(faultOf(paint.decode(' '.repeat(201)))).toEqual(['too_large', '']);
    expect(faultOf(paint.check(JSON.parse('{"__proto__":1}')))).toEqual(['forbidden_key', '/__proto__']);
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    expect(faultOf(paint.check(cyclic))?.[0]).toBe('too_deep');
  });

  it('D1: a fault is short, however long what it is about', () => {
    const result = door(schema, { maxBytes: 100_000, maxDepth: 4 }).decode(JSON.stringify({ ['k'.repeat(50_000)]: 1 }));
    if (result.ok) throw new Error('was let in');
    expect(result.fault.path.length + result.fault.message.length).toBeLessThan(1100);
  });
});
