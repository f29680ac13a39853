import { type FleetHostState, fleetHostStates, type HostMode, hostModes } from '@vedette/model';
import { Command, Option } from 'commander';
import { openInventory } from '../client/open.ts';
import { type CommandContext, untilSignal } from '../context.ts';
import { hostTable } from '../output/tables.ts';
import { addHostCommand, hostModeCommand, removeHostCommand } from './change-hosts.ts';
import { printListing } from './listing.ts';
import { type CommonOptions, examples, limitOption, readIdentifier, withCommonOptions } from './options.ts';

interface HostsOptions extends CommonOptions {
  readonly realm?: string;
  readonly state?: FleetHostState;
  readonly mode?: HostMode;
  readonly limit?: number;
  readonly all?: true;
}

const defaultLimit = 100;

export function hostsCommand(context: CommandContext): Command {
  const command = new Command('hosts')
    .summary('list hosts; add, remove, drain them')
    .description(
      'Lists the hosts that are watched: their state and mode, how many VMs each decides about, and how many VMs\ncannot be called gone before it has answered (WAITING). Further commands add and remove hosts while the\nprocess runs, and set their mode.',
    )
    .enablePositionalOptions();
  listing(command, context);
  command.addCommand(listing(new Command('list').summary('list hosts, as without a command'), context));
  for (const change of [addHostCommand, removeHostCommand, hostModeCommand]) command.addCommand(change(context));
  return examples(command, [
    ['vedette hosts', 'all hosts, with the reason where one is not up'],
    ['vedette hosts --state non_responsive', 'those that do not answer'],
    ['vedette hosts --mode maintenance', 'those that nobody is to be called for'],
    ['vedette hosts add kvm301.example.org --group lab', 'one more'],
    ['vedette hosts rm kvm7', 'one less, for good'],
    ['vedette hosts mode kvm7 maintenance', 'suppress actions and alerts; it is watched on'],
  ]);
}

function listing(command: Command, context: CommandContext): Command {
  command
    .option('--realm <realm>', 'in this realm', readIdentifier)
    .addOption(new Option('--state <state>', 'in this state').choices(fleetHostStates))
    .addOption(new Option('--mode <mode>', 'in this mode').choices(hostModes))
    .addOption(limitOption(defaultLimit))
    .option('--all', 'all of them')
    .action((_options: HostsOptions, self: Command) => listHosts(context, self.optsWithGlobals()));
  return withCommonOptions(command);
}

async function listHosts(context: CommandContext, options: HostsOptions): Promise<void> {
  const { realm, state, mode, json = false, limit, all = false } = options;
  const filters = { realm, state, mode };
  await untilSignal(context, async (signal) => {
    await using inventory = await openInventory(context, options, signal);
    await printListing(
      context,
      {
        next: async (page) => {
          const { items, cursor } = await inventory.hosts(filters, page);
          return { items: items.filter((host) => state !== undefined || host.state !== 'removed'), cursor };
        },
        table: hostTable,
        limit: limit ?? (json || all ? Number.POSITIVE_INFINITY : defaultLimit),
        json,
        none: Object.values(filters).every((one) => one === undefined)
          ? 'no host is registered'
          : 'no host is like that',
      },
      signal,
    );
  });
}
