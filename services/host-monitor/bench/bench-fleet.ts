import type { GuestDetails, RuntimeRow, RuntimeStats, Section, StatusDocument } from '@vedette/fetcher';
import { canonicalAddresses, type SectionDocument } from '@vedette/model';

/**
 * VMs as agents tell them, made when asked for and kept by nobody: addresses as many as in the simulated fleets (2.7 on
 * average, 1.2 of them IPv6), hashes of 64 bits, names like Nova's.
 */
export interface BenchVM {
  readonly vm: string;
  readonly seat: number;
}

export interface BenchFleet {
  readonly hosts: number;
  readonly vmsPerHost: number;
}

function mixed(seed: number, salt: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(salt + 1, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x27d4eb2f);
  hash = Math.imul(hash ^ (hash >>> 13), 0x165667b1);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function hex(number: number, digits = 8): string {
  return number.toString(16).padStart(digits, '0').slice(-digits);
}

export function vmsOf(fleet: BenchFleet, host: number): BenchVM[] {
  return Array.from({ length: fleet.vmsPerHost }, (_, place) => {
    const seat = host * fleet.vmsPerHost + place;
    const [a, b, c] = [mixed(seat, 1), mixed(seat, 2), mixed(seat, 3)];
    return { seat, vm: `${hex(a)}-${hex(b, 4)}-4${hex(c, 3)}-8${hex(b >>> 16, 3)}-${hex(c >>> 12, 4)}${hex(seat)}` };
  });
}

const sectionHash = (seat: number, section: number): string =>
  hex(mixed(seat, section)) + hex(mixed(seat, section + 50));

/** A row; `version` counts changes of its state. Where `hashes` is false they were told before. */
function rowOf({ vm, seat }: BenchVM, rev: number, version: number, hashes: boolean): RuntimeRow {
  const paused = version % 2 === 1;
  return {
    vm,
    state: paused ? 'paused' : 'running',
    reason: paused ? 'paused by its user' : 'booted',
    raw: { state: paused ? '3' : '1', reason: '1' },
    name: `instance-${hex(seat)}`,
    cpuUser: mixed(seat, rev) / 2 ** 32,
    cpuSystem: mixed(seat, rev + 7) / 2 ** 34,
    memoryPercent: mixed(seat, rev + 9) / 2 ** 26,
    elapsedS: 100_000 + rev * 3,
    hashes: hashes
      ? {
          info: sectionHash(seat, 11),
          config: sectionHash(seat, 12),
          guest: sectionHash(seat, 13),
          status: sectionHash(0, 14),
        }
      : {},
    rev,
  };
}

export interface PollOptions {
  readonly rev: number;
  /** Which VMs changed their state since the poll before, and how often so far. */
  readonly versionOf: (seat: number) => number;
  readonly hashes: boolean;
}

/** A whole listing, with strings of its own as a parser makes them. */
export function listingOf(fleet: BenchFleet, host: number, { rev, versionOf, hashes }: PollOptions): RuntimeStats {
  const rows = vmsOf(fleet, host).map((one) => rowOf(one, rev, versionOf(one.seat), hashes));
  const stats = {
    ...{ hostUuid: vmsOf({ ...fleet, vmsPerHost: 1 }, host)[0]?.vm, boot: 'boot', rev, complete: true },
    ...{ rows, left: [], agrees: true, unreadable: [] },
  };
  return JSON.parse(JSON.stringify(stats)) as RuntimeStats;
}

export function infoOf({ seat }: BenchVM): Section<SectionDocument> {
  return { observed: 'ok', hash: sectionHash(seat, 11), content: { name: `instance-${hex(seat)}`, vcpus: 2 } };
}

export function configOf({ seat }: BenchVM): Section<SectionDocument> {
  return { observed: 'ok', hash: sectionHash(seat, 12), content: { machine: 'q35', memoryMiB: 4096 } };
}

export function statusOf(): Section<StatusDocument> {
  return { observed: 'ok', hash: sectionHash(0, 14), content: { conditions: [] } };
}

export function guestOf({ seat }: BenchVM): Section<GuestDetails> {
  const [a, b, c] = [(seat >>> 16) & 0xff, (seat >>> 8) & 0xff, seat & 0xff];
  const mac = (nic: number): string => `52:54:0${nic}:${hex(a, 2)}:${hex(b, 2)}:${hex(c, 2)}`;
  const chance = (salt: number): number => mixed(seat, salt) / 2 ** 32;
  const texts = [
    ...[`10.${a}.${b}.${c}`],
    ...(chance(21) < 0.25 ? [`198.18.${b}.${c}`] : []),
    ...(chance(22) < 0.5
      ? [`fe80::5054:ff:fe${hex(a, 2)}:${hex(b, 2)}${hex(c, 2)}`, `2001:db8:${hex(a, 4)}:${hex(seat, 4)}::1`]
      : []),
    ...(chance(22) < 0.2 ? [`fd00:${hex(a, 4)}:${hex(seat, 4)}::1`] : []),
  ];
  const nic = (address: string, index: number) =>
    ({ address, mac: mac(index), interface: `eth${index}`, source: 'agent' }) as const;
  const reports = texts.map((address) => nic(address, 0));
  if (chance(23) < 0.25) reports.push(nic(`172.${16 + (a & 15)}.${b}.${c}`, 1));
  const content: GuestDetails = {
    addresses: canonicalAddresses(reports),
    os: 'Debian GNU/Linux 12 (bookworm)',
    hostname: `instance-${hex(seat)}`,
    apps: ['kernel-6.1.0-32-amd64', 'qemu-guest-agent-8.2'],
  };
  return { observed: 'ok', hash: sectionHash(seat, 13), content: JSON.parse(JSON.stringify(content)) as GuestDetails };
}
