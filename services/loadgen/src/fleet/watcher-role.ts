import { channels, type HostCoverage, type VMChanged, type VMStateChanged } from '@vedette/model';
import type { Clock } from '@vedette/runtime';
import type { Fleet } from '@vedette/simulation';
import { type EncodedHistogram, LatencyHistogram } from '../harness/histogram.ts';
import { onClock } from '../harness/shared-time.ts';
import type { Role, RoleContext } from '../roles/role.ts';
import { FleetLedger, type FleetLedgerVerdict } from './fleet-ledger.ts';
import { ProbeReceiver } from './probe.ts';
import { type FleetSpec, fleetOf } from './spec.ts';
import { changesOn } from './true-changes.ts';
import { emptyVerdict, type HostVerdict, type ToldState, verifyHost } from './verify.ts';

export interface WatcherSettings {
  readonly spec: FleetSpec;
}

export interface WatcherProgress {
  readonly stateEvents: number;
  readonly fleetEvents: number;
  readonly otherEvents: number;
}

export interface VerifyRequest {
  /** In the fleet's time. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly shortMs: number;
}

/** What became of every change of the window. */
export interface WatcherVerdict {
  /** With the first misfits only; their numbers are below. */
  readonly states: HostVerdict;
  readonly lost: number;
  readonly untrue: number;
  readonly stateLatency: EncodedHistogram;
  readonly fleet: FleetLedgerVerdict;
  readonly probeLatency: EncodedHistogram;
  /** Messages that this subscriber was too slow for: what they told counts as lost, and was not. */
  readonly dropped: number;
  /** Hosts with a proof of at most 6 s, of all hosts, as the coverage reports say; undefined before the first. */
  readonly freshShare: number | undefined;
}

const TOLERANCE_MS = 5;
/** What happened so long before the window explains what was told in it. */
const LEAD_MS = 60_000;
const FRESH_MS = 6_000;
/** This subscriber must not be the one that loses: the first contact of a large fleet comes all at once. */
const MOST_WAITING = 1_000_000;

/**
 * A subscriber who follows the fleet as any program would, and in the end holds what was told against what was so. What
 * comes in is only noted while the load runs; it is judged afterwards.
 */
export async function startWatcher({ spec }: WatcherSettings, { clock, wires }: RoleContext): Promise<Role> {
  const watcher = new Watcher(spec, clock);
  const bus = await wires.connect('watcher', { maxVolatileMessages: MOST_WAITING });
  await bus.subscribe({
    patterns: [pattern(channels.VMStateChanged.address), pattern(channels.VMChanged.address)],
    handler: (subject, payload) => watcher.heard(subject, payload),
  });
  await bus.subscribe({
    patterns: [pattern(channels.HostCoverage.address)],
    handler: (_subject, payload) => watcher.covered(payload),
  });
  const raw = await wires.raw('watcher');
  const probes = new ProbeReceiver(raw, clock);
  await raw.flush();
  return {
    calls: {
      begin: () => {
        probes.latency = new LatencyHistogram();
        watcher.begin();
      },
      progress: () => watcher.progress,
      verify: (request: VerifyRequest): WatcherVerdict => ({
        ...watcher.verify(request),
        probeLatency: probes.latency.encode(),
        dropped: bus.counters.volatileDropped,
      }),
    },
    stop: () => bus.close(),
  };
}

function pattern(address: string): string {
  return address.replaceAll(/\{[^}]+\}/g, '*');
}

const STATE_SUBJECT = channels.VMStateChanged.address.split('{', 1)[0] as string;

class Watcher {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #originMs: number;
  readonly #told = new Map<number, ToldState[]>();
  readonly #ledger = new FleetLedger();
  #stateEvents = 0;
  #fleetEvents = 0;
  #otherEvents = 0;
  readonly #covered = { fresh: 0, hosts: 0 };

  constructor(spec: FleetSpec, clock: Clock) {
    this.#fleet = fleetOf(spec);
    this.#clock = clock;
    this.#originMs = onClock(clock, spec.originSharedMs);
  }

  get progress(): WatcherProgress {
    return { stateEvents: this.#stateEvents, fleetEvents: this.#fleetEvents, otherEvents: this.#otherEvents };
  }

  begin(): void {
    this.#covered.fresh = 0;
    this.#covered.hosts = 0;
  }

  heard(subject: string, payload: Uint8Array): void {
    const atMs = this.#clock.now() - this.#originMs;
    const { data } = JSON.parse(Buffer.from(payload).toString()) as { readonly data: unknown };
    if (subject.startsWith(STATE_SUBJECT)) this.#stateHeard(data as VMStateChanged['data'], atMs);
    else {
      this.#fleetEvents++;
      this.#ledger.heard(data as VMChanged['data'], atMs);
    }
  }

  /** Every host is as old as its member says, or as the exceptions do. */
  covered(payload: Uint8Array): void {
    const { data } = JSON.parse(Buffer.from(payload).toString()) as HostCoverage;
    const old = Object.values(data.exceptions).filter((agoMs) => agoMs === null || agoMs > FRESH_MS).length;
    const others = data.hosts - Object.keys(data.exceptions).length;
    const stale = old + (data.provedAgoMs > FRESH_MS ? others : 0);
    this.#covered.hosts += data.hosts;
    this.#covered.fresh += data.hosts - stale;
  }

  verify({ fromMs, toMs, shortMs }: VerifyRequest): Omit<WatcherVerdict, 'probeLatency' | 'dropped'> {
    const states = emptyVerdict();
    const latency = new LatencyHistogram();
    const judging = this.#ledger.judge(fromMs, toMs);
    for (let host = 0; host < this.#fleet.options.hosts; host++) {
      const truth = changesOn(this.#fleet, host, Math.max(0, fromMs - LEAD_MS), toMs);
      const told = this.#told.get(host) ?? [];
      addVerdict(states, verifyHost(truth, told, { fromMs, shortMs, toleranceMs: TOLERANCE_MS }, latency));
      judging.host(this.#fleet.topology.hostId(host), truth);
    }
    const { hosts, fresh } = this.#covered;
    return {
      states: shortened(states),
      lost: states.lost.length,
      untrue: states.untrue.length,
      stateLatency: latency.encode(),
      fleet: judging.verdict(),
      freshShare: hosts === 0 ? undefined : fresh / hosts,
    };
  }

  #stateHeard({ host, vm, to, passed, version }: VMStateChanged['data'], atMs: number): void {
    this.#stateEvents++;
    const index = this.#fleet.topology.hostIndex(host);
    if (index === undefined) {
      this.#otherEvents++;
      return;
    }
    const told: ToldState = { vm, to, passed, version, atMs };
    const held = this.#told.get(index);
    if (held === undefined) this.#told.set(index, [told]);
    else held.push(told);
  }
}

function addVerdict(sum: HostVerdict, one: HostVerdict): void {
  sum.changes += one.changes;
  sum.told += one.told;
  sum.passed += one.passed;
  sum.short += one.short;
  sum.duplicates += one.duplicates;
  for (const misfit of one.lost) sum.lost.push(misfit);
  for (const misfit of one.untrue) sum.untrue.push(misfit);
}

/** Most misfits that a report names. */
const MOST_NAMED = 1_000;

function shortened(verdict: HostVerdict): HostVerdict {
  return { ...verdict, lost: verdict.lost.slice(0, MOST_NAMED), untrue: verdict.untrue.slice(0, MOST_NAMED) };
}
