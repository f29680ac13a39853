import { type ExitCode, exitCodes, RealClock, VedetteError } from '@vedette/runtime';
import { tellBench } from '@vedette/testbed';
import './errors.ts';
import { describeOptions } from './harness/options.ts';
import type { Workload } from './workload.ts';
import { loadWorkloads } from './workloads.ts';

/** Runs one command line; never rejects for what went wrong in the run: that is told, and is the exit code. */
export async function runProgram(argv: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  try {
    return await runCommandLine(argv, signal);
  } catch (error) {
    if (signal.aborted) {
      process.stderr.write('broken off\n');
      return exitCodes.failure;
    }
    process.stderr.write(`${describeError(error)}\n`);
    return VedetteError.is(error, 'VDT_LOADGEN_USAGE') ? exitCodes.usage : exitCodes.failure;
  }
}

async function runCommandLine(argv: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  const workloads = await loadWorkloads();
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === 'help') {
    process.stdout.write(helpText(workloads));
    return name === undefined ? exitCodes.usage : exitCodes.ok;
  }
  const workload = workloads.find((one) => one.name === name);
  if (workload === undefined) {
    const known = workloads.map((one) => one.name).join(', ');
    throw new VedetteError('VDT_LOADGEN_USAGE', { message: `there is no workload named ${name}; there are ${known}` });
  }
  if (rest.includes('--help')) {
    process.stdout.write(workloadHelp(workload));
    return exitCodes.ok;
  }
  return runWorkload(workload, rest, signal);
}

async function runWorkload(workload: Workload, argv: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  const clock = new RealClock();
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const { report, failures, json } = await workload.run(argv, { clock, tell, signal });
  tellBench(report, { json, atMs: clock.wallNow() });
  for (const failure of failures) process.stdout.write(`FAILED: ${failure}\n`);
  return failures.length === 0 ? exitCodes.ok : exitCodes.failure;
}

function helpText(workloads: readonly Workload[]): string {
  const lines = workloads.map(({ name, summary }) => `  ${name.padEnd(8)}  ${summary}`);
  return `usage: loadgen WORKLOAD [options]; loadgen WORKLOAD --help\n\n${lines.join('\n')}\n`;
}

function workloadHelp({ name, summary, options }: Workload): string {
  return `loadgen ${name}: ${summary}\n\n${describeOptions(options)}\n`;
}

function describeError(error: unknown): string {
  if (VedetteError.is(error)) return `${error.message} (${error.code}); ${error.action}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
