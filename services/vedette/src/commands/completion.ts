import { withDeadline } from '@vedette/runtime';
import { Argument, Command } from 'commander';
import { ApiClient } from '../client/api-client.ts';
import { ApiInventory } from '../client/api-inventory.ts';
import { locate } from '../client/locate.ts';
import { completionScript, filesMark, type Shell, shells } from '../completion/scripts.ts';
import { type Completable, completableAt } from '../completion/words.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../output/printable.ts';
import { examples } from './options.ts';

export function completionCommand(context: CommandContext): Command {
  const command = new Command('completion')
    .summary('completion for your shell')
    .description(
      'Prints the script that completes commands, options and states, and, while a process is running, names of\nVMs, hosts and realms.',
    )
    .addArgument(new Argument('<shell>', 'your shell').choices(shells))
    .action((shell: Shell) => {
      context.stdout.write(completionScript(shell));
    });
  return examples(command, [
    ['source <(vedette completion bash)', 'in ~/.bashrc'],
    ['vedette completion fish > ~/.config/fish/completions/vedette.fish', 'once'],
  ]);
}

/** What the completion scripts ask: the candidates for the last of the words. `program` is known once it is built. */
export function completeCommand(context: CommandContext, program: () => Command): Command {
  return new Command('__complete').argument('[words...]').action(async (words: readonly string[]) => {
    const current = words.at(-1) ?? '';
    const lines = await candidates(context, completableAt(program(), words), current);
    context.stdout.write(lines.map((line) => `${line}\n`).join(''));
  });
}

/** A person is waiting for a key to take effect. */
const patienceMs = 1_000;
const maxCandidates = 200;

async function candidates(context: CommandContext, what: Completable, current: string): Promise<string[]> {
  switch (what.kind) {
    case 'words':
      return what.words.map(([word, description]) => `${word}\t${description}`);
    case 'file':
      return [filesMark];
    case 'nothing':
      return [];
    case 'host':
    case 'vm':
    case 'realm':
      return fromFleet(context, what.kind, current);
  }
}

/** Without a process that answers in time there is nothing to offer, and nowhere to say so. */
async function fromFleet(context: CommandContext, kind: 'host' | 'vm' | 'realm', current: string): Promise<string[]> {
  const { clock } = context;
  const deadline = { what: 'a completion', timeoutMs: patienceMs };
  const words = await withDeadline(clock, deadline, async (signal) => {
    const found = await locate(context, {});
    if (found.kind === 'store') return [];
    const inventory = new ApiInventory(new ApiClient({ socketPath: found.socketPath, clock, signal }));
    if (kind === 'vm') return vmWords(inventory, current);
    const { items } = await inventory.hosts({}, { limit: 1_000 });
    if (kind === 'realm') return [...new Set(items.map(({ realm }) => realm))].map((realm) => [realm, ''] as const);
    return items.map(({ id, state }) => [id, state] as const);
  }).catch(() => []);
  const fitting = words.filter(([word]) => word.startsWith(current)).slice(0, maxCandidates);
  return fitting.map(([word, description]) => `${printable(word)}\t${description}`);
}

async function vmWords(inventory: ApiInventory, current: string): Promise<ReadonlyArray<readonly [string, string]>> {
  const text = current === '' ? undefined : current;
  const { items } = await inventory.vms({ text }, { limit: maxCandidates });
  return items.map(({ id, name, state }) => [name.startsWith(current) && name !== '' ? name : id, state] as const);
}
