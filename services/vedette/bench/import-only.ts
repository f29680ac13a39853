/** The baseline of the start: loads what `vedette up` loads, with the same cache of compiled code, and ends. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../../../.cache/compile', import.meta.url));
enableCompileCache(process.env.NODE_COMPILE_CACHE);
await Promise.all([
  import('../src/program.ts'),
  import('../src/process/all-in-one.ts'),
  import('../src/process/fleet.ts'),
  import('@vedette/api'),
  import('@vedette/bus/memory'),
  import('@vedette/host-monitor'),
  import('@vedette/simulation'),
  import('@vedette/store/sqlite'),
  import('@vedette/updater'),
]);
process.exit(0);
