import type { BusCounters } from '../../port.ts';

/** The counters of one connection while they count; born at zero. */
export type LiveCounters = { -readonly [Name in keyof BusCounters]: BusCounters[Name] };

export function createCounters(): LiveCounters {
  return {
    published: 0,
    publishFailed: 0,
    delivered: 0,
    acknowledged: 0,
    redelivered: 0,
    deadLettered: 0,
    volatileSent: 0,
    volatileDelivered: 0,
    volatileDropped: 0,
    calls: 0,
    callsFailed: 0,
    handlerErrors: 0,
  };
}
