import { Command } from 'commander';
import { publishedConfigSchema } from '../config/schema.ts';
import type { CommandContext } from '../context.ts';
import { examples } from './options.ts';

export function configCommand(context: CommandContext): Command {
  const command = new Command('config')
    .summary('the configuration and its schema')
    .description(
      'What can be configured. Each key can be set in the file given with --config, by an environment variable\n(VEDETTE_MONITOR_POLL_INTERVAL for monitor.pollInterval), or by a flag of `up` (--monitor-poll-interval);\na flag wins over the environment, the environment over the file.',
    );
  const schema = new Command('schema')
    .summary('print the JSON Schema of the configuration file')
    .description(
      'Prints the JSON Schema of the configuration file, for editors: every key with description and default.',
    )
    .action(() => {
      context.stdout.write(`${JSON.stringify(publishedConfigSchema(), undefined, 2)}\n`);
    });
  command.addCommand(examples(schema, [['vedette config schema > vedette.schema.json', 'for your editor']]));
  return command;
}
