import { runCommand } from '../command.ts';
import { eventually } from '../eventually.ts';
import { systemEnv } from './availability.ts';
import type { FullGuestOptions, Guest } from './guests.ts';
import { type LibvirtOptions, type PrivateLibvirt, startLibvirt } from './private-libvirt.ts';

export type LibvirtPairOptions = Pick<LibvirtOptions, 'settings' | 'startTimeoutMs' | 'signal'>;

export interface MigrationOptions {
  /** {@link LibvirtPair.source} unless said. */
  readonly from?: PrivateLibvirt;
  /** The other one of the pair unless said. */
  readonly to?: PrivateLibvirt;
  /** True unless said; otherwise the guest is paused while its memory moves. */
  readonly live?: boolean;
  /** True unless said: the guest is defined on the destination too. */
  readonly persistent?: boolean;
  /** True unless said: its definition leaves the source. */
  readonly undefineSource?: boolean;
  /** Allows {@link LibvirtPair.switchToPostcopy} while it runs; false unless said. */
  readonly postcopy?: boolean;
  /** QEMU's own limit unless said. 1 holds a restless guest for good, until {@link LibvirtPair.allowBandwidth} or an abort. */
  readonly bandwidthMiBs?: number;
  /** 120,000 unless said; at its end the client of the migration is killed, and libvirt aborts it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Starts two real libvirtd, hosts of different identity, whose guests can move from one to the other. Both are private
 * as those of {@link startLibvirt}, but share one network. About 2 s; the migration of a BIOS-only guest takes as much.
 */
export async function startLibvirtPair(options: LibvirtPairOptions = {}): Promise<LibvirtPair> {
  const ports = (first: number) => ({ migration_port_min: first, migration_port_max: first + 63 });
  const source = await startLibvirt({ ...options, qemuSettings: ports(49_152) });
  try {
    const destination = await startLibvirt({ ...options, qemuSettings: ports(49_216), networkOf: source });
    return new LibvirtPair(source, destination);
  } catch (error) {
    await source.stop();
    throw error;
  }
}

/** Whoever started it stops it (or `await using`). "Source" is where guests begin; they can move back, too. */
export class LibvirtPair implements AsyncDisposable {
  readonly source: PrivateLibvirt;
  readonly destination: PrivateLibvirt;

  /** Use {@link startLibvirtPair}. */
  constructor(source: PrivateLibvirt, destination: PrivateLibvirt) {
    this.source = source;
    this.destination = destination;
  }

  /** {@link PrivateLibvirt.startFullGuest} on the source, with the network of both up, so that it can move. */
  async startFullGuest(name: string, options: FullGuestOptions = {}): Promise<Guest> {
    await this.source.startNetwork();
    await this.destination.startNetwork();
    return this.source.startFullGuest(name, options);
  }

  /**
   * Moves a guest and resolves when it runs at the destination.
   *
   * @throws VedetteError VDT_TESTBED_COMMAND with libvirt's words when it failed or was aborted
   */
  async migrate(name: string, options: MigrationOptions = {}): Promise<void> {
    const { from = this.source, bandwidthMiBs, timeoutMs = 120_000, signal } = options;
    const { to = from === this.source ? this.destination : this.source } = options;
    const { live = true, persistent = true, undefineSource = true, postcopy = false } = options;
    const flags = [
      ...(live ? ['--live'] : []),
      ...(persistent ? ['--persistent'] : []),
      ...(undefineSource ? ['--undefinesource'] : []),
      ...(postcopy ? ['--postcopy'] : []),
      ...(bandwidthMiBs === undefined ? [] : ['--bandwidth', String(bandwidthMiBs)]),
      // A full guest's disk is a file that both see; libvirt cannot know that, and calls it unsafe.
      '--unsafe',
    ];
    const where = [name, uriOf(to), '--migrateuri', 'tcp://127.0.0.1'];
    await runCommand('virsh', ['--quiet', '--connect', uriOf(from), 'migrate', ...flags, ...where], {
      env: systemEnv,
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Waits until memory of a guest that is leaving `on` has been sent: only then can its migration be changed. */
  async migrationBegun(name: string, on: PrivateLibvirt = this.source, timeoutMs = 30_000): Promise<void> {
    const check = async (): Promise<void> => {
      const job = await on.virsh('domjobinfo', name);
      if (!/Memory processed: +(?!0\.000)\d/.test(job)) throw new Error(`nothing of ${name} was sent yet:\n${job}`);
    };
    await eventually(check, { timeoutMs });
  }

  /** Aborts the migration of a guest that is leaving `on`; it goes on running there. */
  async abortMigration(name: string, on: PrivateLibvirt = this.source): Promise<void> {
    await on.virsh('domjobabort', name);
  }

  /** Ends the hold of a migration begun with `bandwidthMiBs`. */
  async allowBandwidth(name: string, mebibytesPerSecond: number, on: PrivateLibvirt = this.source): Promise<void> {
    await on.virsh('migrate-setspeed', name, String(mebibytesPerSecond));
  }

  /** From now on the guest runs at the destination, and its memory follows. Only for migrations begun with `postcopy`. */
  async switchToPostcopy(name: string, on: PrivateLibvirt = this.source): Promise<void> {
    await this.migrationBegun(name, on);
    await on.virsh('migrate-postcopy', name);
  }

  /** Ends both. Idempotent. */
  async stop(): Promise<void> {
    await Promise.all([this.source.stop(), this.destination.stop()]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function uriOf(libvirt: PrivateLibvirt): string {
  return `qemu+unix:///system?socket=${libvirt.socketPath}`;
}
