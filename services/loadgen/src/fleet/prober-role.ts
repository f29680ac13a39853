import type { Role, RoleContext } from '../roles/role.ts';
import { sendProbes } from './probe.ts';

export interface ProberSettings {
  readonly perSecond: number;
}

/** Sends the bare probes where there are no agents whose process could. */
export async function startProber({ perSecond }: ProberSettings, { clock, wires }: RoleContext): Promise<Role> {
  const pacer = sendProbes(await wires.raw('prober'), clock, perSecond);
  return { calls: {}, stop: async () => pacer.stop() };
}
