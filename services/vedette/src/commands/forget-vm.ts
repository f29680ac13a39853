import { Argument, Command } from 'commander';
import { ApiInventory } from '../client/api-inventory.ts';
import { openClient } from '../client/open.ts';
import { type CommandContext, print, untilSignal } from '../context.ts';
import { printable } from '../output/printable.ts';
import { findVM } from './find-vm.ts';
import { type CommonOptions, examples, withCommonOptions } from './options.ts';

export function forgetVMCommand(context: CommandContext): Command {
  const command = new Command('forget')
    .summary('declare a VM gone that nobody can confirm gone')
    .description(
      'For a VM that stays unknown because the host that had it was removed: declares it gone. A host that sees it\nagain brings it back. A VM that some host can tell of is not touched by it.',
    )
    .addArgument(new Argument('<vm>', 'its id, the beginning of its id, or its name'))
    .action((vm: string, _options: CommonOptions, self: Command) => forgetVM(context, vm, self.optsWithGlobals()));
  return examples(withCommonOptions(command), [['vedette vms forget 3f2a9c4e', 'it went with its host']]);
}

async function forgetVM(context: CommandContext, asked: string, options: CommonOptions): Promise<void> {
  await untilSignal(context, async (signal) => {
    const client = await openClient(context, options, signal);
    const inventory = new ApiInventory(client);
    const { id, name } = await findVM(inventory, asked);
    await client.send('POST', `/v1/vms/${encodeURIComponent(id)}/forget`);
    const vm = await inventory.vm(id);
    const text =
      options.json === true
        ? JSON.stringify(vm ?? { id })
        : `${printable(name === '' ? id : name)}: ${toldOf(vm?.state, vm?.detail)}`;
    await print(context, `${text}\n`, signal);
  });
}

function toldOf(state: string | undefined, detail = ''): string {
  if (state === undefined || state === 'gone') return 'gone';
  return printable(`still ${state}: only hosts can tell of it${detail === '' ? '' : ` (${detail})`}`);
}
