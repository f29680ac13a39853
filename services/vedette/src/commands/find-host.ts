import { isIdentifier } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import { all, type Inventory } from '../client/inventory.ts';
import '../errors.ts';
import { printable } from '../output/printable.ts';

/**
 * The id of the host that a person means: by its id, or by its name where only one has it.
 *
 * @throws VedetteError VDT_COMMAND_NOT_FOUND, VDT_COMMAND_AMBIGUOUS
 */
export async function findHost(inventory: Inventory, asked: string): Promise<string> {
  if (isIdentifier(asked) && (await inventory.host(asked)) !== undefined) return asked;
  const named: string[] = [];
  for await (const { id, name } of all(Number.POSITIVE_INFINITY, (page) => inventory.hosts({}, page))) {
    if (name === asked) named.push(id);
  }
  const shown = JSON.stringify(printable(asked));
  const [found, ...others] = named;
  if (found === undefined) {
    const message = `no host has the name or id ${shown}`;
    throw new VedetteError('VDT_COMMAND_NOT_FOUND', { message, action: 'list what there is: vedette hosts' });
  }
  if (others.length === 0) return found;
  const message = `${shown} is the name of ${named.length} hosts: ${named.map(printable).join(', ')}`;
  throw new VedetteError('VDT_COMMAND_AMBIGUOUS', { message, action: 'give the id' });
}
