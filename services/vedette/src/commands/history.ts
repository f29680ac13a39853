import type { VMView } from '@vedette/api/contract';
import { Argument, Command } from 'commander';
import { all, type Inventory } from '../client/inventory.ts';
import { openInventory } from '../client/open.ts';
import { type CommandContext, looksOf, note, untilSignal } from '../context.ts';
import { ageText, dateText } from '../output/durations.ts';
import { type Fact, factLines } from '../output/facts.ts';
import { vmTone } from '../output/style.ts';
import { historyTable, type Looks } from '../output/tables.ts';
import { findVM } from './find-vm.ts';
import { printListing } from './listing.ts';
import { type CommonOptions, examples, limitOption, withCommonOptions } from './options.ts';

interface HistoryOptions extends CommonOptions {
  readonly limit?: number;
}

const defaultLimit = 50;

export function historyCommand(context: CommandContext): Command {
  const command = new Command('history')
    .summary('what was seen of one VM')
    .description(
      "Shows one VM and what was seen of it: who saw what, when and how. The table ends with the newest;\n--json begins with it. Lines by 'fleet' are what became true of it, the others what a host's observer saw.",
    )
    .addArgument(new Argument('<vm>', 'its id, the beginning of its id, or its name'))
    .addOption(limitOption(defaultLimit))
    .action((vm: string, options: HistoryOptions) => showHistory(context, vm, options));
  return examples(withCommonOptions(command), [
    ['vedette history web-1', 'by name'],
    ['vedette history 3f2a --limit 200', 'by the beginning of its id, and further back'],
  ]);
}

async function showHistory(context: CommandContext, asked: string, options: HistoryOptions): Promise<void> {
  await untilSignal(context, async (signal) => {
    await using inventory = await openInventory(context, options, signal);
    const vm = await findVM(inventory, asked);
    if (options.json !== true) return await printHistory(context, inventory, vm, options.limit ?? defaultLimit);
    return await printListing(
      context,
      {
        next: (page) => inventory.history(vm.id, page),
        table: historyTable,
        limit: options.limit ?? Number.POSITIVE_INFINITY,
        json: true,
        none: 'nothing is kept of its history',
      },
      signal,
    );
  });
}

async function printHistory(context: CommandContext, inventory: Inventory, vm: VMView, limit: number): Promise<void> {
  const looks = looksOf(context);
  const entries = await Array.fromAsync(all(limit, (page) => inventory.history(vm.id, page)));
  context.stdout.write(`${vmLines(vm, looks)}\n`);
  if (entries.length === 0) note(context, 'nothing is kept of its history');
  else context.stdout.write(historyTable(looks)(entries.toReversed()));
}

/** The VM as it is now. */
function vmLines(vm: VMView, { paint }: Looks): string {
  const state = vm.lastState === undefined ? vm.state : `${vm.state} (last known: ${vm.lastState})`;
  const facts: readonly Fact[] = [
    ['name', vm.name === '' ? '-' : vm.name],
    ['id', vm.id],
    ['state', state, vmTone(vm.state)],
    ['why', vm.detail],
    ['host', vm.conflict.length > 0 ? vm.conflict.join(' and ') : (vm.host ?? '-')],
    ['realm', vm.realm ?? '-'],
    ['addresses', vm.addresses.map(({ address, source }) => `${address} (${source})`).join(', ') || '-'],
    ['conditions', vm.conditions.join(', '), 'red'],
    ['first seen', dateText(vm.firstSeen)],
    ['changed', dateText(vm.lastChanged)],
    ['age', ageText(vm.ageMs)],
  ];
  return factLines(facts, paint);
}
