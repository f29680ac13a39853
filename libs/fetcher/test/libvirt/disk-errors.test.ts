/** When an I/O error that did not pause the guest is over (S12), on a simulated clock. */
import type { DomainDiskError, LibvirtConnection, LibvirtSession } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { beforeEach, expect, it } from 'vitest';
import { DiskErrors } from '../../src/drivers/libvirt/disk-errors.ts';
import { DomainEntry } from '../../src/drivers/libvirt/domain-entry.ts';

const broken: readonly DomainDiskError[] = [{ disk: 'vda', error: 'noSpace' }];
let clock: SimulatedClock;
let entry: DomainEntry;
let disks: readonly DomainDiskError[] | undefined;
let asked: number;
let told: number;
let diskErrors: DiskErrors;

beforeEach(() => {
  clock = new SimulatedClock();
  [asked, told, disks] = [0, 0, broken];
  entry = new DomainEntry({ name: 'guest', uuid: '0d1f6a7e-3a52-4cf4-a5ab-2cbb4f5c1b11', id: 7 });
  entry.read(1, 1);
  const connection = {
    domainDiskErrors: () => {
      asked++;
      return disks === undefined ? Promise.reject(new VedetteError('VDT_LIBVIRT_BUSY')) : Promise.resolve(disks);
    },
  } as unknown as LibvirtConnection;
  diskErrors = new DiskErrors({
    clock,
    session: {} as LibvirtSession,
    monitorConnection: () => Promise.resolve(connection),
    signal: new AbortController().signal,
    tell: () => {
      told++;
    },
  });
});

async function listFor(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 3_000) {
    diskErrors.round([entry]);
    // oxlint-disable-next-line no-await-in-loop -- time passes step by step
    await clock.advance(3_000);
  }
}

it('S12: it stands while a disk reports one, and is cleared and told once when none does', async () => {
  entry.conditions.raise('io_error');
  await listFor(60_000);
  expect([entry.conditions.has('io_error'), asked]).toEqual([true, 3]);
  disks = [];
  await listFor(60_000);
  expect([entry.conditions.has('io_error'), told, asked]).toEqual([false, 1, 4]);
});

it('S12: what cannot be read clears nothing', async () => {
  entry.conditions.raise('io_error');
  disks = undefined;
  await listFor(60_000);
  expect([entry.conditions.has('io_error'), told]).toEqual([true, 0]);
});

it('I6: nobody is asked who has none, is paused, or whose QEMU does not answer', async () => {
  await listFor(60_000);
  entry.conditions.raise('io_error');
  entry.monitor = 'silent';
  await listFor(60_000);
  entry.monitor = 'answers';
  entry.read(3, 5);
  await listFor(60_000);
  expect(asked).toBe(0);
});
