import type { OutgoingMessage, PublishOutcome } from '@vedette/bus';
import {
  type AddressesValue,
  type ConditionsValue,
  type ConfigValue,
  diffAddresses,
  diffConditions,
  diffConfig,
  diffGuest,
  type GuestValue,
  hasArrived,
  maxPassedStates,
  type RegisterName,
  registerNames,
  type Version,
} from '@vedette/model';
import type { MonitorConfig } from './config.ts';
import { buildEvent, buildHostEvent, type EventOrigin } from './event-builder.ts';
import type { HostHealthChange } from './host-health.ts';
import {
  type KnownVMs,
  lastSent,
  type Observation,
  type PendingState,
  type RegisterSet,
  type SeenState,
  seenState,
  setRegister,
  type VMEntry,
} from './knowledge.ts';
import { buildSnapshot } from './snapshot.ts';

/** One message of the batch in flight. */
interface Sent {
  readonly message: OutgoingMessage;
  /** What its acknowledgement makes published. */
  readonly settles: ReadonlyArray<{ readonly entry: VMEntry; readonly values: RegisterSet }>;
  /** What it says of the host itself, which no snapshot says. */
  readonly hostChange?: HostHealthChange;
}

/**
 * What one observer still has to tell (I3).
 *
 * O1. A value is published only when the bus acknowledged the event that carries it.
 * O2. One batch is in flight; a seq is bound to its bytes when the batch is built, and what is in doubt is sent again
 *     unchanged, before anything newer.
 * O3. A change is compared with the value in doubt if there is one; it waits as the one pending change of its
 *     register, taking in what follows, so memory is bounded by the number of VMs however long the bus is away.
 * O4. An event refused for good is told by a snapshot instead; one that no snapshot tells (about the host itself, or
 *     that nothing is wrong any more with a VM that left), by another event.
 * O5. That the host answers again is told after what was found there: from then on its sightings count, and those of
 *     before its outage must not. That it does not answer is told first.
 *
 * Pure of I/O: the host actor publishes what {@link nextBatch} gives and reports to {@link settle}.
 */
export class Outbox {
  readonly #origin: EventOrigin;
  readonly #config: MonitorConfig;
  readonly #entries: KnownVMs;
  readonly #dirty = new Set<VMEntry>();
  #hostChange: HostHealthChange | undefined;
  #inFlight: Sent[] = [];
  #seq = 0;
  /** Everything is to be told, as soon as nothing else waits; `firstContact`: it tells what is pending too. */
  #snapshot: { readonly observation: Observation; readonly firstContact: boolean } | undefined;
  /** Until its first snapshot a host that was never met before tells nothing else of its VMs. */
  #silent: boolean;
  #troubled = false;
  /** One of the batch in flight was refused for good (O4). */
  #refused = false;

  constructor(
    origin: EventOrigin,
    config: MonitorConfig,
    entries: KnownVMs,
    options: { readonly firstContact: boolean },
  ) {
    this.#origin = origin;
    this.#config = config;
    this.#entries = entries;
    this.#silent = options.firstContact;
  }

  /** Changes that are not on their way yet. */
  get pending(): number {
    return this.#dirty.size;
  }

  get inFlight(): number {
    return this.#inFlight.length;
  }

  /** Nothing pending, nothing in doubt: everything observed so far is acknowledged. */
  get settled(): boolean {
    return this.#inFlight.length === 0 && this.#dirty.size === 0 && this.#hostChange === undefined && !this.#snapshot;
  }

