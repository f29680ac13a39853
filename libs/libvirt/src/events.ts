import { type Domain, decodeDomain } from './domain.ts';
import type { XdrDecoder } from './xdr.ts';

/** What libvirt tells without being asked. Events are hints: read the state again, never derive it from them. */
export type DomainEvent =
  | {
      readonly type: 'lifecycle';
      readonly domain: Domain;
      /** virDomainEventType; see {@link lifecycleEvents}. */
      readonly event: number;
      /** Its meaning depends on the event. */
      readonly detail: number;
    }
  /** The guest rebooted; libvirt sends three of these for one reboot, and no lifecycle event. */
  | { readonly type: 'reboot'; readonly domain: Domain }
  | {
      readonly type: 'agent';
      readonly domain: Domain;
      readonly connected: boolean;
      /** 0 unknown, 1 domain started, 2 channel. */
      readonly reason: number;
    }
  /** The guest's watchdog fired, and QEMU did what the definition says. */
  | { readonly type: 'watchdog'; readonly domain: Domain; readonly action: WatchdogAction }
  | {
      readonly type: 'ioError';
      readonly domain: Domain;
      /** The alias of the disk: `virtio-disk0`. */
      readonly device: string;
      /** The file or device behind it, on the host. */
      readonly sourcePath: string;
      readonly action: IoErrorAction;
      /** `enospc`, `eperm`, `eio`, `eother`; empty where QEMU gave none. */
      readonly reason: string;
    }
  /** The guest's memory grew or shrank by its balloon; QEMU tells it at most once a second. */
  | { readonly type: 'balloon'; readonly domain: Domain; readonly actualKiB: number }
  /** A device was plugged in or has been given up by the guest: read the definition again. */
  | { readonly type: 'device'; readonly domain: Domain; readonly device: string; readonly added: boolean }
  /** A pass over the memory of a guest that is leaving begins: the first sign of an outgoing migration. */
  | { readonly type: 'migrationIteration'; readonly domain: Domain; readonly iteration: number }
  /** The host found broken memory of a guest (since libvirt 6.9). */
  | {
      readonly type: 'memoryFailure';
      readonly domain: Domain;
      readonly recipient: MemoryFailureRecipient;
      readonly action: MemoryFailureAction;
    };

/** virDomainEventWatchdogAction, in its order; `unknown` is what a later libvirt added. */
const watchdogActions = ['none', 'pause', 'reset', 'poweroff', 'shutdown', 'debug', 'injectNmi'] as const;
/** virDomainEventIOErrorAction. */
const ioErrorActions = ['none', 'pause', 'report'] as const;
/** virDomainMemoryFailureRecipientType. */
const memoryFailureRecipients = ['hypervisor', 'guest'] as const;
/** virDomainMemoryFailureActionType. */
const memoryFailureActions = ['ignore', 'inject', 'fatal', 'reset'] as const;

export type WatchdogAction = (typeof watchdogActions)[number] | 'unknown';
export type IoErrorAction = (typeof ioErrorActions)[number] | 'unknown';
export type MemoryFailureRecipient = (typeof memoryFailureRecipients)[number] | 'unknown';
export type MemoryFailureAction = (typeof memoryFailureActions)[number] | 'unknown';

function word<const Word extends string>(words: readonly Word[], number: number): Word | 'unknown' {
  return words[number] ?? 'unknown';
}

export type DomainEventType = DomainEvent['type'];

/**
 * One message libvirtd may send. A type of ours can stand for several of them.
 *
 * The event ids are those of libvirt-domain.h (virDomainEventID), the procedures those of remote_protocol.x; both were
 * checked against the table of events in libvirt.so 9.0.0.
 */
interface EventKind {
  readonly type: DomainEventType;
  /** virDomainEventID: what is registered for. */
  readonly eventId: number;
  /** The procedure number its messages carry. */
  readonly procedure: number;
  readonly decode: (decoder: XdrDecoder) => DomainEvent;
}

const kinds: readonly EventKind[] = [
  {
    type: 'lifecycle',
    eventId: 0,
    procedure: 318,
    decode: (decoder) => ({
      type: 'lifecycle',
      domain: decodeDomain(decoder),
      event: decoder.int(),
      detail: decoder.int(),
    }),
  },
  {
    type: 'reboot',
    eventId: 1,
    procedure: 319,
    decode: (decoder) => ({ type: 'reboot', domain: decodeDomain(decoder) }),
  },
  {
    type: 'agent',
    eventId: 18,
    procedure: 348,
    decode: (decoder) => ({
      type: 'agent',
      domain: decodeDomain(decoder),
      connected: decoder.int() === 1,
      reason: decoder.int(),
    }),
  },
  {
    type: 'watchdog',
    eventId: 3,
    procedure: 321,
    decode: (decoder) => ({
      type: 'watchdog',
      domain: decodeDomain(decoder),
      action: word(watchdogActions, decoder.int()),
    }),
  },
  { type: 'ioError', eventId: 6, procedure: 324, decode: decodeIoError },
  {
    type: 'balloon',
    eventId: 13,
    procedure: 331,
    decode: (decoder) => ({ type: 'balloon', domain: decodeDomain(decoder), actualKiB: decoder.unsignedHyper() }),
  },
  { type: 'device', eventId: 15, procedure: 333, decode: (decoder) => decodeDevice(decoder, false) },
  { type: 'device', eventId: 19, procedure: 354, decode: (decoder) => decodeDevice(decoder, true) },
  {
    type: 'migrationIteration',
    eventId: 20,
    procedure: 359,
    decode: (decoder) => ({
      type: 'migrationIteration',
      domain: decodeDomain(decoder),
      iteration: decoder.int(),
    }),
  },
  { type: 'memoryFailure', eventId: 25, procedure: 423, decode: decodeMemoryFailure },
];

function decodeIoError(decoder: XdrDecoder): DomainEvent {
  const domain = decodeDomain(decoder);
  const sourcePath = decoder.string();
  const device = decoder.string();
  const action = word(ioErrorActions, decoder.int());
  return { type: 'ioError', domain, device, sourcePath, action, reason: decoder.string() };
}

function decodeDevice(decoder: XdrDecoder, added: boolean): DomainEvent {
  return { type: 'device', domain: decodeDomain(decoder), device: decoder.string(), added };
}

function decodeMemoryFailure(decoder: XdrDecoder): DomainEvent {
  const domain = decodeDomain(decoder);
  const recipient = word(memoryFailureRecipients, decoder.int());
  const action = word(memoryFailureActions, decoder.int());
  decoder.uint(); // whether the guest must act, and whether it came while an earlier one was handled
  return { type: 'memoryFailure', domain, recipient, action };
}

const kindOfProcedure = new Map(kinds.map((kind) => [kind.procedure, kind]));

/** Every type, each once. */
export const domainEventTypes: readonly DomainEventType[] = [...new Set(kinds.map((kind) => kind.type))];

/** What to register for, to be told events of a type. */
export function eventIdsOf(type: DomainEventType): readonly number[] {
  return kinds.filter((kind) => kind.type === type).map((kind) => kind.eventId);
}

/**
 * Reads an event message. Undefined for a message of a kind this client does not know: libvirtd sends those only to who
 * registered for them, so there is nothing to do about one.
 */
export function decodeEvent(procedure: number, decoder: XdrDecoder): DomainEvent | undefined {
  const kind = kindOfProcedure.get(procedure);
  if (kind === undefined) return undefined;
  decoder.int(); // which registration it is for: we have one of each type
  const event = kind.decode(decoder);
  decoder.end();
  return event;
}
