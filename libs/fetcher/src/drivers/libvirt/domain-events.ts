import { lifecycleEvents, type SessionEvent } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import type { Hint } from '../../host-port.ts';
import type { DefinitionReader } from './definition-reader.ts';
import { type DomainEntry, rebootHoldMs } from './domain-entry.ts';
import type { DomainTable } from './domain-table.ts';
import type { DriverContext } from './driver-context.ts';
import type { EventHandler, Happening } from './event-reader.ts';
import type { GuestAgents } from './guest-agents.ts';
import type { JobReader } from './job-reader.ts';

type Event<Type extends SessionEvent['type']> = Extract<SessionEvent, { type: Type }>;

const rereadTimeoutMs = 2_000;
/** virDomainEventStartedDetailType, virDomainEventResumedDetailType, virDomainEventStoppedDetailType, virDomainEventUndefinedDetailType: some. */
const startedMigrated = 1;
const resumedMigrated = 1;
const startedFromSave = 2;
/** virDomainEventSuspendedDetailType: paused, and restored as it had been. */
const suspendedInPlace: readonly number[] = [0, 4];
const stoppedMigrated = 3;
const undefinedRemoved = 0;

export interface DomainEventParts {
  readonly table: DomainTable;
  readonly definitions: DefinitionReader;
  readonly agents: GuestAgents;
  readonly jobs: JobReader;
  /** Calls the handler with a hold-over later. */
  readonly after: (delayMs: number, event: Happening) => void;
  readonly offer: (hint: Hint) => void;
  /** A connection was made. */
  readonly connected: () => void;
  readonly disconnected: () => void;
}

/**
 * What follows from libvirt's events. They are hints: the state is read again at each one (facts: kill -9 says `failed`,
 * the state says `crashed`), and an event about a domain that nobody has listed asks for a poll.
 */
export class DomainEvents implements EventHandler {
  readonly #context: DriverContext;
  readonly #parts: DomainEventParts;

  constructor(context: DriverContext, parts: DomainEventParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async happened(event: Happening): Promise<void> {
    switch (event.type) {
      case 'connected':
        this.#connected();
        return;
      case 'disconnected':
        this.#parts.disconnected();
        this.#poll('the connection to libvirtd was lost');
        return;
      case 'lost':
        this.#lost();
        return;
      case 'hold-over':
        await this.#holdOver(event.vm);
        return;
      default:
        await this.#domainEvent(event);
    }
  }

  async #domainEvent(event: Exclude<SessionEvent, Event<'connected'> | Event<'disconnected'>>): Promise<void> {
    const entry = this.#parts.table.get(event.domain.uuid);
    if (event.type === 'lifecycle' && arrives(event)) this.#parts.table.arrived(event.domain.uuid);
    if (entry === undefined) {
      this.#poll('a domain nobody has listed yet');
      return;
    }
    switch (event.type) {
      case 'lifecycle':
        await this.#lifecycle(entry, event);
        break;
      case 'reboot':
        this.#rebooted(entry);
        break;
      case 'agent':
        if (event.connected) this.#parts.agents.connected(entry);
        break;
      case 'device':
        void this.#parts.definitions.readNow(entry);
        break;
      case 'migrationIteration':
        void this.#moving(entry);
        break;
      case 'balloon':
        break; // what it tells is sampled with the devices; no section has it, so that ballooning changes none
      default:
        await this.#faulted(entry, event);
    }
  }

  /** All that was missed is found by looking again. */
  #connected(): void {
    for (const entry of this.#parts.table.values()) entry.definitionDueMs = 0;
    this.#parts.connected();
    this.#poll('connected');
  }

  #lost(): void {
    for (const entry of this.#parts.table.values()) entry.definitionDueMs = 0;
    this.#poll('libvirt events were lost');
  }

