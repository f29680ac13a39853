import { VedetteError } from '@vedette/runtime';
import { type CommandContext, note } from '../context.ts';
import '../errors.ts';
import { agoText } from '../output/durations.ts';
import { ApiClient } from './api-client.ts';
import { ApiInventory } from './api-inventory.ts';
import type { Inventory } from './inventory.ts';
import { locate, type Whom } from './locate.ts';

/** Opens what there is to ask, and says so beside the output when it is only a store. The caller closes it. */
export async function openInventory(context: CommandContext, whom: Whom, signal: AbortSignal): Promise<Inventory> {
  const { clock } = context;
  const found = await locate(context, whom);
  if (found.kind === 'process') {
    return new ApiInventory(new ApiClient({ socketPath: found.socketPath, clock, signal }));
  }
  const { storePath, writtenMs } = found;
  note(context, `nothing is running; read from ${storePath}, last written ${agoText(writtenMs, clock.wallNow())}`);
  const [{ openSqliteReader }, { StoreInventory }] = await Promise.all([
    import('@vedette/store/sqlite'),
    import('./store-inventory.ts'),
  ]);
  return new StoreInventory(await openSqliteReader({ path: storePath }), clock);
}

/**
 * The client of the process that runs.
 *
 * @throws VedetteError VDT_COMMAND_NOTHING_RUNS, also when only a store could be read
 */
export async function openClient(context: CommandContext, whom: Whom, signal: AbortSignal): Promise<ApiClient> {
  const found = await locate(context, whom);
  if (found.kind === 'process') return new ApiClient({ socketPath: found.socketPath, clock: context.clock, signal });
  throw new VedetteError('VDT_COMMAND_NOTHING_RUNS', {
    message: `nothing is running that has ${found.storePath} open`,
  });
}
