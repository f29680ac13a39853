import type { Bus } from '@vedette/bus';
import { classicHost, type Fleet, type FleetHost } from '@vedette/simulation';
import { type FleetSpec, fleetOf, splitHosts } from '../fleet/spec.ts';
import { onClock } from '../harness/shared-time.ts';
import type { Role, RoleContext } from '../roles/role.ts';
import { classicSubject } from './subjects.ts';

export interface ClassicHostsSettings {
  readonly spec: FleetSpec;
  readonly connections: number;
}

/** Hosts that answer as VDSM did: everything at every call. */
export async function startClassicHosts(
  { spec, connections }: ClassicHostsSettings,
  { clock, wires }: RoleContext,
): Promise<Role> {
  const fleet = fleetOf(spec);
  const originMs = onClock(clock, spec.originSharedMs);
  for (const [at, { from, to }] of splitHosts({ from: 0, to: spec.hosts }, connections).entries()) {
    const bus = await wires.connect(`classic-${at}`, { volatileOnly: true });
    for (let host = from; host < to; host++) await serve(bus, fleet, fleet.host(host), () => clock.now() - originMs);
  }
  return { calls: {}, stop: () => Promise.resolve() }; // the connections are closed with the process's others
}

async function serve(bus: Bus, fleet: Fleet, host: FleetHost, nowMs: () => number): Promise<void> {
  const classic = classicHost(fleet, host);
  await bus.serve({
    pattern: classicSubject(host.id, '*'),
    group: 'agent',
    concurrency: 4,
    maxQueued: 16,
    handler: ({ subject }) => {
      const all = subject.endsWith('.getAllVmStats');
      return Buffer.from(JSON.stringify(all ? classic.getAllVmStats(nowMs()) : classic.getVMList(nowMs())));
    },
  });
}