  async #lifecycle(entry: DomainEntry, { domain, event, detail }: Event<'lifecycle'>): Promise<void> {
    if (event === lifecycleEvents.undefined) {
      if (detail === undefinedRemoved) this.#parts.table.undefined(domain.uuid, this.#context.clock.now());
      this.#poll('a domain was undefined');
      return;
    }
    if (event === lifecycleEvents.started) {
      entry.identify(domain);
      if (detail === startedMigrated) entry.beginArriving();
      if (detail === startedFromSave) {
        entry.beginRestoring();
        this.#context.tell(entry);
      }
    }
    if (event === lifecycleEvents.suspended && entry.restoring && suspendedInPlace.includes(detail))
      entry.endRestoring();
    if (event === lifecycleEvents.defined) entry.definitionDueMs = 0;
    await this.#reread(entry, event === lifecycleEvents.stopped && detail !== stoppedMigrated);
  }

  async #reread(entry: DomainEntry, stopped = false): Promise<void> {
    try {
      const connection = await this.#context.session.connection();
      const askedMs = this.#context.clock.now();
      const call = { timeoutMs: rereadTimeoutMs, signal: this.#context.signal };
      const { state, reason } = await connection.domainState(entry.domain, call);
      entry.readAsked(askedMs, state, reason);
      if (entry.mayBeMoving) void this.#tellMoving(entry);
      else this.#context.tell(entry);
    } catch (error) {
      if (stopped && VedetteError.is(error, 'VDT_LIBVIRT_NO_DOMAIN')) entry.stoppedByEvent = true;
      // Gone, or not to be asked: a listing tells which.
      this.#poll('the state after an event could not be read');
    }
  }

  /** Not waited for: the question about its job may be held for a moment, and the events of others must not be. */
  async #tellMoving(entry: DomainEntry): Promise<void> {
    await this.#parts.jobs.readMoving([entry]);
    this.#context.tell(entry);
  }

  #rebooted(entry: DomainEntry): void {
    entry.rebootingUntilMs = this.#context.clock.now() + rebootHoldMs;
    entry.conditions.beginAnew();
    this.#context.tell(entry);
    // No event tells that a move was given up; while it counts as leaving, nobody would see it reboot.
    if (entry.job !== undefined) void this.#moving(entry);
    if (entry.rebootWatched) return; // of the three events of one reboot the first one's watch is enough
    entry.rebootWatched = true;
    this.#parts.after(rebootHoldMs, { type: 'hold-over', vm: entry.domain.uuid });
  }

  async #holdOver(vm: string): Promise<void> {
    const entry = this.#parts.table.get(vm);
    if (entry === undefined) return;
    // Another reboot event came meanwhile, or the timer was early by a hair.
    const leftMs = entry.rebootingUntilMs - this.#context.clock.now();
    if (leftMs > 0) {
      this.#parts.after(Math.ceil(leftMs), { type: 'hold-over', vm });
      return;
    }
    entry.rebootWatched = false;
    await this.#reread(entry);
  }

  /** Not waited for, as {@link #tellMoving}. */
  async #moving(entry: DomainEntry): Promise<void> {
    const before = entry.job;
    await this.#parts.jobs.read(entry);
    if (entry.job !== before) this.#context.tell(entry);
  }

  /** S12. The state is read again, too: what a fault does to the guest is its policy's. */
  async #faulted(entry: DomainEntry, event: Event<'watchdog' | 'ioError' | 'memoryFailure'>): Promise<void> {
    switch (event.type) {
      case 'watchdog':
        entry.conditions.raise('watchdog');
        break;
      case 'ioError':
        entry.conditions.raise('io_error');
        break;
      case 'memoryFailure':
        entry.conditions.raise('memory');
        break;
    }
    this.#context.tell(entry);
    await this.#reread(entry);
  }

  #poll(reason: string): void {
    this.#parts.offer({ kind: 'poll', reason });
  }
}

function arrives({ event, detail }: Event<'lifecycle'>): boolean {
  if (event === lifecycleEvents.started) return detail === startedMigrated;
  return event === lifecycleEvents.resumed && detail === resumedMigrated;
}
