import { defineConfig } from 'vitest/config';

/** One project for the whole workspace; what runs longer than a push should wait for is named `*.long.test.ts` (`make test-long`). */
const long = process.env.VEDETTE_TEST_LONG === '1';

export default defineConfig({
  test: {
    include: long ? ['{libs,services,test}/**/*.long.test.ts'] : ['{libs,services,test}/**/*.test.ts'],
    exclude: long ? ['**/node_modules/**'] : ['**/node_modules/**', '**/*.long.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    setupFiles: ['./scripts/property-seed.ts'],
    reporters: ['default', './scripts/summary-reporter.ts'],
  },
});
