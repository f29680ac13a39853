import { type TestContext, test } from 'vitest';
import type { Bus, BusCapabilities, Consumer, Delivery, OutgoingMessage, PublishOutcome } from '../port.ts';
import type { BusWorld, ConformanceTarget } from './target.ts';

/** A time-out that must never be waited for in full. */
export const longMs = 60_000;

/** A time-out that is meant to pass. */
export const shortMs = 100;

/** A time-out that passes, and within which a broker in another process answers even on a busy machine. */
export const amplyMs = 600;

/** How long anything may take that should simply happen; generous, since it only decides when to call it a failure. */
const patienceMs = 10_000;

let scenes = 0;

/** One test's bus, with the words the tests are written in. */
export class Scene {
  readonly target: ConformanceTarget;
  readonly world: BusWorld;
  /** A token no other test uses, so that drivers may share a broker between tests. */
  readonly token = `c${process.pid}n${scenes++}`;
  #ids = 0;

  constructor(target: ConformanceTarget, world: BusWorld) {
    this.target = target;
    this.world = world;
  }

  // ---- Names -------------------------------------------------------------------------------------------------

  /** A subject for durable messages; `vm` is one token. */
  event(vm = 'v1'): string {
    return `vedette.v1.vm.state.${this.token}.${vm}`;
  }

  get events(): string {
    return `vedette.v1.vm.state.${this.token}.>`;
  }

  /** A subject for volatile messages. */
  get sample(): string {
    return `vedette.v1.stats.vm.${this.token}`;
  }

  /** A subject for requests. */
  get request(): string {
    return `vedette.v1.observer.${this.token}.snapshot`;
  }

  group(name = 'g'): string {
    return `${this.token}-${name}`;
  }

  message(text: string, subject = this.event()): OutgoingMessage {
    return { subject, id: `${this.token}/${this.#ids++}`, payload: bytes(text) };
  }

  messages(count: number, prefix = 'm'): OutgoingMessage[] {
    return Array.from({ length: count }, (_, at) => this.message(`${prefix}${at}`));
  }

  /** The texts of {@link messages} from one number up to another. */
  numbered(from: number, to: number): string[] {
    return Array.from({ length: to - from }, (_, at) => `m${from + at}`);
  }

  // ---- Doing -------------------------------------------------------------------------------------------------

  async connect(): Promise<Bus> {
    return this.world.connect();
  }

  async publish(
    bus: Bus,
    messages: readonly OutgoingMessage[],
    timeoutMs = longMs,
  ): Promise<PublishOutcome['status'][]> {
    const outcomes = await this.within(bus.publish(messages, { timeoutMs }));
    return outcomes.map(({ status }) => status);
  }

  async consume(bus: Bus, group = this.group(), maxInFlight = 1_000): Promise<Consumer> {
    return this.within(bus.consume({ group, patterns: [this.events], maxInFlight }));
  }

  /** Takes exactly `count` deliveries, however many batches it takes. */
  async take(consumer: Consumer, count: number): Promise<Delivery[]> {
    const taken: Delivery[] = [];
    while (taken.length < count) {
      // oxlint-disable-next-line no-await-in-loop -- one next at a time is the contract
      const batch = await this.within(consumer.next(count - taken.length));
      if (batch === undefined) throw new Error(`the consumer closed after ${taken.length} of ${count} deliveries`);
      taken.push(...batch);
    }
    return taken;
  }

  /** Everything that an iteration yields, letting time pass until it ends. */
  async collect(replies: AsyncIterable<Uint8Array>): Promise<string[]> {
    return this.within(
      (async () => {
        const collected: string[] = [];
        for await (const reply of replies) collected.push(text(reply));
        return collected;
      })(),
    );
  }

  // ---- Waiting -----------------------------------------------------------------------------------------------

  /** The promise's outcome, letting time pass until it settles; fails after 10 s on the driver's clock. */
  async within<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const outcome = promise.finally(() => {
      settled = true;
    });
    outcome.catch(() => undefined); // whoever awaits it below gets the error; until then it is not unhandled
    await this.until(() => settled, 'the call did not settle');
    return outcome;
  }

  /** Lets time pass until the condition holds. */
  async until(condition: () => boolean, otherwise = 'the condition did not hold'): Promise<void> {
    const { clock, wait } = this.target;
    const endMs = clock.now() + patienceMs;
    // oxlint-disable-next-line no-await-in-loop -- time passes step by step
    for (let stepMs = 0; !condition(); stepMs = Math.min(50, stepMs * 2 + 1)) {
      if (clock.now() > endMs) throw new Error(`${otherwise} within ${patienceMs} ms`);
      await wait(stepMs);
    }
  }

  /** Long enough for anything under way to arrive; what is still missing then does not come. */
  async quiet(): Promise<void> {
    await this.target.wait(shortMs);
  }

  /** Whether a call under way stays without an answer for that long. */
  async idle(call: Promise<unknown>): Promise<boolean> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    call.then(note, note);
    await this.quiet();
    return !settled;
  }

  /** Whether `work` settles long before a deadline of `longMs`; its error if it fails. */
  async atOnce(work: () => Promise<unknown>): Promise<unknown> {
    const { clock } = this.target;
    const startMs = clock.now();
    const error = await this.within(failureOf(work()));
    if (clock.now() - startMs > longMs / 10) throw new Error('it waited instead of answering at once');
    return error;
  }
}

export type SceneBody = (scene: Scene, context: TestContext) => Promise<void>;

/** Registers a test with a bus of its own, taken down at the end. */
export function scene(target: ConformanceTarget, title: string, body: SceneBody): void {
  test(title, async (context) => {
    const world = await target.setup();
    try {
      await body(new Scene(target, world), context);
    } finally {
      await closeWorld(target, world);
    }
  });
}

/** A test of a declared capability; where it is not declared, a visible skip that says so. */
export function declaredScene(
  target: ConformanceTarget,
  capability: keyof BusCapabilities,
  title: string,
  body: SceneBody,
): void {
  if (target.capabilities[capability]) scene(target, title, body);
  else test(title, (context) => context.skip(`not declared: ${capability}`));
}

async function closeWorld(target: ConformanceTarget, world: BusWorld): Promise<void> {
  let closed = false;
  const closing = Promise.resolve(world[Symbol.asyncDispose]()).finally(() => {
    closed = true;
  });
  // oxlint-disable-next-line no-await-in-loop -- a drain may need time to pass
  while (!closed) await target.wait(10);
  await closing;
}

/** What a promise rejects with; undefined when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

export function texts(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ payload }) => text(payload));
}

/** A promise settled from outside. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
