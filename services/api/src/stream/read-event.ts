import {
  decodeFleetEvent,
  decodeObserverEvent,
  type FleetEvent,
  type ObserverEvent,
  type Result,
} from '@vedette/model';

/** An event with its JSON text, which streams send on as it is. */
export interface ReadEvent<E> {
  readonly name: string;
  /** One line. */
  readonly json: string;
  readonly event: E;
}

/** Reads a fleet event off the bus (I9); undefined for what is none. */
export function readFleetEvent(payload: Uint8Array): ReadEvent<FleetEvent> | undefined {
  return read(decodeFleetEvent(payload), payload);
}

/** Reads an observer's event off the bus (I9); undefined for what is none. */
export function readObserverEvent(payload: Uint8Array): ReadEvent<ObserverEvent> | undefined {
  return read(decodeObserverEvent(payload), payload);
}

/** `vedette.VMChanged.v1` -> `VMChanged`. */
export function eventName(type: string): string {
  return type.split('.')[1] ?? type;
}

function read<E extends { readonly type: string }>(result: Result<E>, payload: Uint8Array): ReadEvent<E> | undefined {
  if (!result.ok) return undefined;
  const event = result.value;
  const json = Buffer.from(payload).toString('utf8');
  // Written anew only where its sender broke it into lines, which a stream cannot carry.
  return { name: eventName(event.type), json: /[\r\n]/.test(json) ? JSON.stringify(event) : json, event };
}
