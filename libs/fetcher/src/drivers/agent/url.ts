import { isIdentifier } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';

const form = 'agent:<name by which the agent serves>, as agent:kvm-01.example';

/**
 * The name of the agent in `agent:<name>`: an identifier without `/`, `?` and `#`, taken as it is written. There is no
 * address in it: agents are reached over the bus, wherever they run.
 *
 * @throws VedetteError VDT_FETCHER_URL
 */
export function parseAgentUrl(text: string): string {
  const name = /^agent:([^/?#\s]+)$/.exec(text)?.[1];
  if (isIdentifier(name)) return name;
  throw new VedetteError('VDT_FETCHER_URL', { message: `${JSON.stringify(text)} is not of the form ${form}` });
}
