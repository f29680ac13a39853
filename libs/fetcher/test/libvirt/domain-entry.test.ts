/** What a domain's entry makes of what is read about it, without a libvirtd. */
import type { GuestInterface } from '@vedette/libvirt';
import { beforeEach, describe, expect, it } from 'vitest';
import { DomainEntry } from '../../src/drivers/libvirt/domain-entry.ts';
import { agentReport } from '../../src/drivers/libvirt/guest-details.ts';

const uuid = '0d1f6a7e-3a52-4cf4-a5ab-2cbb4f5c1b11';
const domain = { name: 'guest', uuid, id: 7 };
const running = [1, 1] as const;
const paused = [3, 1] as const;
const pausedByIoError = [3, 5] as const;
const pausedByWatchdog = [3, 6] as const;
const pausedByMove = [3, 2] as const;
const stopping = [4, 1] as const;
const stopped = [5, 1] as const;
const saved = [5, 5] as const;
const forgotten = [5, 0] as const;

let entry: DomainEntry;
beforeEach(() => {
  entry = new DomainEntry(domain);
  entry.read(...running);
});

function stateOf(): string {
  return entry.row(0).state;
}

describe('conditions (S12)', () => {
  it('a watchdog stands until the guest begins anew', () => {
    expect(entry.conditions.raise('watchdog')).toBe(true);
    expect(entry.conditions.raise('watchdog'), 'no news').toBe(false);
    entry.read(...paused);
    entry.read(...running);
    expect(entry.conditions.section.content?.conditions).toEqual(['watchdog']);
    expect(entry.conditions.beginAnew()).toBe(true);
    expect(entry.conditions.section.content?.conditions).toEqual([]);
  });

  it.each(['watchdog', 'io_error', 'memory'] as const)('%s ends with the run, however that ended', (condition) => {
    entry.conditions.raise(condition);
    entry.read(...stopped);
    expect(entry.conditions.has(condition)).toBe(false);
    entry.read(...running);
    entry.conditions.raise(condition);
    entry.identify({ ...domain, id: 8 }); // its end and its next start were both missed
    expect(entry.conditions.has(condition)).toBe(false);
  });

  it('a state that says so raises them too, and an I/O error ends when it runs again', () => {
    entry.read(...pausedByIoError);
    expect(entry.conditions.section.content?.conditions).toEqual(['io_error']);
    entry.read(...running);
    expect(entry.conditions.section.content?.conditions).toEqual([]);
    entry.read(...pausedByWatchdog);
    entry.read(...running);
    expect(entry.conditions.section.content?.conditions, 'only beginning anew ends it').toEqual(['watchdog']);
  });

  it('one that did not pause the guest is not ended by a pause for another reason', () => {
    entry.conditions.raise('io_error');
    entry.read(...paused);
    entry.read(...running);
    expect(entry.conditions.has('io_error')).toBe(true);
  });

  it('all are told sorted, and the hash is that of the set', () => {
    const none = entry.row(0).hashes.status;
    entry.conditions.raise('watchdog');
    entry.conditions.raise('io_error');
    const both = entry.row(0).hashes.status;
    expect(entry.conditions.section.content?.conditions).toEqual(['io_error', 'watchdog']);
    entry.conditions.clear('io_error', 'watchdog', 'memory');
    expect(entry.row(0).hashes.status).toBe(none);
    expect(both).not.toBe(none);
  });
});

describe('states that no reading tells', () => {
  it('one whose monitor is silent is not responding, with the raw state that was read', () => {
    entry.monitor = 'suspect';
    expect(stateOf()).toBe('running');
    entry.monitor = 'silent';
    expect(entry.row(0)).toMatchObject({ state: 'not_responding', raw: { state: '1', reason: '1' } });
    entry.read(...stopped);
    expect(stateOf()).toBe('stopped');
    expect(entry.monitor, 'the next run begins well').toBe('answers');
  });

  it('one that moves is never called silent: libvirt itself watches it', () => {
    entry.monitor = 'silent';
    entry.moves('outgoing');
    expect(stateOf()).toBe('migrating_out');
  });

  it('M1: a job decides on which side of a move a domain is', () => {
    entry.read(...pausedByMove);
    expect(stateOf()).toBe('migrating_out');
    entry.moves('incoming');
    expect(stateOf()).toBe('migrating_in');
    entry.read(1, 2);
    expect([stateOf(), entry.job], 'it has arrived').toEqual(['running', undefined]);
  });

  it('M1: one that moves while it is paused has arrived when libvirt calls it paused on purpose', () => {
    entry.read(3, 11);
    entry.moves('incoming');
    entry.read(...pausedByMove);
    expect(stateOf()).toBe('migrating_in');
    entry.read(...paused);
    expect([stateOf(), entry.job]).toEqual(['paused', undefined]);
    entry.moves('incoming');
    expect(stateOf(), 'that answer is older').toBe('paused');
    entry.beginArriving();
    expect(stateOf(), 'so is that word of libvirt').toBe('paused');
    entry.moves('outgoing');
    expect(stateOf(), 'and may leave again').toBe('migrating_out');
  });

  it('M1: where the job cannot be read, libvirt’s word that it is arriving stands in for it', () => {
    const arriving = new DomainEntry(domain);
    arriving.beginArriving();
    arriving.read(...pausedByMove);
    expect(arriving.row(0).state).toBe('migrating_in');
  });

  it('M1: an answer that the move is over, newer than the state that was read, never makes arriving leaving', () => {
    entry.read(...pausedByMove);
    entry.moves('incoming');
    entry.moves(undefined);
    expect(stateOf()).toBe('migrating_in');
    entry.read(1, 2);
    expect(stateOf()).toBe('running');
  });

  it('M1: nor arriving starting, where it was read before QEMU was ready', () => {
    entry.read(3, 11);
    entry.moves('incoming');
    entry.moves(undefined);
    expect(stateOf()).toBe('migrating_in');
    entry.read(1, 2);
    expect(stateOf()).toBe('running');
  });

  it('M2: a move that is cancelled leaves it running', () => {
    entry.moves('outgoing');
    entry.read(...pausedByMove);
    entry.read(1, 6);
    expect(stateOf()).toBe('running');
  });
});