  /** The last version that was sent, whether acknowledged or not. */
  get version(): Version {
    return { epoch: this.#origin.epoch, seq: this.#seq };
  }

  // ---- What was observed -------------------------------------------------------------------------------------

  observeState(entry: VMEntry, seen: SeenState, observation: Observation): void {
    const pending = entry.pending?.state;
    const before = pending?.seen ?? lastSent(entry, 'state');
    const reborn = seen.recreated === true;
    // The rule of diffState, asked without building a value: every VM passes here at every poll.
    if (before !== undefined && before.state === seen.state && before.reason === seen.reason && !reborn) return;
    if (pending === undefined) {
      const state = { seen, ...observation, passed: [], relapsed: false, reborn, held: this.#troubled };
      entry.pending = { ...entry.pending, state };
    } else coalesce(pending, seen, observation);
    entry.retries = undefined; // in another state the guest may answer
    if (reborn || (before !== undefined && !hasArrived(before.state) && hasArrived(seen.state))) forgetAddresses(entry);
    this.#dirty.add(entry);
  }

  /** What was seen late says nothing of the state, but that the VM was defined anew is said once (M8). */
  observeRecreation(entry: VMEntry, observation: Observation): void {
    const last = seenState(entry);
    if (last === undefined) return;
    const { state, reason, raw } = last;
    this.observeState(entry, { state, reason, raw, recreated: true }, observation);
  }

  observeAddresses(entry: VMEntry, seen: AddressesValue, observation: Observation): void {
    const told = lastSent(entry, 'addresses');
    const untoldSinceActive = !entry.addressesFresh && !(told?.length === 0 && seen.length === 0);
    entry.addressesFresh = true;
    const waiting = entry.pending?.addresses;
    if (waiting !== undefined && diffAddresses(waiting.value, seen) === undefined) return;
    const difference = diffAddresses(untoldSinceActive ? undefined : told, seen);
    this.#pend(entry, 'addresses', difference?.value, observation);
  }

  /** @param force tell it although nothing changed: somebody asked for the document */
  observeConfig(entry: VMEntry, seen: ConfigValue, observation: Observation, force = false): void {
    const difference = diffConfig(lastSent(entry, 'config'), seen);
    this.#pend(entry, 'config', difference?.value ?? (force ? seen : undefined), observation);
  }

  /** @param force as for {@link observeConfig} */
  observeGuest(entry: VMEntry, seen: GuestValue, observation: Observation, force = false): void {
    const difference = diffGuest(lastSent(entry, 'guest'), seen);
    this.#pend(entry, 'guest', difference?.value ?? (force ? seen : undefined), observation);
  }

  observeConditions(entry: VMEntry, seen: ConditionsValue, observation: Observation): void {
    const difference = diffConditions(lastSent(entry, 'conditions'), seen);
    this.#pend(entry, 'conditions', difference?.value, observation);
  }

  observeHost(change: HostHealthChange): void {
    const from = this.#hostChange === undefined ? change.from : this.#hostChange.from;
    this.#hostChange = { ...change, from };
  }

  /** Asks for a snapshot; told once everything pending is (O3), or in place of it at the first contact. */
  requestSnapshot(observation: Observation): void {
    this.#snapshot = { observation, firstContact: this.#silent };
  }

  /** Replaces the pending change of a register; undefined: there is nothing to tell any more. */
  #pend<N extends Exclude<RegisterName, 'state'>>(
    entry: VMEntry,
    name: N,
    value: RegisterSet[N] | undefined,
    observation: Observation,
  ): void {
    if (value !== undefined) {
      entry.pending = { ...entry.pending, [name]: { value, ...observation } };
      this.#dirty.add(entry);
    } else if (entry.pending?.[name] !== undefined) {
      delete entry.pending[name];
      this.#forgetIfClean(entry);
    }
  }

  #forgetIfClean(entry: VMEntry): void {
    if (entry.pending !== undefined && Object.keys(entry.pending).length > 0) return;
    entry.pending = undefined;
    this.#dirty.delete(entry);
  }

  // ---- What goes out -----------------------------------------------------------------------------------------

