import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { generatedDocuments } from './documents.ts';
import { scenarioCoverage } from './scenario-coverage.ts';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
const documents = [
  ...generatedDocuments(version),
  ['docs/scenario-coverage.md', await scenarioCoverage(root)] as const,
];
for (const [path, text] of documents) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
  console.log(path);
}
