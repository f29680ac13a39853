import { type RuntimeRow, StartIntents, type StartOutcome, type StartRequest } from '@vedette/fetcher';
import { isActive } from '@vedette/model';
import type { Clock, Timer } from '@vedette/runtime';
import type { Fleet } from '../fleet.ts';
import type { FleetHost } from '../host.ts';
import { memoryPercent } from '../samples.ts';
import { cutsHints, isCallFault } from '../script/faults.ts';
import { recreationsOf, sameDetails, type VmView } from '../view.ts';
import { hashesOf, loadOf, type RecordedRow, rowOf, sameHashes } from './rows.ts';

/**
 * The agent of one simulated host, as docs/contracts.md describes one: a table of rows, each with the revision it was
 * recorded at, and a word to whoever listens when one changes.
 *
 * A1. The table follows from the fleet and the instants at which it was looked at; asking changes nothing in what it
 *     says of VMs, so any number of pollers is safe (H3).
 * A2. `rev` counts rows recorded in this boot; `stateRev` only those whose state or section changed.
 * A3. One timer a host, set to the host's next change, and only while somebody listens.
 */

/** CPU or memory moving further than this since a row was recorded has it recorded anew. */
const DEAD_BAND_POINTS = 5;
/** Departures kept for deltas; a poller further behind gets a complete listing. */
const LEFT_LIMIT = 1_024;
/** A timer is never set further ahead, however quiet the host is. */
const LONGEST_WAIT_MS = 3_600_000;

/** What goes over the wire when something changes. */
export interface HintMessage {
  readonly boot: string;
  /** The stateRev before and after this hint. */
  readonly prev: number;
  readonly stateRev: number;
  readonly rows: readonly RuntimeRow[];
  readonly left: readonly string[];
}

/** Somebody at the other end of the wire. */
export interface HintListener {
  hint(message: HintMessage): void;
  /** The agent, or the way to it, went away; once it is back, `connected` follows. */
  disconnected(): void;
  connected(): void;
}

interface Departure {
  readonly vm: string;
  readonly rev: number;
}

export class SimulatedAgent {
  readonly host: FleetHost;
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #nowMs: () => number;
  readonly #rows = new Map<string, RecordedRow>();
  readonly #listeners = new Set<HintListener>();
  /** Of every boot: an agent remembers them across its restarts. */
  readonly #intents = new StartIntents();
  #left: Departure[] = [];
  /** Departures up to this revision have been forgotten. */
  #leftForgottenRev = 0;
  #boot = '';
  #rev = 0;
  #stateRev = 0;
  /** Nothing but samples changes from the last look up to here, with a script of this size. */
  #quietFromMs = Number.POSITIVE_INFINITY;
  #quietUntilMs = Number.NEGATIVE_INFINITY;
  #scriptSize = -1;
  #timer: Timer | undefined;
  #stopFollowingScript: (() => void) | undefined;
  #connected = true;

  /** @param nowMs the fleet's time, on `clock` */
  constructor(fleet: Fleet, host: FleetHost, clock: Clock, nowMs: () => number) {
    this.#fleet = fleet;
    this.host = host;
    this.#clock = clock;
    this.#nowMs = nowMs;
  }

  get boot(): string {
    return this.#boot;
  }

  get rev(): number {
    return this.#rev;
  }

  get stateRev(): number {
    return this.#stateRev;
  }

