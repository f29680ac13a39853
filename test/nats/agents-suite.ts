import { eventually } from '@vedette/testbed';
import { type LibvirtPair, libvirtAvailable, startLibvirtPair } from '@vedette/testbed/libvirt';
import { type NatsServer, natsAvailable, startNats } from '@vedette/testbed/nats';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AgentFleet } from './agents.ts';

/** Two real agents and so many simulated ones, over a real NATS; called by the ordinary and by the long suite. */
export async function agentsEndToEnd(simulatedHosts: number): Promise<void> {
  const [libvirt, nats] = [libvirtAvailable(), await natsAvailable()];
  const patient = { timeoutMs: 60_000 };

  describe(`agents of two real libvirtd and ${simulatedHosts} simulated ones, over a real NATS`, () => {
    let pair: LibvirtPair;
    let server: NatsServer;
    let fleet: AgentFleet;
    let [moving, staying] = ['', ''];

    beforeAll(async () => {
      if (!libvirt.ok || !nats.ok) return;
      [pair, server] = await Promise.all([startLibvirtPair(), startNats()]);
      moving = (await pair.source.startBiosGuest('moving')).uuid;
      staying = (await pair.destination.startBiosGuest('staying')).uuid;
      fleet = await AgentFleet.begin(server, pair, simulatedHosts);
      await eventually(async () => expect((await fleet.store.vms({}, { limit: 1 })).items).toHaveLength(1), patient);
      await eventually(() => expect(new Set(vmsTold()).size).toBe(2 + 4 * simulatedHosts), { timeoutMs: 240_000 });
    }, 300_000);
    afterAll(async () => {
      await fleet?.[Symbol.asyncDispose]();
      await pair?.[Symbol.asyncDispose]();
      await server?.dispose();
    }, 60_000);
    beforeEach((ctx) => {
      if (!libvirt.ok) ctx.skip(libvirt.reason);
      if (!nats.ok) ctx.skip(nats.reason);
    });

    const vmsTold = (): string[] => fleet.told.flatMap((event) => ('vm' in event.data ? event.data.vm : []));

    it('what virsh does on either host is told, and nothing else', async () => {
      const from = fleet.told.length;
      await pair.source.virsh('suspend', 'moving');
      await fleet.becomes(moving, 'paused@kvm1');
      await pair.source.virsh('resume', 'moving');
      await fleet.becomes(moving, 'running@kvm1');
      const simulated = fleet.setSimulated(simulatedHosts - 1, 2, 'paused');
      await fleet.becomes(simulated, `paused@${fleet.simulated.host(simulatedHosts - 1).id}`);
      await eventually(() => expect(fleet.changes(from)).toHaveLength(3), patient);
      expect(fleet.changes(from, [moving])).toEqual(['state paused@kvm1', 'state running@kvm1']);
    }, 120_000);

    it('M1: a live migration between them is one migrated, and never stopped', async () => {
      const from = fleet.told.length;
      await pair.migrate('moving', { from: pair.source, to: pair.destination, timeoutMs: 60_000 });
      await fleet.becomes(moving, 'running@kvm2');
      await fleet.clock.sleep(4_000);
      const told = fleet.changes(from, [moving]);
      expect(told.filter((one) => one.startsWith('migrated'))).toEqual(['migrated running@kvm2']);
      for (const one of told) expect(one).toMatch(/^(migrated running|state (migrating_out|running))@/);
    }, 120_000);

    it('S9: libvirtd restarted under its agent: nothing is told, and what follows is', async () => {
      const from = fleet.told.length;
      await pair.destination.daemon.stop('SIGKILL');
      await pair.destination.daemon.start();
      await fleet.clock.sleep(8_000);
      expect(fleet.changes(from)).toEqual([]);
      await pair.destination.virsh('suspend', 'staying');
      await fleet.becomes(staying, 'paused@kvm2');
      await eventually(() => expect(fleet.changes(from)).toEqual(['state paused@kvm2']), patient);
    }, 120_000);

    it('F1: the broker killed and restarted: what changed meanwhile is told, no host is blamed, nothing is restarted', async () => {
      const from = fleet.told.length;
      await server.kill();
      await pair.destination.virsh('destroy', 'staying');
      const simulated = fleet.setSimulated(0, 1, 'stopped');
      await fleet.clock.sleep(6_000);
      await server.start();
      await fleet.becomes(staying, 'stopped@kvm2');
      await fleet.becomes(simulated, `stopped@${fleet.simulated.host(0).id}`);
      await fleet.clock.sleep(10_000);
      const told = fleet.changes(from).filter((one) => !one.startsWith('addresses '));
      expect(told.sort()).toEqual(['stopped stopped@kvm2', `stopped stopped@${fleet.simulated.host(0).id}`].sort());
    }, 180_000);
  });
}
