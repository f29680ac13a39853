import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { definedErrors } from '@vedette/runtime';
import { describe, expect, it } from 'vitest';
import { generatedDocuments } from '../../scripts/documents.ts';
import { scenarioCoverage } from '../../scripts/scenario-coverage.ts';

const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
const coverage = ['docs/scenario-coverage.md', await scenarioCoverage(root)] as const;

describe('the documents written from the code', () => {
  it.each([...generatedDocuments(version), coverage])(
    '%s is what the code says (make docs writes it)',
    async (path, text) => {
      expect(await readFile(join(root, path), 'utf8')).toBe(text);
    },
  );

  it('every error code used anywhere in the sources is defined', async () => {
    const used = new Set<string>();
    for await (const file of glob('{libs,services}/*/src/**/*.ts', { cwd: root })) {
      const text = await readFile(join(root, file), 'utf8');
      for (const [code] of text.matchAll(/\bVDT_[A-Z]+(?:_[A-Z]+)+\b/g)) used.add(code);
    }
    const known = definedErrors();
    const prefixes = [...used].filter((code) => !known.has(code) && !code.startsWith('VDT_TESTBED_'));
    expect(prefixes).toEqual([]);
  });

  it('nothing committed names a path outside the repository', async () => {
    for await (const file of glob('{*.md,docs/**/*.md}', { cwd: root })) {
      const text = await readFile(join(root, file), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const path = join('/repo', file, '..', target);
        expect(path.startsWith('/repo/'), `${file} links to ${target}`).toBe(true);
      }
    }
  });
});
