import type { Bus, Subscription } from '@vedette/bus';
import type { Opening, Store } from '@vedette/store';

/**
 * Opening observers over the bus, for a monitor in another process than the store. It stands in for what updaters will
 * serve as `vedette.v1.repository.*` (architecture.md, Updater), until they do.
 */
const subjects = { open: 'vedette.v1.loadgen.observer.open', close: 'vedette.v1.loadgen.observer.close' } as const;

const TIMEOUT_MS = 60_000;
/** All hosts of a monitor are opened at once when it starts. */
const MOST_WAITING = 100_000;

export async function serveObservers(bus: Bus, store: Store): Promise<readonly Subscription[]> {
  const bounds = { group: 'loadgen', concurrency: 64, maxQueued: MOST_WAITING };
  const open = await bus.serve({
    ...bounds,
    pattern: subjects.open,
    handler: async ({ payload }) => encode(await store.openObserver(Buffer.from(payload).toString())),
  });
  const close = await bus.serve({
    ...bounds,
    pattern: subjects.close,
    handler: async ({ payload }) => {
      const { observer, epoch } = decode<{ observer: string; epoch: number }>(payload);
      return encode(await store.closeObserver(observer, epoch));
    },
  });
  return [open, close];
}

export function remoteObservers(bus: Bus): Pick<Store, 'openObserver' | 'closeObserver'> {
  const call = async <T>(subject: string, payload: Uint8Array): Promise<T> =>
    decode<T>(await bus.call(subject, payload, { timeoutMs: TIMEOUT_MS }));
  return {
    openObserver: async (observer) => {
      // JSON leaves out what is undefined; the port wants it said.
      const opening = await call<Opening>(subjects.open, Buffer.from(observer));
      return { ...opening, hostUuid: opening.hostUuid, hostState: opening.hostState };
    },
    closeObserver: (observer, epoch) => call(subjects.close, encode({ observer, epoch })),
  };
}

/** For a monitor without a store: every observer is new. */
export const noObservers: Pick<Store, 'openObserver' | 'closeObserver'> = {
  openObserver: () =>
    Promise.resolve({
      ...{ epoch: 1, firstContact: true, cleanEnd: false, vms: [] },
      ...{ hostUuid: undefined, hostState: undefined },
    }),
  closeObserver: () => Promise.resolve(true),
};

function encode(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function decode<T>(payload: Uint8Array): T {
  return JSON.parse(Buffer.from(payload).toString()) as T;
}
