import { inspect } from 'node:util';
import { VedetteError } from '@vedette/runtime';
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { agentCommand } from './commands/agent.ts';
import { completeCommand, completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { demoCommand } from './commands/demo.ts';
import { historyCommand } from './commands/history.ts';
import { hostsCommand } from './commands/hosts.ts';
import { statusCommand } from './commands/status.ts';
import { upCommand } from './commands/up.ts';
import { validateCommand } from './commands/validate.ts';
import { vmsCommand } from './commands/vms.ts';
import { watchCommand } from './commands/watch.ts';
import type { CommandContext } from './context.ts';
import { commandExitCodes, exitCodeOf, exitCodeTable } from './exit-codes.ts';
import { paintFor } from './output/style.ts';

/** The commands and their help. */
export function buildProgram(context: CommandContext): Command {
  const program = new Command('vedette')
    .description('Watches fleets of virtual machines and tells at once what changed.')
    .version(packageJson.version, '--version', 'print the version')
    .helpOption('--help', 'display help')
    .option('--debug', 'show the cause and the place of an error')
    .addHelpText('after', rootHelp);
  const commands = [
    demoCommand(context),
    upCommand(context),
    agentCommand(context),
    vmsCommand(context),
    hostsCommand(context),
    historyCommand(context),
    watchCommand(context),
    statusCommand(context),
    validateCommand(context),
    configCommand(context),
    completionCommand(context),
  ];
  for (const command of commands) program.addCommand(command);
  program.addCommand(
    completeCommand(context, () => program),
    { hidden: true },
  );
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])]) {
    prepare(command, context);
  }
  return program;
}

/** Runs one command line and returns the exit code; never rejects. */
export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const program = buildProgram(context);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return commandExitCodes.ok;
  } catch (error) {
    if ((error as Error).name === 'AbortError') return commandExitCodes.forcedByInterrupt; // Ctrl-C in a question
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : commandExitCodes.usage;
    context.stderr.write(errorText(error, context, program.opts().debug === true));
    return exitCodeOf(error);
  }
}

/** What happened in one sentence, and what to do about it. */
function errorText(error: unknown, { stderr, env }: CommandContext, debug: boolean): string {
  const paint = paintFor(stderr, env);
  const message = error instanceof Error ? error.message : String(error);
  let text = `${paint('red', 'vedette:')} ${message}\n`;
  if (VedetteError.is(error)) text += error.action === '' ? '' : `${paint('dim', `  ${error.action}`)}\n`;
  else if (!debug) text += `${paint('dim', '  this is a fault of Vedette; --debug shows more for a report')}\n`;
  return debug ? `${text}${inspect(error)}\n` : text;
}

const exitCodeLines = exitCodeTable.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n');

const rootHelp = `
Begin with:
  vedette demo                       a simulated fleet, live, until Ctrl-C
  vedette up                         watch this machine's own VMs (libvirt)
  vedette up --config vedette.yaml   watch the hosts of a configuration
Then, in another terminal:
  vedette vms                        what there is
  vedette watch                      what happens

Exit codes:
${exitCodeLines}`;

/** `vedette hosts add`. */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** What every command has in common: where output goes, how wide it is, and errors in one voice. */
function prepare(command: Command, { stdout, stderr, env }: CommandContext): void {
  const paint = paintFor(stdout, env);
  const width = stdout.isTTY === true ? (stdout.columns ?? 80) : 100;
  command
    .exitOverride()
    .helpOption('--help', 'display help')
    .helpCommand(command.commands.length > 0)
    .configureHelp({ helpWidth: width, styleTitle: (title) => paint('bold', title) })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => {
        const path = pathOf(command);
        write(`${paintFor(stderr, env)('red', 'vedette:')} ${text.replace(/^error: /, '')}  see: ${path} --help\n`);
      },
    });
}
