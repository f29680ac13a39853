import { type ActorFailure, type ActorRef, ActorSystem } from '@vedette/actor';
import type { Bus, Subscription } from '@vedette/bus';
import type { HostDriver, HostFetcher } from '@vedette/fetcher';
import { decodeMarkCast, escapeToken, subjectPatterns, subjects } from '@vedette/model';
import { type Clock, type Random, type RunPart, type StopOptions, type Timer, VedetteError } from '@vedette/runtime';
import type { Store } from '@vedette/store';
import type { Logger } from '@vedette/telemetry';
import { AtOnceBudget } from './at-once-budget.ts';
import { BlindTeller } from './blind-teller.ts';
import { defaultMonitorConfig, type MonitorConfig } from './config.ts';
import { CoverageReporter } from './coverage.ts';
import './errors.ts';
import { MonitorCounters } from './counters.ts';
import { hostActor } from './host-actor.ts';
import type { DrainOutcome, HostMessage } from './host-messages.ts';
import type { HostProof } from './host-proof.ts';
import { ListingGate } from './listing-gate.ts';
import { serveObserver } from './requests.ts';
import { type Blindness, type HostInSight, Sight } from './sight.ts';
import { type TableSize, VMTable } from './vm-table/index.ts';

/** A host to watch. */
export interface WatchedHost {
  readonly id: string;
  readonly realm: string;
  /** The scheme names the driver. */
  readonly url: string;
}

export interface HostMonitorOptions {
  /** Names this process among the monitors; must satisfy `isIdentifier`. */
  readonly member: string;
  readonly bus: Bus;
  /** Where observers are opened and closed; nothing else of the store is touched. */
  readonly observers: Pick<Store, 'openObserver' | 'closeObserver'>;
  readonly drivers: readonly HostDriver[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config?: Partial<MonitorConfig>;
  /** Chance for backoff jitter. Default Math.random. */
  readonly random?: Random;
}

/** Watches hosts: one actor each, one coverage report for all. A part of a process; hosts come and go while it runs. */
export interface HostMonitor extends RunPart {
  readonly counters: Readonly<MonitorCounters>;
  /** Hosts watched now, by id. */
  readonly proofs: ReadonlyMap<string, Readonly<HostProof>>;
  /** Undefined while it sees its hosts (I2). */
  readonly blind: Blindness | undefined;
  /** Hosts being listed whole, and those that wait for it. */
  readonly wholeListings: { readonly underWay: number; readonly waiting: number };
  /** What is known of the VMs of all hosts, and the room it takes. */
  readonly known: TableSize;
  /** Host actors' mailboxes and restarts, for metrics. */
  actorCounters(): ReturnType<ActorSystem['counters']>;
  /**
   * Watches a host from now on; does nothing when it is watched already.
   * @throws VedetteError VDT_MONITOR_NO_DRIVER, or VDT_FETCHER_URL when the driver cannot use the URL
   */
  addHost(host: WatchedHost): Promise<void>;
  /** Ends watching it, telling first what was seen. Resolves when its actor is gone. */
  removeHost(id: string, options?: { readonly timeoutMs?: number }): Promise<void>;
}

interface Watched {
  readonly host: WatchedHost;
  readonly fetcher: HostFetcher;
  readonly actor: ActorRef<HostMessage>;
  readonly proof: HostProof;
  readonly inSight: HostInSight;
  readonly requests: Subscription;
}

const hope: HostMessage = { kind: 'hope' };
/** Echoes come in bursts when a mark is cast; one early report carries them all. */
const earlyCoverageMs = 10;
const drainTimeoutMs = 5_000;
/** Between two looks at the bus and at what speaks for blindness. */
const lookIntervalMs = 1_000;

export function createHostMonitor(options: HostMonitorOptions): HostMonitor {
  return new Monitor(options);
}

class Monitor implements HostMonitor {
  readonly name = 'host-monitor';
  readonly counters = new MonitorCounters();
  readonly #options: HostMonitorOptions;
  readonly #config: MonitorConfig;
  readonly #system: ActorSystem;
  readonly #definition: ReturnType<typeof hostActor>;
  readonly #coverage: CoverageReporter;
  readonly #watched = new Map<string, Watched>();
  readonly #proofs = new Map<string, HostProof>();
  #marks: Subscription | undefined;
  readonly #sight: Sight;
  readonly #gate: ListingGate;
  readonly #vms = new VMTable();
  readonly #blindTeller: BlindTeller;
  readonly #ended = new AbortController();
  #coverageTimer: Timer | undefined;
  #early = false;
  #lookTimer: Timer | undefined;
  #busWasThere = true;

