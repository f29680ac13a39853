/** How often guest agents are asked, on a simulated clock. */
import type { LibvirtSession } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { beforeEach, expect, it } from 'vitest';
import { DomainEntry } from '../../src/drivers/libvirt/domain-entry.ts';
import { GuestAgents } from '../../src/drivers/libvirt/guest-agents.ts';

let clock: SimulatedClock;
let entry: DomainEntry;
let agents: GuestAgents;
let answers: boolean;
/** When its agent was asked, in seconds. */
let askedS: number[];

beforeEach(() => {
  clock = new SimulatedClock();
  answers = true;
  askedS = [];
  entry = new DomainEntry({ name: 'guest', uuid: '0d1f6a7e-3a52-4cf4-a5ab-2cbb4f5c1b11', id: 7 });
  entry.read(1, 1);
  entry.define({ hasAgentChannel: true, info: {}, macs: [] } as never);
  const agent = {
    interfaceAddresses: () => {
      askedS.push(Math.round(clock.now() / 1_000));
      return answers ? Promise.resolve([]) : Promise.reject(new VedetteError('VDT_LIBVIRT_AGENT'));
    },
    guestInfo: () => (answers ? Promise.resolve(new Map()) : Promise.reject(new VedetteError('VDT_LIBVIRT_AGENT'))),
  };
  agents = new GuestAgents(
    {
      clock,
      session: { agent, agentAllowed: true } as unknown as LibvirtSession,
      monitorConnection: () => Promise.reject(new Error('an agent is no monitor')),
      signal: new AbortController().signal,
      tell: () => undefined,
    },
    15_000,
  );
});

/** Listings every 3 s for so long. */
async function listFor(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 3_000) {
    agents.round([entry]);
    // oxlint-disable-next-line no-await-in-loop -- time passes step by step
    await clock.advance(3_000);
  }
}

it('one that answers is asked every 15 s', async () => {
  await listFor(60_000);
  expect(askedS).toEqual([0, 15, 30, 45]);
});

it('P15: listings that come a little early or late do not put a question off by one of them', async () => {
  for (const waitMs of [3_000, 2_990, 3_020, 2_995, 2_990, 3_000, 2_998, 3_001, 2_992, 3_010, 2_990]) {
    agents.round([entry]);
    // oxlint-disable-next-line no-await-in-loop -- time passes step by step
    await clock.advance(waitMs);
  }
  expect(askedS).toEqual([0, 15, 30]);
});

it('trap 2: one that fails is asked less and less often, every 4 minutes at last', async () => {
  answers = false;
  await listFor(1_200_000);
  expect(askedS).toEqual([0, 30, 90, 210, 450, 690, 930, 1_170]);
});

it('trap 2: as often as others again once it answers, or has connected anew', async () => {
  answers = false;
  await listFor(300_000);
  askedS = [];
  answers = true;
  agents.connected(entry);
  await listFor(33_000);
  expect(askedS).toEqual([300, 315, 330]);
});

it('S3: a guest that is shutting down is not asked', async () => {
  entry.read(4, 1);
  agents.connected(entry);
  await listFor(60_000);
  expect(askedS).toEqual([]);
});

it('one whose QEMU does not respond is not asked', async () => {
  entry.monitor = 'silent';
  await listFor(60_000);
  expect(askedS).toEqual([]);
});
