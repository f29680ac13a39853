import type { VMView } from '@vedette/api/contract';
import { isIdentifier } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import { all, type Inventory } from '../client/inventory.ts';
import '../errors.ts';
import { printable } from '../output/printable.ts';

/** Candidates that a message names at most. */
const shownCandidates = 5;

/**
 * The VM that a person means: by its id, by its name where only one has it, or by the beginning of its id.
 *
 * @throws VedetteError VDT_COMMAND_NOT_FOUND, VDT_COMMAND_AMBIGUOUS
 */
export async function findVM(inventory: Inventory, asked: string): Promise<VMView> {
  const exact = isIdentifier(asked) ? await inventory.vm(asked) : undefined;
  if (exact !== undefined) return exact;
  const named: VMView[] = [];
  const begun: VMView[] = [];
  const alike: VMView[] = [];
  const filters = { text: asked, gone: true };
  for await (const vm of all(Number.POSITIVE_INFINITY, (page) => inventory.vms(filters, page))) {
    if (vm.name === asked) named.push(vm);
    else if (vm.id.startsWith(asked)) begun.push(vm);
    else if (alike.length < shownCandidates) alike.push(vm);
  }
  const candidates = named.length > 0 ? named : begun;
  const [found] = candidates;
  const shown = JSON.stringify(printable(asked));
  if (found === undefined) throw notFound(shown, alike);
  if (candidates.length > 1) throw ambiguous(shown, candidates);
  return found;
}

function notFound(shown: string, alike: readonly VMView[]): VedetteError {
  const message = `no VM has the name or id ${shown}`;
  if (alike.length === 0) return new VedetteError('VDT_COMMAND_NOT_FOUND', { message });
  const names = alike.map(({ id, name }) => printable(name === '' ? id : name)).join(', ');
  return new VedetteError('VDT_COMMAND_NOT_FOUND', { message, action: `these have it as a part: ${names}` });
}

function ambiguous(shown: string, candidates: readonly VMView[]): VedetteError {
  const some = candidates.slice(0, shownCandidates).map(({ id, name }) => printable(`${id} (${name})`));
  const rest = candidates.length > some.length ? ` and ${candidates.length - some.length} more` : '';
  const message = `${shown} stands for ${candidates.length} VMs: ${some.join(', ')}${rest}`;
  return new VedetteError('VDT_COMMAND_AMBIGUOUS', { message });
}
