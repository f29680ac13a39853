import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { holdSignals } from './signals.ts';

// Before anything else is loaded: a Ctrl-C from here on stops in order what has been started by then.
const hooks = holdSignals(process);

// The compiled code of all modules, beside the code itself: a start then takes little more than half the time. Threads
// read the variable. Where the folder cannot be written to, everything works as without it.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../../../.cache/compile', import.meta.url));
enableCompileCache(process.env.NODE_COMPILE_CACHE);

// A reader that has gone (`vedette vms | head`) is no fault; whatever runs is stopped in order.
let readerHasGone = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (!readerHasGone) hooks.raise('SIGTERM');
  readerHasGone = true;
});

const [{ run }, { RealClock }] = await Promise.all([import('./program.ts'), import('@vedette/runtime')]);
const clock = new RealClock();
const startedMs = clock.now() - process.uptime() * 1_000;
const { stdout, stderr, env } = process;
const context = { stdout, stderr, env, cwd: process.cwd(), clock, startedMs, hooks };
const exitCode = await run(process.argv.slice(2), context);
process.exit(readerHasGone ? 0 : exitCode);
