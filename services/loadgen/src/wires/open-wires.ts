import type { Clock } from '@vedette/runtime';
import type { WireAddress, Wires } from './wires.ts';

/** Loads the client of that broker only, and connects nothing yet. */
export async function openWires(address: WireAddress, clock: Clock): Promise<Wires> {
  const { natsWires } = await import('./nats-wires.ts');
  return natsWires(address.url, clock);
}
