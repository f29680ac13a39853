import { Command } from 'commander';
import type { Status } from '../client/inventory.ts';
import { openInventory } from '../client/open.ts';
import { type CommandContext, looksOf, untilSignal } from '../context.ts';
import { countsText } from '../output/counts.ts';
import { durationText } from '../output/durations.ts';
import { factLines } from '../output/facts.ts';
import { type CommonOptions, examples, withCommonOptions } from './options.ts';

export function statusCommand(context: CommandContext): Command {
  const command = new Command('status')
    .summary('the process and what it knows')
    .description('Shows which process answers, how many hosts and VMs it knows by state, and where its events stand.')
    .action((options: CommonOptions) => showStatus(context, options));
  return examples(withCommonOptions(command), [
    ['vedette status', 'at a glance'],
    ["vedette status --json | jq '.vms.running'", 'one number, for a script'],
  ]);
}

async function showStatus(context: CommandContext, options: CommonOptions): Promise<void> {
  await untilSignal(context, async (signal) => {
    await using inventory = await openInventory(context, options, signal);
    const status = await inventory.status();
    context.stdout.write(options.json === true ? `${JSON.stringify(status)}\n` : statusLines(context, status));
  });
}

function statusLines(context: CommandContext, status: Status): string {
  const { version, node, pid, uptimeMs, streams, vms, hosts, position } = status;
  const running =
    version === undefined
      ? 'not running'
      : `running for ${durationText(uptimeMs ?? 0)}, process ${pid}, ${streams} following`;
  return factLines(
    [
      ['vedette', version === undefined ? running : `${version} on Node.js ${node}, ${running}`],
      ['hosts', countsText(hosts)],
      ['vms', countsText(vms)],
      ['position', position],
    ],
    looksOf(context).paint,
  );
}
