import type { VMState } from '@vedette/model';
import { Command } from 'commander';
import { openInventory } from '../client/open.ts';
import { type CommandContext, untilSignal } from '../context.ts';
import { vmTable } from '../output/tables.ts';
import { findHost } from './find-host.ts';
import { forgetVMCommand } from './forget-vm.ts';
import { printListing } from './listing.ts';
import {
  type CommonOptions,
  examples,
  limitOption,
  readIdentifier,
  stateOption,
  withCommonOptions,
} from './options.ts';

interface VMsOptions extends CommonOptions {
  readonly host?: string;
  readonly realm?: string;
  readonly state?: readonly VMState[];
  readonly ip?: string;
  readonly text?: string;
  readonly gone?: true;
  readonly limit?: number;
  readonly all?: true;
}

const defaultLimit = 100;

export function vmsCommand(context: CommandContext): Command {
  const command = new Command('vms')
    .summary('list VMs; forget one')
    .description(
      'Lists the VMs of the fleet: where they run, how they are reached, and how old that knowledge is.\nA VM whose host cannot be observed reads as unknown, with its last known state.',
    )
    .option('--host <host>', 'on this host: its id or name')
    .option('--realm <realm>', 'in this realm', readIdentifier)
    .addOption(stateOption())
    .option('--ip <address>', 'with this address, or one in this network (CIDR)')
    .option('--text <text>', 'with this in name or id')
    .option('--gone', 'also VMs that are gone')
    .addOption(limitOption(defaultLimit))
    .option('--all', 'all of them')
    .enablePositionalOptions()
    .action((options: VMsOptions) => listVMs(context, options));
  command.addCommand(forgetVMCommand(context));
  return examples(withCommonOptions(command), [
    ['vedette vms --host kvm1', 'what runs on one host'],
    ['vedette vms --state unknown,paused_error', 'what needs a look'],
    ['vedette vms --ip 10.1.0.0/16', 'who has an address of this network'],
    ["vedette vms --json | jq -r '.name'", 'names only, for a script'],
    ['vedette vms forget 3f2a9c4e', 'gone with a host that was removed'],
  ]);
}

async function listVMs(context: CommandContext, options: VMsOptions): Promise<void> {
  const { host, realm, state, ip, text, gone, json = false, limit, all = false } = options;
  await untilSignal(context, async (signal) => {
    await using inventory = await openInventory(context, options, signal);
    const hostId = host === undefined ? undefined : await findHost(inventory, host);
    const filters = { host: hostId, realm, states: state, ip, text, gone };
    await printListing(
      context,
      {
        next: (page) => inventory.vms(filters, page),
        table: vmTable,
        limit: limit ?? (json || all ? Number.POSITIVE_INFINITY : defaultLimit),
        json,
        none: Object.values(filters).some((value) => value !== undefined) ? 'no VM is like that' : 'no VM is known yet',
      },
      signal,
    );
  });
}
