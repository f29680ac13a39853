import { describe, expect, test } from 'vitest';
import { openApiDocument } from '../src/index.ts';
import { operations } from '../src/operations.ts';
import { type Loose, World } from './world.ts';

const document = openApiDocument() as Loose;

test('the OpenAPI document is plain JSON, the same every time, and names every operation once', () => {
  expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  expect(openApiDocument()).toEqual(document);
  const named = Object.values<Loose>(document.paths).flatMap((item) =>
    Object.values<Loose>(item).map((one) => one.operationId),
  );
  expect(named).toHaveLength(Object.keys(operations).length);
  expect(new Set(named)).toEqual(new Set(Object.keys(operations)));
});

test('every reference in it leads somewhere, and every parameter of a path is declared', () => {
  for (const [, pointer] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const target = pointer?.split('/').reduce((part, key) => part?.[key], document);
    expect(target, pointer).toBeDefined();
  }
  for (const [path, item] of Object.entries<Loose>(document.paths)) {
    for (const operation of Object.values<Loose>(item)) {
      const declared = (operation.parameters ?? [])
        .filter((one: Loose) => one.in === 'path')
        .map((one: Loose) => one.name);
      expect(declared).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    }
  }
});

describe('what it says is served', () => {
  test.each(Object.entries(operations).filter(([id]) => id !== 'followEvents'))('%s', async (_id, operation) => {
    await using world = await World.start();
    const reply = await world.ask(operation.method, operation.path.replace('{id}', 'x'));
    expect(reply.json?.code).not.toBe('VDT_API_NO_ENDPOINT');
    expect(Object.keys(document.paths[operation.path][operation.method.toLowerCase()].responses)).toContain(
      String(reply.status),
    );
  });
});
