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
    };

export type DomainEventType = DomainEvent['type'];

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
];

const kindOfType = new Map(kinds.map((kind) => [kind.type, kind]));
const kindOfProcedure = new Map(kinds.map((kind) => [kind.procedure, kind]));

export const domainEventTypes: readonly DomainEventType[] = kinds.map((kind) => kind.type);

export function eventIdOf(type: DomainEventType): number {
  const kind = kindOfType.get(type);
  if (kind === undefined) throw new Error(`no event type ${type}`);
  return kind.eventId;
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
