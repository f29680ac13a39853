import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, type ConfigFault, configLimits, loadConfig, readConfigFile } from '../../src/config/index.ts';
import { sampleSchema } from './sample-schema.ts';

function faultsOf(text: string, env: Readonly<Record<string, string>> = {}): readonly ConfigFault[] {
  try {
    loadConfig({ schema: sampleSchema, file: { path: 'v.yaml', text }, env });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

const codesOf = (text: string): string[] => faultsOf(text).map(({ code }) => code);

describe('D1: documents that are too much', () => {
  const deep = configLimits.depth * 1_000;

  it.each([
    ['lists in flow style', '['.repeat(deep)],
    ['closed lists in flow style', '['.repeat(deep) + ']'.repeat(deep)],
    ['sections in flow style', '{a: '.repeat(deep)],
    ['lists in block style', `${'- '.repeat(deep)}a`],
    ['sections in block style', Array.from({ length: 200 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
    ['explicit keys', '? '.repeat(deep)],
  ])('refuses %s nested without end, at once', (_title, text) => {
    expect(faultsOf(text)).toEqual([
      expect.objectContaining({
        code: 'VDT_CONFIG_TOO_LARGE',
        message: `sections are nested deeper than ${configLimits.depth} levels`,
        line: expect.any(Number),
      }),
    ]);
  });

  it('refuses a file beyond the limit', () => {
    const text = `a: ${'x'.repeat(configLimits.fileBytes)}`;
    expect(faultsOf(text)).toEqual([
      expect.objectContaining({ code: 'VDT_CONFIG_TOO_LARGE', message: 'the file is larger than 4 MiB' }),
    ]);
  });

  it('refuses anchors that stand for each other a billion times', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [name, of] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg', 'ih'].map((pair) => pair.split(''))) {
      lines.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join(', ')}]`);
    }
    expect(faultsOf(lines.join('\n'))).toEqual([expect.objectContaining({ code: 'VDT_CONFIG_TOO_LARGE' })]);
  });

  it('refuses an anchor that holds itself', () => {
    expect(codesOf('store: { driver: memory }\nhosts: &a [*a]\n')).toContain('VDT_CONFIG_TOO_LARGE');
  });

  it('accepts a long list of hosts in the time of its length', () => {
    const hosts = Array.from({ length: 2_000 }, (_, at) => `  - url: sim://fleet/${at}`).join('\n');
    expect(codesOf(`store: { driver: memory }\nhosts:\n${hosts}\n`)).toEqual(['VDT_CONFIG_BAD_VALUE']); // maxItems 3
  });
});

describe('D1: whatever is in the file', () => {
  it('never throws anything but a ConfigError, and pollutes nothing', () => {
    const pieces = fc.constantFrom(
      ...[
        'store:',
        'driver: memory',
        '\n',
        '  ',
        '- ',
        '{',
        '}',
        '[',
        ']',
        '&a ',
        '*a',
        '"',
        "'",
        '${',
        '}',
        '__proto__',
      ],
      ...[': ', '? ', '|', '>', '#', '!!js/function', '%YAML 1.1', '---', '...', '\t', '\0', '\u{1f600}', '3s', '<<'],
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (one) => {
        for (const { code, message } of faultsOf(one)) {
          expect(code).toMatch(/^VDT_CONFIG_/);
          expect(message.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('never accepts a JSON document that it then cannot resolve, and names a place in the file for every fault', () => {
    const key = fc.constantFrom(
      'store',
      'driver',
      'monitor',
      'hosts',
      'url',
      'memory',
      '__proto__',
      'retries',
      'labels',
    );
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<unknown>('memory', '3s', 3, -1.5, true, null, 'sqlite', ''),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(fc.dictionary(key, tree, { maxKeys: 4 }), (document) => {
        for (const { line, column } of faultsOf(JSON.stringify(document, undefined, 1))) {
          expect([line, column]).toEqual([expect.any(Number), expect.any(Number)]);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('readConfigFile', () => {
  it('reads text in UTF-8, and says why it cannot read something else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vedette-config-'));
    try {
      const path = join(folder, 'v.yaml');
      await writeFile(path, 'labels: { site: "Zürich" }');
      await expect(readConfigFile(path)).resolves.toEqual({ path, text: 'labels: { site: "Zürich" }' });

      const refused = (name: string, code: string, message: string) =>
        expect(readConfigFile(join(folder, name))).rejects.toMatchObject({
          faults: [{ code, message, where: join(folder, name), line: undefined }],
        });
      await refused('none.yaml', 'VDT_CONFIG_UNREADABLE', 'the file cannot be read: there is no such file');
      await refused('.', 'VDT_CONFIG_UNREADABLE', 'the file cannot be read: it is a directory');
      await writeFile(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0xfc, 0x62]));
      await refused('latin1.yaml', 'VDT_CONFIG_SYNTAX', 'the file is not text in UTF-8');
      await writeFile(join(folder, 'large.yaml'), Buffer.alloc(configLimits.fileBytes + 1, '#'));
      await refused('large.yaml', 'VDT_CONFIG_TOO_LARGE', 'the file is larger than 4 MiB');
      await expect(readConfigFile(path, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
