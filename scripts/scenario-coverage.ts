import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where tests stand: test files, and the conformance suites that drivers' tests call. */
const sources = ['{libs,services,test}/**/*.test.ts', 'libs/*/src/conformance/*.ts'];
/** A title that begins with scenario ids: `S1: ...`, `M1, M2: ...`. */
const title = /['"`]((?:[SNMLFD]\d{1,2})(?:, ?(?:[SNMLFD]\d{1,2}))*): /g;

/** Which files have tests of which scenario, by scenario id in the order of docs/scenarios.md. */
export async function scenarioCoverage(root: string): Promise<string> {
  const known = [
    ...(await readFile(join(root, 'docs/scenarios.md'), 'utf8')).matchAll(/^\| ([SNMLFD]\d+) \| ([^|]+) \|/gm),
  ];
  const files = new Map<string, Set<string>>();
  for (const pattern of sources) {
    for await (const file of glob(pattern, { cwd: root, exclude: (name) => name.includes('node_modules') })) {
      const text = await readFile(join(root, file), 'utf8');
      for (const [, ids = ''] of text.matchAll(title)) {
        for (const id of ids.split(/, ?/)) files.set(id, (files.get(id) ?? new Set()).add(file));
      }
    }
  }
  const rows = known.map(([, id = '', what = '']) => {
    const where = [...(files.get(id) ?? [])].sort().map((file) => `[${file}](../${file})`);
    return `| ${id} | ${what} | ${where.length === 0 ? 'not yet' : where.join('<br>')} |`;
  });
  const head = '<!-- Written by `make docs` from the titles of the tests. -->\n\n# Scenarios and their tests\n';
  const intro =
    'Which tests are about which scenario of [scenarios.md](scenarios.md); a scenario that names a part of Vedette still to come is shown without it. Files below `test/libvirt` and `libs/libvirt` run on a real libvirtd with emulated guests; the others on the simulated clock, or on the real store and process they name.';
  return `${head}\n${intro}\n\n| id | scenario | tests |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}
