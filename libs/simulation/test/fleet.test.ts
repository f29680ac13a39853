import { contentHash } from '@vedette/model';
import { type Churn, createFleet, type Fleet, referenceChurn, sectionOf, type VmView } from '@vedette/simulation';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const HOUR_MS = 3_600_000;
/** Much happens within minutes. */
const lively: Partial<Churn> = {
  stateChangesPerMinute: 0.5,
  addressChangesPerMinute: 0.1,
  migrationsPerMinute: 0.05,
  crashesPerMinute: 0.02,
  rebootsPerMinute: 0.05,
  configChangesPerMinute: 0.02,
  creationsPerMinute: 0.005,
};

function livelyFleet(seed = 7): Fleet {
  return createFleet({ seed, hosts: 5, vmsPerHost: 6, realms: 2, churn: lively, stoppedShare: 0.2 });
}

function says(view: VmView): unknown {
  const { identity, state, reason, raw, startedAtMs } = view;
  const sections = (['info', 'config', 'status', 'guest'] as const).map(
    (name) => sectionOf(view, name).content ?? null,
  );
  return { ...identity, state, reason, raw, startedAtMs: startedAtMs ?? null, sections };
}

/** Everything the fleet says at an instant. */
function picture(fleet: Fleet, tMs: number): string {
  const hosts = fleet.hostIds().map((id) => fleet.host(id).at(tMs).map(says));
  return contentHash(hosts as unknown[]);
}

describe('a fleet', () => {
  it('says the same of an instant in whatever order it is asked, also after other fleets were asked', () => {
    const instants = fc.array(fc.integer({ min: 0, max: 50 * HOUR_MS }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(instants, fc.integer({ min: 0, max: 2 ** 32 - 1 }), (times, seed) => {
        const asked = livelyFleet(seed);
        const inOrder = new Map(times.toSorted((a, b) => a - b).map((tMs) => [tMs, picture(asked, tMs)]));
        for (const tMs of times) expect(picture(livelyFleet(seed), tMs)).toBe(inOrder.get(tMs));
        for (const tMs of times) expect(picture(asked, tMs)).toBe(inOrder.get(tMs));
      }),
      { numRuns: 15 },
    );
  });

  it('is the same on every machine and in every version: a recorded digest', () => {
    const fleet = livelyFleet();
    const digest = contentHash([0, 1, 61_000, 3 * HOUR_MS, 30 * 24 * HOUR_MS].map((tMs) => picture(fleet, tMs)));
    expect(digest).toBe('db28fc2cca01309a');
  });

  it('differs by seed', () => {
    expect(picture(livelyFleet(1), 0)).not.toBe(picture(livelyFleet(2), 0));
  });

  it('stands still without churn and script', () => {
    const fleet = createFleet({ seed: 3, hosts: 2, vmsPerHost: 4 });
    expect(picture(fleet, 1_000 * HOUR_MS)).toBe(picture(fleet, 0));
    expect(fleet.host(0).nextChangeMs(0)).toBe(Number.POSITIVE_INFINITY);
  });

  it('names no next change after which something had changed before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 * HOUR_MS }), fc.integer({ min: 0, max: 4 }), (fromMs, host) => {
        const fleet = livelyFleet();
        let tMs = fromMs;
        for (let changes = 0; changes < 5; changes++) {
          const nextMs = fleet.host(host).nextChangeMs(tMs);
          const now = contentHash(fleet.host(host).at(tMs).map(says) as unknown[]);
          expect(nextMs).toBeGreaterThan(tMs);
          for (const share of [0.3, 0.9]) {
            const between = fleet.host(host).at(tMs + (nextMs - tMs) * share);
            expect(contentHash(between.map(says) as unknown[])).toBe(now);
          }
          tMs = nextMs;
        }
      }),
      { numRuns: 40 },
    );
  });

  it('knows each VM by its id alone', () => {
    const fleet = livelyFleet();
    for (const tMs of [0, 5 * HOUR_MS, 77 * HOUR_MS]) {
      for (const id of fleet.hostIds()) {
        const host = fleet.host(id);
        for (const view of host.at(tMs)) {
          expect(fleet.identityOf(view.identity.vm)).toEqual(view.identity);
          expect(host.vmAt(view.identity.vm, tMs)).toEqual(view);
        }
        expect(host.vmAt('no-such-vm', tMs)).toBeUndefined();
      }
    }
  });

  it('takes a VM of a larger fleet of the same seed for a stranger', () => {
    const [small, large] = [1, 2].map((hosts) => createFleet({ seed: 7, hosts, vmsPerHost: 3 }));
    const vm = large?.vmId(1, 0) ?? '';
    expect(large?.identityOf(vm).place).toBe(3);
    expect(small?.identityOf(vm).name).toBe(`vm-${vm.slice(0, 8)}`);
  });

  it('gives no two VMs the same id, name, MAC or address', () => {
    const fleet = createFleet({ seed: 11, hosts: 50, vmsPerHost: 40 });
    const seen = new Set<string>();
    let counted = 0;
    const take = (text: string): void => {
      counted++;
      seen.add(text);
    };
    for (const { vm, name, addresses } of fleet.truth(0).values()) {
      take(vm);
      take(name);
      for (const { address } of addresses ?? []) take(address);
      for (const mac of new Set(addresses?.map((address) => address.mac))) take(mac);
    }
    expect(seen.size).toBe(counted);
    expect(counted).toBeGreaterThan(8_000);
  });

  it('has IPv4 and IPv6, private, public and link-local addresses, and several NICs', () => {
    const addresses = [...createFleet({ seed: 5, hosts: 5, vmsPerHost: 40 }).truth(0).values()].flatMap(
      (vm) => vm.addresses ?? [],
    );
    const kinds = new Set(addresses.map(({ family, scope }) => `${family} ${scope}`));
    expect([...kinds].sort()).toEqual(['ipv4 private', 'ipv4 public', 'ipv6 link', 'ipv6 private', 'ipv6 public']);
    expect(new Set(addresses.map((address) => address.interface))).toEqual(new Set(['eth0', 'eth1']));
  });

  it('pairs hosts within their realm, both ways', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 9 }), (hosts, realms) => {
        const { topology } = createFleet({ seed: 1, hosts, vmsPerHost: 1, realms: Math.min(hosts, realms) });
        for (let host = 0; host < hosts; host++) {
          const partner = topology.partnerOf(host);
          if (partner === undefined) continue;
          expect(topology.partnerOf(partner)).toBe(host);
          expect(topology.realmOf(partner)).toBe(topology.realmOf(host));
        }
      }),
    );
  });

  it('stands up to the reference churn with 40 VMs a host', () => {
    const fleet = createFleet({ seed: 1, hosts: 4, vmsPerHost: 40, churn: referenceChurn, stoppedShare: 0.1 });
    expect(fleet.truth(0).size).toBeGreaterThan(150);
  });

  it.each([
    { hosts: 0 },
    { vmsPerHost: 0.5 },
    { realms: 3 },
    { stoppedShare: 1.1 },
    { seed: Number.NaN },
    { churn: { rebootsPerMinute: 1 } },
    { churn: { stateChangesPerMinute: 50 } },
    { churn: { creationsPerMinute: 30 } },
  ])('refuses %j', (wrong) => {
    expect(() => createFleet({ seed: 1, hosts: 2, vmsPerHost: 2, ...wrong })).toThrow(RangeError);
  });
});
