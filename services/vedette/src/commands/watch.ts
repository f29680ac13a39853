import { parseStreamPosition } from '@vedette/api/contract';
import { eventSchemas } from '@vedette/model';
import { Command, InvalidArgumentError, Option } from 'commander';
import { ApiInventory } from '../client/api-inventory.ts';
import { follow } from '../client/follow.ts';
import { openClient } from '../client/open.ts';
import type { SseEvent } from '../client/sse-parser.ts';
import { type CommandContext, looksOf, note, print, untilSignal } from '../context.ts';
import { eventLine } from '../output/event-line.ts';
import { findHost } from './find-host.ts';
import { findVM } from './find-vm.ts';
import { type CommonOptions, examples, readIdentifier, withCommonOptions } from './options.ts';

interface WatchOptions extends CommonOptions {
  readonly host?: string;
  readonly realm?: string;
  readonly vm?: string;
  readonly event?: readonly string[];
  readonly observers?: true;
  readonly since?: string;
}

export function watchCommand(context: CommandContext): Command {
  const command = new Command('watch')
    .summary('follow the events as they happen')
    .description(
      'Prints what becomes true of the fleet, one line an event, until Ctrl-C. When the process goes away it waits\nfor it and goes on where it was, without missing or repeating an event.',
    )
    .option('--host <host>', 'of this host (id or name), and of VMs that are or were on it')
    .option('--realm <realm>', 'of this realm', readIdentifier)
    .option('--vm <vm>', 'of this VM: its id, the beginning of its id, or its name')
    .addOption(new Option('--event <names...>', 'only events of these names').choices(Object.keys(eventSchemas)))
    .option('--observers', "also what each host's observer publishes, before it is put together")
    .option('--since <position>', 'begin after this stream position, as `status` and --json show it', readPosition)
    .action((options: WatchOptions) => watch(context, options));
  return examples(withCommonOptions(command), [
    ['vedette watch', 'everything'],
    ['vedette watch --host kvm1 --observers', 'one host, with every observation'],
    ['vedette watch --json | jq -r \'select(.data.state == "failed") | .data.name\'', 'names of VMs that fail'],
  ]);
}

async function watch(context: CommandContext, options: WatchOptions): Promise<void> {
  await untilSignal(context, async (signal) => {
    const client = await openClient(context, options, signal);
    const inventory = new ApiInventory(client);
    const vm = options.vm === undefined ? undefined : await findVM(inventory, options.vm);
    const host = options.host === undefined ? undefined : await findHost(inventory, options.host);
    const { realm, event, observers } = options;
    const query = { host, realm, name: event, observers, vm: vm?.id };
    const line = lineMaker(context, options.json === true);
    const events = follow({
      ...{ client, query, signal, after: options.since, clock: context.clock },
      onCut: (error) => note(context, `${error.message}; waiting for it`),
      onResumed: () => note(context, 'connected again'),
      onMissed: () => note(context, 'events were missed for good: they are no longer kept; going on from now'),
    });
    for await (const one of events) await print(context, line(one), signal);
  });
}

function lineMaker(context: CommandContext, json: boolean): (event: SseEvent) => string {
  if (json) return ({ data }) => `${data}\n`;
  const { paint } = looksOf(context);
  return ({ name, data: text }) => {
    const { time, data } = JSON.parse(text) as { readonly time: string; readonly data: unknown };
    return `${eventLine({ name, time, data }, paint)}\n`;
  };
}

function readPosition(text: string): string {
  if (parseStreamPosition(text) !== undefined) return text;
  throw new InvalidArgumentError('It has to be a stream position, as `vedette status` shows it.');
}