  constructor(options: HostMonitorOptions) {
    const { member, bus, observers, clock, logger, random = Math.random } = options;
    this.#options = options;
    this.#config = { ...defaultMonitorConfig, ...options.config };
    this.#system = new ActorSystem({
      clock,
      random,
      supervision: { decide: 'restart', restart: { maxRestarts: Number.POSITIVE_INFINITY } },
      onFailure: (failure) => this.#actorFailed(failure),
    });
    const source = `/vedette/host-monitor/${escapeToken(member)}`;
    this.#coverage = new CoverageReporter(member, source, this.#config.pollIntervalMs);
    const { pollIntervalMs, atOncePolls, wholeListings, wholeListingHoldMs, publishTimeoutMs } = this.#config;
    this.#gate = new ListingGate({ clock, places: wholeListings, holdMs: wholeListingHoldMs });
    this.#sight = new Sight({
      bus,
      clock,
      config: this.#config,
      onChange: (blindness) => this.#sightChanged(blindness),
    });
    this.#blindTeller = new BlindTeller({
      ...{ member, source, bus, clock, logger, publishTimeoutMs },
      signal: this.#ended.signal,
    });
    this.#definition = hostActor({
      member,
      bus,
      open: (host) => observers.openObserver(host),
      config: this.#config,
      logger,
      counters: this.counters,
      random,
      atOnce: new AtOnceBudget({ polls: atOncePolls, pollIntervalMs, hosts: () => this.#proofs.size }),
      gate: this.#gate,
      sight: this.#sight,
      vms: this.#vms,
      onProof: () => this.#tellCoverageSoon(),
    });
  }

  get proofs(): ReadonlyMap<string, Readonly<HostProof>> {
    return this.#proofs;
  }

  get blind(): Blindness | undefined {
    return this.#sight.blindness;
  }

  get wholeListings(): { readonly underWay: number; readonly waiting: number } {
    return this.#gate;
  }

  get known(): TableSize {
    return this.#vms.size;
  }

  actorCounters(): ReturnType<ActorSystem['counters']> {
    return this.#system.counters();
  }

  async start(): Promise<void> {
    this.#marks = await this.#options.bus.subscribe({
      patterns: [subjectPatterns.mark],
      handler: (_subject, payload) => this.#markHeard(payload),
    });
    this.#scheduleCoverage(this.#config.coverageIntervalMs);
    this.#look();
  }

  async addHost(host: WatchedHost): Promise<void> {
    if (this.#watched.has(host.id)) return;
    const fetcher = this.#driverFor(host).open({ id: host.id, url: host.url });
    const proof: HostProof = {
      host: host.id,
      provedMs: undefined,
      echoed: undefined,
      heardMark: 0,
      vms: 0,
      stretched: false,
      snapshotTold: false,
    };
    const inSight = this.#sight.enter();
    const actor = this.#system.spawn(this.#definition, { name: host.id, args: { host, fetcher, proof, inSight } });
    this.#proofs.set(host.id, proof);
    const requests = await serveObserver(this.#options.bus, host.id, actor);
    this.#watched.set(host.id, { host, fetcher, actor, proof, inSight, requests });
  }

  async removeHost(id: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    this.#watched.delete(id);
    this.#proofs.delete(id);
    this.#coverage.forget(id);
    await this.#end(watched, options.timeoutMs ?? drainTimeoutMs);
  }

  /** Lets every host tell what it still has to, closes the observers that could, then ends the actors. */
  async stop({ deadlineMs, signal }: StopOptions): Promise<void> {
    this.#coverageTimer?.cancel();
    this.#coverageTimer = undefined;
    this.#lookTimer?.cancel();
    const leftMs = deadlineMs - this.#options.clock.now();
    const drainMs = Math.max(0, Math.min(drainTimeoutMs, leftMs / 2));
    const watched = [...this.#watched.values()];
    this.#watched.clear();
    await Promise.all(watched.map((one) => this.#end(one, signal.aborted ? 0 : drainMs)));
    this.#ended.abort();
    this.#gate.close();
    await this.#marks?.close();
    await this.#system.stop({ timeoutMs: Math.max(0, leftMs / 4), graceMs: 500 });
  }

  async #end(watched: Watched, timeoutMs: number): Promise<void> {
    const { logger, observers } = this.#options;
    const { host, actor, fetcher, inSight, requests } = watched;
    inSight.leave();
    const outcome = await actor
      .ask<DrainOutcome>((reply) => ({ kind: 'drain', reply }), { timeoutMs })
      .catch((error: unknown) => {
        logger.debug({ host: host.id, err: error }, 'ended before everything was told; the next run sends a snapshot');
        return undefined;
      });
    if (outcome?.clean) {
      await observers.closeObserver(host.id, outcome.epoch).catch((error: unknown) => {
        logger.warn({ host: host.id, err: error }, 'the observer could not be closed; the next run sends a snapshot');
      });
    }
    await actor.stop({ drain: false, graceMs: 500 });
    await requests.close();
    await fetcher.close();
  }

  #driverFor(host: WatchedHost): HostDriver {
    const scheme = /^([a-z][a-z0-9+.-]*):/.exec(host.url)?.[1];
    const driver = this.#options.drivers.find((one) => scheme !== undefined && one.schemes.includes(scheme));
    if (driver !== undefined) return driver;
    const known = this.#options.drivers.flatMap((one) => one.schemes).join(', ');
    const message = `no driver serves ${host.url} of host ${host.id}; the schemes served are ${known}`;
    throw new VedetteError('VDT_MONITOR_NO_DRIVER', { message });
  }

  // ---- Coverage and marks ------------------------------------------------------------------------------------

  #markHeard(payload: Uint8Array): void {
    const result = decodeMarkCast(payload);
    if (!result.ok) {
      this.#options.logger.warn({ fault: result.fault }, 'a mark was refused at the door');
      return;
    }
    const { mark, realms } = result.value.data;
    for (const { host, actor, proof } of this.#watched.values()) {
      if (realms.length > 0 && !realms.includes(host.realm)) continue;
      proof.heardMark = Math.max(proof.heardMark, mark);
      actor.offer({ kind: 'mark' });
    }
  }

  #scheduleCoverage(delayMs: number): void {
    this.#coverageTimer?.cancel();
    this.#coverageTimer = this.#options.clock.setTimer(() => {
      this.#early = false;
      this.#tellCoverage();
      this.#scheduleCoverage(this.#config.coverageIntervalMs);
    }, delayMs);
  }

  #tellCoverageSoon(): void {
    if (this.#early || this.#coverageTimer === undefined) return;
    this.#early = true;
    this.#scheduleCoverage(earlyCoverageMs);
  }

  #tellCoverage(): void {
    const { bus, clock, member } = this.#options;
    const coverage = this.#coverage.build(this.#proofs.values(), clock.now(), clock.wallNow(), this.blind);
    bus.send(subjects.coverage(member), Buffer.from(JSON.stringify(coverage)));
  }

  // ---- Our own sight -----------------------------------------------------------------------------------------

  #look(): void {
    const { bus, clock } = this.#options;
    this.#sight.look();
    this.#blindTeller.pump();
    if (bus.connected && !this.#busWasThere) this.#giveHope();
    this.#busWasThere = bus.connected;
    this.#lookTimer = clock.setTimer(() => this.#look(), lookIntervalMs);
  }

  #sightChanged(blindness: Blindness): void {
    const { logger } = this.#options;
    if (blindness.until === undefined) {
      this.counters.blindnesses++;
      logger.warn({ ...blindness }, 'this monitor is blind: no host is judged until it sees again');
    } else {
      logger.info({ ...blindness }, 'this monitor sees again: every host has its full grace from now on');
      this.#giveHope();
    }
    this.#blindTeller.tell(blindness);
    this.#tellCoverageSoon();
  }

  /** Whoever does not answer may have been waiting for our sight only. */
  #giveHope(): void {
    for (const { actor } of this.#watched.values()) actor.offer(hope);
  }

  #actorFailed(failure: ActorFailure): void {
    const { path, phase, decision, restarts, error } = failure;
    const detail = { host: path, phase, decision, restarts, err: error };
    if (VedetteError.is(error, 'VDT_MONITOR_SUPERSEDED'))
      this.#options.logger.warn(detail, 'observer superseded, opened anew');
    else this.#options.logger.error(detail, 'host actor failed');
  }
}
