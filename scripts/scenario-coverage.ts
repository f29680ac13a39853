import { glob, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Where tests stand: test files, and the conformance suites that drivers' tests call. */
const sources = ['{libs,services,test}/**/*.test.ts', 'libs/*/src/conformance/*.ts'];
/** A title that begins with scenario ids: `S1: ...`, `M1, M2: ...`. */
const title = /['"`]((?:[SNMLFD]\d{1,2})(?:, ?(?:[SNMLFD]\d{1,2}))*): /g;

/** What a test runs on; the columns of the table. */
const grounds = {
  rules: 'rules and parts, alone',
  whole: 'the whole way, simulated hosts and clock',
  real: 'a real libvirtd',
} as const;
type Ground = keyof typeof grounds;

function groundOf(file: string, text: string): Ground {
  if (text.includes('@vedette/testbed/libvirt')) return 'real';
  return file.startsWith('test/scenarios/') ? 'whole' : 'rules';
}

type Tests = { readonly [G in Ground]: Set<string> };

/** Which files have tests of which scenario, and what these run on, in the order of docs/scenarios.md. */
export async function scenarioCoverage(root: string): Promise<string> {
  const known = [
    ...(await readFile(join(root, 'docs/scenarios.md'), 'utf8')).matchAll(/^\| ([SNMLFD]\d+) \| ([^|]+) \|/gm),
  ];
  const tests = await testsByScenario(root);
  const rows = known.map(([, id = '', what = '']) => {
    const found = tests.get(id);
    const cells = (Object.keys(grounds) as Ground[]).map((ground) => links(found?.[ground] ?? new Set()));
    return `| ${id} | ${what} | ${found === undefined ? 'not yet | |' : `${cells.join(' | ')} |`}`;
  });
  const head = '<!-- Written by `make docs` from the titles of the tests. -->\n\n# Scenarios and their tests\n';
  const intro =
    'Which tests are about which scenario of [scenarios.md](scenarios.md), and what they run on. A real libvirtd is one that the tests start, with emulated guests (libs/testbed), and `virsh` as the judge. A scenario that names a part of Vedette still to come is shown without tests.';
  const columns = ['id', 'scenario', ...Object.values(grounds)];
  const rule = columns.map(() => '---');
  return `${head}\n${intro}\n\n| ${columns.join(' | ')} |\n| ${rule.join(' | ')} |\n${rows.join('\n')}\n`;
}

async function testsByScenario(root: string): Promise<Map<string, Tests>> {
  const tests = new Map<string, Tests>();
  for (const pattern of sources) {
    for await (const file of glob(pattern, { cwd: root, exclude: (name) => name.includes('node_modules') })) {
      const text = await readFile(join(root, file), 'utf8');
      for (const [, ids = ''] of text.matchAll(title)) {
        for (const id of ids.split(/, ?/)) {
          const found = tests.get(id) ?? { rules: new Set(), whole: new Set(), real: new Set() };
          found[groundOf(file, text)].add(file);
          tests.set(id, found);
        }
      }
    }
  }
  return tests;
}

function links(files: ReadonlySet<string>): string {
  return [...files]
    .sort()
    .map((file) => `[${basename(file).replace(/(\.long)?(\.test)?\.ts$/, '')}](../${file})`)
    .join(', ');
}
