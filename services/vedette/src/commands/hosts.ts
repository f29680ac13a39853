import { type FleetHostState, fleetHostStates } from '@vedette/model';
import { Command, Option } from 'commander';
import { openInventory } from '../client/open.ts';
import { type CommandContext, untilSignal } from '../context.ts';
import { hostTable } from '../output/tables.ts';
import { printListing } from './listing.ts';
import { type CommonOptions, examples, limitOption, readIdentifier, withCommonOptions } from './options.ts';

interface HostsOptions extends CommonOptions {
  readonly realm?: string;
  readonly state?: FleetHostState;
  readonly limit?: number;
  readonly all?: true;
}

const defaultLimit = 100;

export function hostsCommand(context: CommandContext): Command {
  const command = new Command('hosts')
    .summary('list hosts')
    .description(
      'Lists the hosts that are watched: their state, how many VMs each decides about, and how many VMs\ncannot be called gone before it has answered (WAITING).',
    )
    .option('--realm <realm>', 'in this realm', readIdentifier)
    .addOption(new Option('--state <state>', 'in this state').choices(fleetHostStates))
    .addOption(limitOption(defaultLimit))
    .option('--all', 'all of them')
    .action((options: HostsOptions) => listHosts(context, options));
  return examples(withCommonOptions(command), [
    ['vedette hosts', 'all hosts, with the reason where one is not up'],
    ['vedette hosts --state non_responsive', 'those that do not answer'],
  ]);
}

async function listHosts(context: CommandContext, options: HostsOptions): Promise<void> {
  const { realm, state, json = false, limit, all = false } = options;
  await untilSignal(context, async (signal) => {
    await using inventory = await openInventory(context, options, signal);
    await printListing(
      context,
      {
        next: async (page) => {
          const { items, cursor } = await inventory.hosts({ realm, state }, page);
          return { items: items.filter((host) => state !== undefined || host.state !== 'removed'), cursor };
        },
        table: hostTable,
        limit: limit ?? (json || all ? Number.POSITIVE_INFINITY : defaultLimit),
        json,
        none: realm === undefined && state === undefined ? 'no host is registered' : 'no host is like that',
      },
      signal,
    );
  });
}
