import { type BusWorld, busConformance, type ConformanceLimits } from '@vedette/bus/conformance';
import { createMemoryBroker } from '@vedette/bus/memory';
import { type Clock, RealClock } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import type { Bus, BusCapabilities } from '../src/port.ts';

const capabilities: BusCapabilities = {
  positions: false,
  persistent: false,
  replay: true,
  dedup: true,
  noResponders: true,
  delayedNak: true,
  deadLetters: true,
};

const limits = {
  maxPayloadBytes: 64 * 1024,
  ackWaitMs: 1_000,
  maxDeliveries: 4,
  maxGroupMessages: 200,
  maxVolatileMessages: 50,
} satisfies ConformanceLimits;

function createWorld(clock: Clock): BusWorld {
  const broker = createMemoryBroker({ clock, limits });
  const names = new Map<Bus, string>();
  const nameOf = (bus: Bus): string => names.get(bus) ?? '';
  return {
    connect: async () => {
      const name = `client${names.size}`;
      const bus = broker.connect({ name });
      names.set(bus, name);
      return bus;
    },
    cut: async (bus) => broker.disconnect(nameOf(bus)),
    heal: async (bus) => broker.reconnect(nameOf(bus)),
    deadLetters: async () => broker.deadLetters.map(({ payload }) => payload),
    [Symbol.asyncDispose]: () => broker.close(),
  };
}

const simulated = new SimulatedClock();
busConformance('memory, simulated clock', {
  capabilities,
  limits,
  clock: simulated,
  setup: async () => createWorld(simulated),
  wait: (ms) => simulated.advance(ms),
});

const real = new RealClock();
busConformance('memory, real clock', {
  capabilities,
  limits,
  clock: real,
  setup: async () => createWorld(real),
  wait: (ms) => real.sleep(ms),
});
