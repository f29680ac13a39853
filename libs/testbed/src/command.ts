import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RealClock, VedetteError, withDeadline } from '@vedette/runtime';
import './errors.ts';

export interface CommandOptions {
  /** 30,000 unless said; then the command is killed. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** File descriptors of this process that the command gets as its numbers 3, 4, ... */
  readonly descriptors?: readonly number[];
}

/**
 * Runs a command to its end and returns what it wrote to its standard output.
 *
 * @throws VedetteError VDT_TESTBED_COMMAND with its error output when it cannot start or exits with another code than 0
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const what = [command, ...args].join(' ');
  const { timeoutMs = 30_000, signal, env = process.env, cwd, descriptors = [] } = options;
  const deadline = { what, timeoutMs, ...(signal === undefined ? {} : { signal }) };
  return withDeadline(new RealClock(), deadline, async (abort) => {
    const child = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', ...descriptors],
      signal: abort,
      killSignal: 'SIGKILL',
      ...(cwd === undefined ? {} : { cwd }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    const [code, killedBy] = await closed(child, what);
    if (code === 0) return Buffer.concat(stdout).toString();
    const said = Buffer.concat(stderr).toString().trim() || Buffer.concat(stdout).toString().trim();
    throw new VedetteError('VDT_TESTBED_COMMAND', { message: `${what}: exit ${code ?? killedBy}: ${said}` });
  });
}

async function closed(
  child: ReturnType<typeof spawn>,
  what: string,
): Promise<[code: number | null, killedBy: NodeJS.Signals | null]> {
  try {
    return (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  } catch (error) {
    throw new VedetteError('VDT_TESTBED_COMMAND', { message: `${what}: ${(error as Error).message}`, cause: error });
  }
}