describe('a guest that was paused when it was saved: libvirt calls it "paused (migrating)" once it is restored', () => {
  beforeEach(() => {
    entry.read(...saved);
    entry.beginRestoring();
    entry.read(3, 11);
  });

  it('S6: is paused when libvirt says that it is restored', () => {
    entry.endRestoring();
    entry.read(...pausedByMove);
    expect([stateOf(), entry.awaitsJob]).toEqual(['paused', false]);
    entry.read(...running);
    expect(stateOf()).toBe('running');
    entry.read(...pausedByMove);
    expect(entry.awaitsJob, 'it ran since: this pause may be a move').toBe(true);
  });

  it('S6: is restoring until two answers in a row say that it has no job, where the event was missed', () => {
    entry.read(...pausedByMove);
    entry.moves(undefined);
    expect(stateOf()).toBe('restoring');
    entry.moves(undefined);
    expect(stateOf()).toBe('paused');
  });

  it('S6: is paused also to a driver that never saw it restored, and never migrating before', () => {
    const met = new DomainEntry(domain);
    met.read(...pausedByMove);
    expect(met.awaitsJob).toBe(true);
    met.moves(undefined);
    expect(met.awaitsJob, 'it may be between a move and its end').toBe(true);
    met.moves(undefined);
    expect([met.awaitsJob, met.row(0).state]).toEqual([false, 'paused']);
  });

  it('M1: one that then moves away is migrating', () => {
    entry.endRestoring();
    entry.read(...pausedByMove);
    entry.moves('outgoing');
    expect(stateOf()).toBe('migrating_out');
  });
});

describe('addresses (S3)', () => {
  const card = (...addresses: readonly string[]): GuestInterface => ({
    name: 'eth0',
    mac: '52:54:00:00:00:01',
    addresses: addresses.map((address) => ({ family: 'ipv4', address, prefixLength: 24 })),
  });
  const says = (...addresses: readonly string[]): string =>
    entry.agentSaid(agentReport([card(...addresses)], new Map()));
  const known = (): readonly string[] | undefined => entry.guest.content?.addresses.map(({ address }) => address);

  it('an agent that says once that all addresses are gone is asked again; twice is believed', () => {
    expect(says('10.0.0.1')).toBe('changed');
    expect(says()).toBe('doubtful');
    expect(known()).toEqual(['10.0.0.1']);
    expect(says()).toBe('changed');
    expect(known()).toEqual([]);
  });

  it('an address that comes back in between takes the doubt away', () => {
    says('10.0.0.1');
    says();
    expect(says('10.0.0.1')).toBe('same');
    expect(says()).toBe('doubtful');
    expect(known()).toEqual(['10.0.0.1']);
  });

  it('one of several that goes is believed at once', () => {
    says('10.0.0.1', '10.0.0.2');
    expect(says('10.0.0.2')).toBe('changed');
    expect(known()).toEqual(['10.0.0.2']);
  });

  it('a shutdown in progress removes nothing before the VM is down, whatever the agent says', () => {
    says('10.0.0.1');
    entry.read(...stopping);
    expect([says(), says(), known()]).toEqual(['same', 'same', ['10.0.0.1']]);
    entry.read(...stopped);
    expect(known()).toEqual([]);
  });

  it('a guest that is saved keeps what it had: nobody can say', () => {
    says('10.0.0.1');
    entry.read(...saved);
    expect(entry.guest.observed).toBe('unavailable');
  });

  it('a saved guest is suspended and keeps what it had, also when libvirtd was restarted and has forgotten why it is off', () => {
    says('10.0.0.1');
    entry.read(...saved);
    entry.read(...forgotten);
    expect(entry.guest.observed, 'not asked yet').toBe('unavailable');
    expect(entry.row(0)).toMatchObject({ state: 'stopped', forgotten: true });
    entry.hasSave(true);
    expect(entry.guest.observed).toBe('unavailable');
    expect(entry.row(0)).toMatchObject({ state: 'suspended', reason: 'saved', raw: { state: '5', reason: '0' } });
    expect(entry.row(0).forgotten).toBeUndefined();
    entry.read(3, 11);
    expect(stateOf(), 'it is being started').toBe('restoring');
  });

  it('one that is off and not saved has no addresses, whatever libvirtd has forgotten', () => {
    says('10.0.0.1');
    entry.read(...forgotten);
    entry.hasSave(false);
    expect(known()).toEqual([]);
    expect(entry.row(0)).toMatchObject({ state: 'stopped', forgotten: true });
  });

  it('leases stand in for an agent that has not answered in this run, and an empty list of them says nothing', () => {
    entry.leased([card('10.0.0.9')]);
    entry.leased([]);
    expect(known()).toEqual(['10.0.0.9']);
    says('10.0.0.1');
    expect(known()).toEqual(['10.0.0.1']);
    entry.identify({ ...domain, id: 8 });
    entry.read(...running);
    expect(entry.guest.observed, 'another run').toBe('unavailable');
  });
});