  /** Every VM, as of the last {@link look}. */
  listing(tMs: number): readonly RuntimeRow[] {
    const { cpu } = this.#fleet.options;
    return Array.from(this.#rows.values(), (recorded) => rowOf(cpu, recorded, tMs));
  }

  /** What was recorded after `rev` of this boot; undefined where only a complete listing can answer. */
  delta(
    since: { readonly boot: string; readonly rev: number },
    tMs: number,
  ): { rows: readonly RuntimeRow[]; left: readonly string[] } | undefined {
    if (since.boot !== this.#boot || since.rev > this.#rev || since.rev < this.#leftForgottenRev) return undefined;
    this.#recordSamples(tMs);
    const rows: RuntimeRow[] = [];
    for (const recorded of this.#rows.values()) {
      if (recorded.rev > since.rev) rows.push(rowOf(this.#fleet.options.cpu, recorded, tMs));
    }
    const left = this.#left.filter(({ vm, rev }) => rev > since.rev && !this.#rows.has(vm)).map(({ vm }) => vm);
    return { rows, left: [...new Set(left)] };
  }

  recorded(vm: string): RecordedRow | undefined {
    return this.#rows.get(vm);
  }

  vms(): Iterable<RecordedRow> {
    return this.#rows.values();
  }

  /** Starts a VM that is down, by way of the script; as of the last {@link look}. */
  start(request: StartRequest, wallNowMs: number, tMs: number): Promise<StartOutcome> {
    return this.#intents.answer(request, wallNowMs, () => {
      const { vm } = request;
      const state = this.#rows.get(vm)?.view.state;
      if (state === undefined) return Promise.resolve({ outcome: 'refused', detail: `there is no VM ${vm}` });
      if (isActive(state)) return Promise.resolve({ outcome: 'active', detail: '' });
      this.#fleet.script.add({ kind: 'state', atMs: tMs, host: this.host.id, vm, state: 'running' });
      return Promise.resolve({ outcome: 'started', detail: '' });
    });
  }

  /** Brings the table up to `tMs` and tells the listeners what changed. */
  look(tMs: number): void {
    this.#followConnection(tMs);
    this.#followBoot(tMs);
    const { size } = this.#fleet.script;
    const quiet = size === this.#scriptSize && tMs >= this.#quietFromMs && tMs < this.#quietUntilMs;
    if (!quiet) {
      this.#compare(this.host.at(tMs), tMs);
      this.#scriptSize = size;
      this.#quietFromMs = tMs;
      this.#quietUntilMs = this.host.nextChangeMs(tMs);
    }
  }

  /** Tells `listener` of everything from now on, until the returned function is called. */
  listen(listener: HintListener): () => void {
    this.look(this.#nowMs());
    this.#listeners.add(listener);
    if (!this.#connected) listener.disconnected();
    this.#stopFollowingScript ??= this.#fleet.script.onAdd(() => this.#schedule());
    this.#schedule();
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
      this.#timer?.cancel();
      this.#stopFollowingScript?.();
      this.#stopFollowingScript = undefined;
    };
  }

  /** A3 */
  #schedule(): void {
    this.#timer?.cancel();
    const nowMs = this.#nowMs();
    const nextMs = this.#fleet.script.size === this.#scriptSize ? this.#quietUntilMs : nowMs;
    // A timer of a real clock may fire a fraction early: then the look changes nothing and the next one is set.
    const waitMs = Math.min(Math.max(0, nextMs - nowMs), LONGEST_WAIT_MS);
    this.#timer = this.#clock.setTimer(() => {
      this.look(this.#nowMs());
      if (this.#listeners.size > 0) this.#schedule();
    }, waitMs);
  }

  #followBoot(tMs: number): void {
    const boot = this.host.bootAt(tMs);
    if (boot === this.#boot) return;
    const restarted = this.#boot !== '';
    this.#boot = boot;
    this.#rows.clear();
    this.#left = [];
    this.#leftForgottenRev = 0;
    this.#rev = 0;
    this.#stateRev = 0;
    this.#quietUntilMs = Number.NEGATIVE_INFINITY;
    if (!restarted) return;
    for (const listener of this.#listeners) listener.disconnected();
    this.#compare(this.host.at(tMs), tMs, { quietly: true });
    for (const listener of this.#listeners) listener.connected();
  }

  #followConnection(tMs: number): void {
    if (this.#fleet.script.size === 0) return;
    const fault = this.#fleet.script.faultAt(this.host.id, tMs, isCallFault);
    const connected = fault === undefined || !cutsHints(fault);
    if (connected === this.#connected) return;
    this.#connected = connected;
    for (const listener of this.#listeners) {
      if (connected) listener.connected();
      else listener.disconnected();
    }
  }

  #compare(views: readonly VmView[], tMs: number, options: { readonly quietly?: boolean } = {}): void {
    const changed: RecordedRow[] = [];
    const gone = new Set(this.#rows.keys());
    for (const view of views) {
      gone.delete(view.identity.vm);
      const recorded = this.#record(view, tMs);
      if (recorded !== undefined) changed.push(recorded);
    }
    for (const vm of gone) this.#forget(vm);
    if (changed.length === 0 && gone.size === 0) return;
    const prev = this.#stateRev;
    this.#stateRev = this.#rev;
    if (options.quietly || this.#listeners.size === 0) return;
    const rows = changed.map((recorded) => rowOf(this.#fleet.options.cpu, recorded, tMs));
    const message = { boot: this.#boot, prev, stateRev: this.#stateRev, rows, left: [...gone] };
    for (const listener of this.#listeners) listener.hint(message);
  }

  /** Records a VM whose state or sections are not as recorded; undefined when they are. */
  #record(view: VmView, tMs: number): RecordedRow | undefined {
    const { vm } = view.identity;
    const held = this.#rows.get(vm);
    if (held !== undefined && sameDetails(held.view, view) && held.view.raw === view.raw) return undefined;
    const hashes = hashesOf(view);
    if (held !== undefined && sameSaying(held, view) && sameHashes(held.hashes, hashes)) {
      held.view = view;
      return undefined;
    }
    const recorded: RecordedRow = { view, hashes, rev: 0, cpuPoints: 0, memoryPoints: 0 };
    this.#rows.set(vm, recorded);
    this.#stamp(recorded, tMs);
    return recorded;
  }

  #stamp(recorded: RecordedRow, tMs: number): void {
    recorded.rev = ++this.#rev;
    recorded.cpuPoints = this.#cpuPoints(recorded, tMs);
    recorded.memoryPoints = memoryPercent(recorded.view.identity.key, tMs);
  }

  #cpuPoints({ view }: RecordedRow, tMs: number): number {
    const { user, system } = loadOf(this.#fleet.options.cpu, view, tMs);
    return 100 * (user + system);
  }

  #recordSamples(tMs: number): void {
    for (const recorded of this.#rows.values()) {
      if (recorded.view.startedAtMs === undefined) continue;
      const cpuMoved = Math.abs(this.#cpuPoints(recorded, tMs) - recorded.cpuPoints);
      const memoryMoved = Math.abs(memoryPercent(recorded.view.identity.key, tMs) - recorded.memoryPoints);
      if (cpuMoved > DEAD_BAND_POINTS || memoryMoved > DEAD_BAND_POINTS) this.#stamp(recorded, tMs);
    }
  }

  #forget(vm: string): void {
    this.#rows.delete(vm);
    this.#left.push({ vm, rev: ++this.#rev });
    if (this.#left.length <= LEFT_LIMIT) return;
    this.#leftForgottenRev = this.#left.shift()?.rev ?? 0;
  }
}

function sameSaying(held: RecordedRow, view: VmView): boolean {
  const { state, reason, raw } = held.view;
  return (
    state === view.state &&
    reason === view.reason &&
    raw.state === view.raw.state &&
    raw.reason === view.raw.reason &&
    recreationsOf(held.view) === recreationsOf(view)
  );
}
