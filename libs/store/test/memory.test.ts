import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { storeConformance } from '@vedette/store/conformance';
import { createMemoryStore } from '@vedette/store/memory';

storeConformance('memory', {
  durable: false,
  async setup({ limits } = {}) {
    const clock = new SimulatedClock();
    const store = createMemoryStore(limits === undefined ? { clock } : { clock, limits });
    return { store, clock, reopen: undefined, [Symbol.asyncDispose]: () => store.close() };
  },
});
