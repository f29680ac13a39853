import type { OutgoingMessage } from '@vedette/bus';
import {
  type AddressesValue,
  type ConditionsValue,
  type ConfigValue,
  diffAddresses,
  diffConditions,
  diffConfig,
  type EventName,
  envelope,
  type GuestValue,
  hasArrived,
  type RegisterName,
  type StateValue,
  stateClass,
  subjects,
  type Version,
  type VMState,
  zeroVersion,
} from '@vedette/model';
import type { HostHealthChange } from './host-health.ts';
import { lastSent, type PendingState, type PendingValue, type VMEntry } from './knowledge.ts';

/** Whose events they are, and what labels them. */
export interface EventOrigin {
  readonly host: string;
  readonly epoch: number;
  /** `/vedette/host-monitor/<member>` */
  readonly source: string;
  readonly wallNow: () => number;
}

/** The id of an observer's event: the same for every repetition, another for every other event. */
export function eventId(host: string, version: Version): string {
  return `${host}/${version.epoch}/${version.seq}`;
}

/** Serialises one event; done once, and the same bytes are sent again as long as it is in doubt (I3). */
export function encodeEvent<N extends EventName>(
  origin: EventOrigin,
  event: { readonly name: N; readonly subject: string; readonly version: Version; readonly data: object },
): OutgoingMessage {
  const id = eventId(origin.host, event.version);
  const document = envelope({
    name: event.name,
    id,
    source: origin.source,
    subject: event.subject,
    wallMs: origin.wallNow(),
    data: event.data,
  });
  return { subject: event.subject, id, payload: Buffer.from(JSON.stringify(document)) };
}

/**
 * The state register that a pending change becomes at `version`. The activation is new when the VM became active, was
 * down in between or was defined anew; else it is the one that was sent before. So is the birth, where there is one.
 */
export function stateValueAt(before: StateValue | undefined, pending: PendingState, version: Version): StateValue {
  const { seen } = pending;
  const wasActive = before !== undefined && hasArrived(before.state) && !pending.relapsed && !pending.reborn;
  const activated = hasArrived(seen.state) && !wasActive;
  const born = pending.reborn ? version : before?.born;
  const lastPresent = stateClass(seen.state) === 'left' ? lastPresentBefore(before, pending) : undefined;
  return {
    state: seen.state,
    reason: seen.reason,
    raw: seen.raw,
    activation: activated ? version : (before?.activation ?? zeroVersion),
    held: activated ? pending.held : (before?.held ?? false),
    ...(born === undefined ? {} : { born }),
    ...(lastPresent === undefined ? {} : { lastPresent }),
  };
}

/** What was seen to have left by migration was migrating last, whether a poll happened to see that or not. */
function lastPresentBefore(before: StateValue | undefined, pending: PendingState): VMState | undefined {
  const passed = pending.passed.findLast((state) => state !== 'absent') ?? before?.state;
  if (passed === 'migrated_away' && pending.seen.state === 'absent') return 'migrating_out';
  return passed !== undefined && stateClass(passed) !== 'left' ? passed : before?.lastPresent;
}

/** One event with the register value that its acknowledgement makes published. */
export interface BuiltEvent {
  readonly message: OutgoingMessage;
  readonly register: RegisterName;
  readonly value: unknown;
}

/** Builds the event for one pending change of one register. */
export function buildEvent(origin: EventOrigin, entry: VMEntry, register: RegisterName, seq: number): BuiltEvent {
  const version = { epoch: origin.epoch, seq };
  const pending = entry.pending?.[register] as PendingState | PendingValue<unknown>;
  const about = {
    host: origin.host,
    vm: entry.vm,
    version,
    observedAt: pending.observedAt,
    via: pending.via,
  };
  const body = bodies[register](entry, pending as never, version);
  const subject = body.subject(origin.host, entry.vm);
  const data = { ...about, ...body.difference, value: body.value };
  return { message: encodeEvent(origin, { name: body.name, subject, version, data }), register, value: body.value };
}

interface Body {
  readonly name: EventName;
  readonly subject: (host: string, vm: string) => string;
  readonly difference: object;
  readonly value: unknown;
}

const bodies = {
  state(entry: VMEntry, pending: PendingState, version: Version): Body {
    const before = lastSent(entry, 'state');
    return {
      name: 'VMStateChanged',
      subject: subjects.vmState,
      difference: {
        ...(before === undefined ? {} : { from: before.state }),
        to: pending.seen.state,
        passed: pending.passed,
      },
      value: stateValueAt(before, pending, version),
    };
  },
  addresses(entry: VMEntry, pending: PendingValue<AddressesValue>): Body {
    const difference = diffAddresses(lastSent(entry, 'addresses'), pending.value);
    return {
      name: 'IPChanged',
      subject: subjects.vmAddresses,
      difference: { added: difference?.added ?? [], removed: difference?.removed ?? [] },
      value: pending.value,
    };
  },
  config(entry: VMEntry, pending: PendingValue<ConfigValue>): Body {
    const difference = diffConfig(lastSent(entry, 'config'), pending.value);
    return {
      name: 'VMConfigChanged',
      subject: subjects.vmConfig,
      difference: { sections: difference?.sections ?? [] },
      value: pending.value,
    };
  },
  guest(_entry: VMEntry, pending: PendingValue<GuestValue>): Body {
    return { name: 'VMGuestChanged', subject: subjects.vmGuest, difference: {}, value: pending.value };
  },
  conditions(entry: VMEntry, pending: PendingValue<ConditionsValue>): Body {
    const difference = diffConditions(lastSent(entry, 'conditions'), pending.value);
    return {
      name: 'VMConditionChanged',
      subject: subjects.vmCondition,
      difference: { raised: difference?.raised ?? [], cleared: difference?.cleared ?? [] },
      value: pending.value,
    };
  },
} as const;

/** Builds the event about the host itself. */
export function buildHostEvent(origin: EventOrigin, change: HostHealthChange, seq: number): OutgoingMessage {
  const version = { epoch: origin.epoch, seq };
  const { from, ...rest } = change;
  const data = { host: origin.host, version, ...(from === undefined ? {} : { from }), ...rest };
  return encodeEvent(origin, { name: 'HostStateChanged', subject: subjects.hostState(origin.host), version, data });
}
