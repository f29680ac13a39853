import { all, type Page, type PageRequest } from '../client/inventory.ts';
import { type CommandContext, looksOf, note, print } from '../context.ts';
import type { Lines, Looks } from '../output/tables.ts';

export interface Listing<T> {
  readonly next: (page: PageRequest) => Promise<Page<T> | undefined>;
  readonly table: (looks: Looks) => Lines<T>;
  readonly limit: number;
  readonly json: boolean;
  /** Said when nothing was found. */
  readonly none: string;
}

/** Lines that are written at once. */
const portionSize = 500;

/** Prints the records of a query as they come: a table for people, a JSON document a line for programs. */
export async function printListing<T>(
  context: CommandContext,
  listing: Listing<T>,
  signal: AbortSignal,
): Promise<void> {
  const table = listing.table(looksOf(context));
  const lines: Lines<T> = listing.json ? jsonLines : table;
  const records = all(listing.limit, listing.next);
  let portion: T[] = [];
  let found = 0;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- records come one page after the other
    const step = await records.next();
    if (step.done !== true) portion.push(step.value);
    if (portion.length >= portionSize || (step.done === true && portion.length > 0)) {
      // oxlint-disable-next-line no-await-in-loop -- a slow reader is waited for, not buffered for
      await print(context, lines(portion), signal);
      found += portion.length;
      portion = [];
    }
    if (step.done !== true) continue;
    if (found === 0) note(context, listing.none);
    if (step.value.more) note(context, `the first ${found}; there are more: --all shows them, --limit N that many`);
    return;
  }
}

function jsonLines(records: readonly unknown[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
