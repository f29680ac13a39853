import { Argument, Command } from 'commander';
import { loadSettings } from '../config/load.ts';
import type { CommandContext } from '../context.ts';
import { examples } from './options.ts';

export function validateCommand(context: CommandContext): Command {
  const command = new Command('validate')
    .summary('check a configuration file')
    .description(
      'Checks a configuration file as `up` would, together with the environment, and starts nothing.\nEvery fault is listed with its key, file and line, and what is allowed there. Exit code 2 if there is any.',
    )
    .addArgument(new Argument('<file>', 'the configuration file'))
    .action((file: string) => validate(context, file));
  return examples(command, [['vedette validate vedette.yaml', 'before a restart']]);
}

async function validate({ stdout, env, cwd, clock }: CommandContext, file: string): Promise<void> {
  const { urlCheck } = await import('../config/check-url.ts');
  const { hosts, storePath, socketPath } = await loadSettings({
    ...{ file, env, cwd, flags: {} },
    checkUrl: urlCheck(clock),
  });
  const count =
    hosts.length === 0 ? "no hosts (this machine's libvirt)" : `${hosts.length} host${hosts.length === 1 ? '' : 's'}`;
  stdout.write(`${file} is valid: ${count}, store ${storePath}, API socket ${socketPath}\n`);
}
