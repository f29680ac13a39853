import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  biosGuest,
  type Guest,
  type LibvirtPair,
  type PrivateLibvirt,
  restlessBootSector,
  startLibvirtPair,
} from '@vedette/testbed/libvirt';
import { Gate } from './gate.ts';
import type { Placement } from './history.ts';

/** One real host of the churn. */
export interface LabHost {
  readonly id: string;
  readonly libvirt: PrivateLibvirt;
  readonly gate: Gate;
}

/** One guest that is churned; what virsh cannot say of it is kept here. */
export interface LabGuest {
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  readonly full: boolean;
  /** The definition, for when it is defined anew. */
  readonly definition: Guest;
  /** As read from virsh last. */
  placement: Placement;
  /** It moved while it was paused, and has not run since: QEMU 7.2 crashes where such a guest is moved or saved. */
  movedPaused: boolean;
  /** The host on which its QEMU was stopped (SIGSTOP). */
  hungOn: LabHost | undefined;
}

export const hostIds = ['kvm1', 'kvm2'] as const;

/** Two real libvirtd and their guests. Whoever started it stops it (or `await using`). */
export class Lab implements AsyncDisposable {
  readonly pair: LibvirtPair;
  readonly hosts: readonly LabHost[];
  readonly guests: LabGuest[] = [];

  private constructor(pair: LibvirtPair) {
    this.pair = pair;
    this.hosts = [pair.source, pair.destination].map((libvirt, at) => ({
      id: hostIds[at] as string,
      libvirt,
      gate: new Gate(),
    }));
  }

  /** Both hosts, and `guests` BIOS-only guests that run, spread over them; then `fullGuests` on the first host. */
  static async begin(options: { readonly guests: number; readonly fullGuests: number }): Promise<Lab> {
    const lab = new Lab(await startLibvirtPair());
    try {
      const bootDisk = join(lab.pair.source.baseDir, 'images/restless.img');
      await writeFile(bootDisk, restlessBootSector());
      for (let index = 0; index < options.guests; index++) await lab.#addBiosGuest(index, bootDisk);
      for (let index = 0; index < options.fullGuests; index++) await lab.#addFullGuest(options.guests + index);
      for (const guest of lab.guests) guest.placement = await lab.placementOf(guest);
      return lab;
    } catch (error) {
      await lab.pair.stop();
      throw error;
    }
  }

  async #addBiosGuest(index: number, bootDisk: string): Promise<void> {
    const name = `churn${index}`;
    const definition = biosGuest(name, { uuid: uuidOf(index), bootDisk });
    const host = this.hosts[index % this.hosts.length] as LabHost;
    await host.libvirt.defineGuest(definition);
    await host.libvirt.virsh('start', name);
    this.#add(index, definition, false);
  }

  async #addFullGuest(index: number): Promise<void> {
    const name = `full${index}`;
    this.#add(index, await this.pair.startFullGuest(name, { uuid: uuidOf(index) }), true);
  }

  #add(index: number, definition: Guest, full: boolean): void {
    const { name, uuid } = definition;
    this.guests.push({ index, name, uuid, full, definition, placement: {}, movedPaused: false, hungOn: undefined });
  }

  host(id: string): LabHost {
    return this.hosts.find((host) => host.id === id) as LabHost;
  }

  otherThan(host: LabHost): LabHost {
    return this.hosts.find((other) => other !== host) as LabHost;
  }

  /**
   * Where a guest is, and in what state, by virsh on both hosts. Two things virsh cannot tell are laid over it: that we
   * stopped its QEMU, and why it is down where libvirtd has forgotten it (its reason is not kept over a restart).
   *
   * @param anew it was defined just now: then it is down for no reason
   */
  async placementOf(guest: LabGuest, anew = false): Promise<Placement> {
    const placement: Record<string, string> = {};
    for (const host of this.hosts) {
      const state = stateOfWords(await domainState(host.libvirt, guest.uuid));
      const hung = guest.hungOn === host && state === 'running';
      const before = guest.placement[host.id] ?? '';
      const forgotten = state === 'stopped?' ? (!anew && down.has(before) ? before : 'stopped') : state;
      placement[host.id] = hung ? 'not_responding' : forgotten;
    }
    return placement;
  }

  /** The addresses of a guest by its own agent, sorted; undefined where it has none, or none that answers now. */
  async addressesOf(guest: LabGuest): Promise<readonly string[] | undefined> {
    const seat = this.hosts.find(({ id }) => guest.placement[id] !== 'absent');
    if (!guest.full || seat === undefined) return undefined;
    if (down.has(guest.placement[seat.id] ?? '')) return guest.placement[seat.id] === 'suspended' ? undefined : [];
    if (guest.placement[seat.id] !== 'running') return undefined;
    const table = await seat.libvirt.virsh('domifaddr', guest.name, '--source', 'agent').catch(() => '');
    const addresses = [...table.matchAll(/ipv[46]\s+(\S+?)\/\d+/g)].map(([, address = '']) => address);
    const own = addresses.filter((address) => address !== '127.0.0.1' && address !== '::1');
    return own.length === 0 ? undefined : own.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pair.stop();
  }
}

const down = new Set(['stopped', 'failed', 'suspended']);

function uuidOf(index: number): string {
  return `00000000-0000-4000-8000-${index.toString().padStart(12, '0')}`;
}

/** The words of `virsh domstate --reason`; empty where there is no such domain. */
async function domainState(libvirt: PrivateLibvirt, uuid: string): Promise<string> {
  const listed = await libvirt.virsh('list', '--all', '--uuid');
  if (!listed.split(/\s+/).includes(uuid)) return '';
  return libvirt.virsh('domstate', uuid, '--reason');
}

/**
 * The oracle's own reading of virsh's words; it shares nothing with the driver's table of numbers. It is asked when no
 * migration is under way: "paused (migrating)" is then what libvirt says of a guest that was paused when it was saved,
 * and has been restored.
 */
export function stateOfWords(words: string): string {
  const known: ReadonlyArray<readonly [RegExp, string]> = [
    [/^$/, 'absent'],
    [/^running/, 'running'],
    [/^idle/, 'running'],
    [/^paused \(post-copy\)/, 'migrating_out'],
    [/^paused \((I\/O error|watchdog|crashed|post-copy failed)\)/, 'paused_error'],
    [/^paused \(saving\)/, 'saving'],
    [/^paused \(starting up\)/, 'starting'],
    [/^paused/, 'paused'],
    [/^in shutdown/, 'stopping'],
    [/^shut off \(saved\)/, 'suspended'],
    [/^shut off \((crashed|failed|daemon)\)/, 'failed'],
    [/^shut off \(migrated\)/, 'migrated_away'],
    [/^shut off \(unknown\)/, 'stopped?'],
    [/^shut off/, 'stopped'],
    [/^crashed/, 'failed'],
    [/^pmsuspended/, 'pm_suspended'],
  ];
  const found = known.find(([pattern]) => pattern.test(words));
  if (found === undefined) throw new Error(`virsh says ${JSON.stringify(words)}, which the oracle cannot read`);
  return found[1];
}
