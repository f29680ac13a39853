import type { Bus, Consumer, Delivery, OutgoingMessage } from '@vedette/bus';
import { connectNats, type NatsOptions } from '@vedette/bus/nats';
import { RealClock, type VedetteError } from '@vedette/runtime';

export const clock = new RealClock();

/** A time-out that must never be waited for in full. */
export const timeoutMs = 30_000;

/** Connects to these servers; without a stream unless one is given. */
export async function connect(servers: readonly string[], options: Partial<NatsOptions> = {}): Promise<Bus> {
  return connectNats({
    servers,
    clock,
    name: 'test',
    connectTimeoutMs: timeoutMs,
    reconnectWaitMs: 50,
    stream: false,
    ...options,
  });
}

let streams = 0;

/** A name, and subjects of its own, so that tests can share a server. */
export function ownStream(): { readonly name: string; readonly subjects: string[]; readonly base: string } {
  const name = `T${streams++}`;
  return { name, subjects: [`v.${name}.>`], base: `v.${name}` };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

/** m0, m1, ... with ids of the subject's own. */
export function messages(subject: string, count: number, prefix = 'm'): OutgoingMessage[] {
  return Array.from({ length: count }, (_, at) => ({
    subject,
    id: `${subject}/${prefix}${at}`,
    payload: bytes(`${prefix}${at}`),
  }));
}

/** What a promise rejects with; undefined when it does not. */
export async function failure(promise: Promise<unknown>): Promise<VedetteError | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => error as VedetteError,
  );
}

/** Takes and acknowledges deliveries until the condition holds. */
export async function take(consumer: Consumer, until: (taken: readonly Delivery[]) => boolean): Promise<Delivery[]> {
  const taken: Delivery[] = [];
  while (!until(taken)) {
    // oxlint-disable-next-line no-await-in-loop -- one next at a time is the contract
    for (const delivery of (await consumer.next(64)) ?? []) {
      taken.push(delivery);
      delivery.ack();
    }
  }
  return taken;
}
