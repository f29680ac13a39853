import { createMemoryBroker } from '@vedette/bus/memory';
import type { Clock } from '@vedette/runtime';
import type { RawHandler, RawRequester, RawWire, Wires } from './wires.ts';

/** The memory bus, and as its bare client a function call in a microtask. */
export function memoryWires(clock: Clock): Wires {
  const broker = createMemoryBroker({ clock });
  const raw = new BareMemory();
  return {
    kind: 'memory',
    connect: async (name) => broker.connect({ name }),
    raw: async () => raw,
    close: () => broker.close(),
  };
}

class BareMemory implements RawWire {
  readonly #handlers = new Map<string, RawHandler[]>();

  publish(subject: string, payload: Uint8Array): void {
    for (const handler of this.#handlers.get(subject) ?? []) queueMicrotask(() => handler(payload, () => undefined));
  }

  subscribe(subject: string, handler: RawHandler): void {
    this.#handlers.set(subject, [...(this.#handlers.get(subject) ?? []), handler]);
  }

  requester(): RawRequester {
    let pending = 0;
    return {
      get pending() {
        return pending;
      },
      request: (subject, payload, answered) => {
        pending++;
        const answer = (reply: Uint8Array): void => {
          pending--;
          answered(reply);
        };
        queueMicrotask(() =>
          this.#handlers.get(subject)?.[0]?.(payload, (reply) => queueMicrotask(() => answer(reply))),
        );
      },
    };
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}
