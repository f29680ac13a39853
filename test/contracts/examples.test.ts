import { execFile } from 'node:child_process';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const configurations = await Array.fromAsync(glob('examples/*.yaml', { cwd: root }));

it.each(configurations)('%s is a configuration that vedette takes', async (file) => {
  const { stdout } = await run(process.execPath, [
    join(root, 'services/vedette/src/main.ts'),
    'validate',
    join(root, file),
  ]);
  expect(stdout).toContain('is valid');
});
