import { runProgram } from './program.ts';

/** `scripts/node services/loadgen/src/main.ts WORKLOAD [options]`; see docs/loadgen.md. */
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => stopping.abort(new Error(`stopped by ${name}`)));
}
process.exitCode = await runProgram(process.argv.slice(2), stopping.signal);
