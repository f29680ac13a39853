import { containerAvailable, defaultNatsImage } from './container.ts';
import { findNatsProgram } from './program.ts';

export type NatsAvailability =
  | { readonly ok: true; readonly by: 'program' | 'container' }
  | { readonly ok: false; readonly reason: string };

export interface NatsNeeds {
  /** True: also startNatsCluster; it needs the program. */
  readonly cluster?: boolean;
}

let container: ReturnType<typeof containerAvailable> | undefined;

/**
 * Whether startNats can work on this machine, and what it would start; a test skips with the reason where it cannot:
 * `if (!available.ok) ctx.skip(available.reason)`. Where only a container can be run, its image is pulled now.
 */
export async function natsAvailable(needs: NatsNeeds = {}): Promise<NatsAvailability> {
  const found = findNatsProgram();
  if ('path' in found) return { ok: true, by: 'program' };
  if (needs.cluster === true) return { ok: false, reason: found.reason };
  container ??= containerAvailable(defaultNatsImage);
  const answer = await container;
  return answer.ok ? { ok: true, by: 'container' } : { ok: false, reason: `${found.reason}; ${answer.reason}` };
}