  /** The messages to publish now: what is in doubt, else a new batch; empty when there is nothing to send yet. */
  nextBatch(nowMs: number, observation: Observation): readonly OutgoingMessage[] {
    if (this.#inFlight.length === 0) this.#build(nowMs, observation);
    return this.#inFlight.map((sent) => sent.message);
  }

  /** When a change that is held back for its rate (S7) may go; undefined when nothing is held back. */
  nextFlushMs(): number | undefined {
    if (this.#silent) return undefined;
    let earliest: number | undefined;
    for (const entry of this.#dirty) {
      const dueMs = entry.windowStartMs + 1_000;
      if (earliest === undefined || dueMs < earliest) earliest = dueMs;
    }
    return earliest;
  }

  /** Takes in what became of the batch, in its order. Returns whether anything is still in doubt. */
  settle(outcomes: readonly PublishOutcome[]): boolean {
    const doubtful: Sent[] = [];
    this.#inFlight.forEach((sent, index) => {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome.status === 'in_doubt') doubtful.push(sent);
      else {
        this.#settleOne(sent);
        if (outcome.status === 'refused') this.#takeBack(sent);
      }
    });
    this.#inFlight = doubtful;
    this.#troubled = doubtful.length > 0;
    if (doubtful.length === 0) {
      if (this.#refused)
        this.#snapshot ??= { observation: { observedAt: this.#nowText(), via: 'resync' }, firstContact: false };
      this.#refused = false;
    }
    return this.#troubled;
  }

  /** O4 */
  #takeBack({ hostChange, settles }: Sent): void {
    this.#refused = true;
    for (const { entry, values } of settles) {
      if (values.conditions === undefined || seenState(entry)?.state !== 'absent') continue;
      const again = { value: values.conditions, observedAt: this.#nowText(), via: 'resync' } as const;
      entry.pending = { conditions: again, ...entry.pending };
      this.#dirty.add(entry);
    }
    if (hostChange !== undefined) this.#hostChange = { ...(this.#hostChange ?? hostChange), from: hostChange.from };
  }

  #settleOne(sent: Sent): void {
    for (const { entry, values } of sent.settles) {
      for (const name of Object.keys(values) as RegisterName[]) {
        setRegister(entry.published, name, values[name]);
        if (entry.sent !== undefined) delete entry.sent[name];
      }
      if (entry.sent !== undefined && Object.keys(entry.sent).length === 0) entry.sent = undefined;
      const forgotten = entry.published.state?.state === 'absent' && entry.pending === undefined;
      if (forgotten && this.#entries.get(entry.vm) === entry) this.#entries.delete(entry.vm);
    }
  }

  #build(nowMs: number, observation: Observation): void {
    if (this.#silent || this.#hostChange?.to === 'non_responsive') this.#buildHostChange();
    if (this.#snapshot?.firstContact) this.#buildSnapshot(this.#snapshot.observation, true);
    else if (!this.#silent) {
      this.#buildEvents(nowMs);
      // Room is left: nothing that may be told now waits for another batch (O5).
      if (this.#inFlight.length < this.#config.batchEvents) this.#buildHostChange();
      if (this.#snapshot !== undefined && this.#inFlight.length === 0) {
        this.#buildSnapshot({ ...observation, via: 'resync' }, false);
      }
    }
  }

  #buildHostChange(): void {
    const hostChange = this.#hostChange;
    if (hostChange === undefined) return;
    this.#inFlight.push({ message: buildHostEvent(this.#origin, hostChange, ++this.#seq), settles: [], hostChange });
    this.#hostChange = undefined;
  }

  #buildEvents(nowMs: number): void {
    for (const entry of this.#dirty) {
      if (this.#inFlight.length >= this.#config.batchEvents) return;
      if (entry.pending?.state !== undefined && !this.#mayTellState(entry, nowMs)) {
        // The rest waits too: what was seen after a VM became active must not be told before that.
        entry.pending.state.held = true;
        continue;
      }
      const values: RegisterSet = {};
      for (const name of registerNames) {
        if (entry.pending?.[name] === undefined) continue;
        const built = buildEvent(this.#origin, entry, name, ++this.#seq);
        const value: RegisterSet = {};
        setRegister(value, name, built.value);
        this.#inFlight.push({ message: built.message, settles: [{ entry, values: value }] });
        Object.assign(values, value);
        delete entry.pending[name];
      }
      if (Object.keys(values).length > 0) entry.sent = { ...entry.sent, ...values };
      this.#forgetIfClean(entry);
    }
  }

  #mayTellState(entry: VMEntry, nowMs: number): boolean {
    if (nowMs - entry.windowStartMs >= 1_000) {
      entry.windowStartMs = nowMs;
      entry.eventsInWindow = 0;
    }
    if (entry.eventsInWindow >= this.#config.stateEventsPerSecond) return false;
    entry.eventsInWindow++;
    return true;
  }

  /** @param absorb take in what is pending; else it stays pending and follows as events of its own */
  #buildSnapshot(observation: Observation, absorb: boolean): void {
    const present = [...this.#entries.values()].filter((entry) => isPresent(entry, absorb));
    const parts = buildSnapshot(this.#origin, present, {
      firstSeq: this.#seq + 1,
      maxPartBytes: this.#config.snapshotPartBytes,
      observation,
      absorb,
    });
    this.#seq += parts.length;
    for (const part of parts) {
      this.#inFlight.push({ message: part.message, settles: part.rows });
      if (!absorb) continue;
      for (const { entry, values } of part.rows) {
        entry.sent = values;
        entry.pending = undefined;
        this.#dirty.delete(entry);
      }
    }
    this.#snapshot = undefined;
    this.#silent = false;
  }

  #nowText(): string {
    return new Date(this.#origin.wallNow()).toISOString();
  }
}

/** O3. Of a VM that was defined anew, what the former one under its UUID went through is not told. */
function coalesce(pending: PendingState, seen: SeenState, { observedAt, via }: Observation): void {
  if (seen.recreated) {
    pending.passed.length = 0;
    pending.reborn = true;
  } else if (pending.seen.state !== seen.state) pending.passed.push(pending.seen.state);
  if (pending.passed.length > maxPassedStates) pending.passed.shift();
  if (!hasArrived(pending.seen.state)) pending.relapsed = true;
  pending.seen = seen;
  pending.observedAt = observedAt;
  pending.via = via;
  pending.held = true;
}

function isPresent(entry: VMEntry, withPending: boolean): boolean {
  const pending = withPending ? entry.pending?.state?.seen.state : undefined;
  const state = pending ?? lastSent(entry, 'state')?.state;
  return state !== undefined && state !== 'absent';
}

/** Those of a VM that became active are to be observed anew and told even if they are the same: see `activation`. */
function forgetAddresses(entry: VMEntry): void {
  entry.addressesFresh = false;
  delete entry.taken.guest;
}
