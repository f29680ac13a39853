import type { Clock } from './clock.ts';
import './error-codes.ts';
import { VedetteError } from './errors.ts';

/**
 * One long-running part of a process.
 *
 * `start` resolves once the part is ready; when it rejects it leaves nothing behind, and `stop` is not called. `stop`
 * is called once, after a start that resolved.
 */
export interface RunPart {
  readonly name: string;
  /** @param options.signal aborts when the group is stopped while this part is still starting */
  start(options: { readonly signal: AbortSignal }): Promise<void>;
  stop(options: StopOptions): Promise<void>;
  /**
   * Read once, after `start` has resolved. When it settles before `stop` was called, the group stops: a rejection is
   * the group's error, a plain end becomes VDT_RUNTIME_PART_ENDED. Left out by parts that cannot end by themselves.
   * A part that fails before it is ready rejects its `start` instead.
   */
  readonly done?: Promise<unknown>;
}

export interface StopOptions {
  /** On the group's clock: the moment at which `signal` will abort. The same for all parts of one shutdown. */
  readonly deadlineMs: number;
  /** Aborts at the deadline: give up what is still under way and let go of everything at once. */
  readonly signal: AbortSignal;
}

/** `idle` before the start; `stopped` and `failed` are final. */
export type RunState = 'idle' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** How a group ended. */
export interface RunOutcome {
  readonly state: 'stopped' | 'failed';
  /** The first error of any part, as it was thrown; undefined when the group stopped in order. */
  readonly error: unknown;
  /** The part the error came from, if it came from one. */
  readonly part: string | undefined;
  /** The parts that had not stopped when the group gave up waiting, in the order in which they were asked. */
  readonly notStopped: readonly string[];
}

/** What happens inside a group, for its log. */
export type RunEvent =
  | { readonly kind: 'state'; readonly state: RunState }
  | { readonly kind: 'part'; readonly part: string; readonly phase: 'starting' | 'started' | 'stopping' | 'stopped' }
  | { readonly kind: 'part-failed'; readonly part: string; readonly during: RunPhase; readonly error: unknown }
  | { readonly kind: 'forced'; readonly parts: readonly string[] };

/** What a part was doing when it failed. */
export type RunPhase = 'start' | 'run' | 'stop';

export interface RunGroupOptions {
  readonly clock: Clock;
  /** In starting order; stopped in reverse, so that what depends on something ends before it. */
  readonly parts: readonly RunPart[];
  /** How long all stops together may take before they are forced. Default 10,000. */
  readonly shutdownTimeoutMs?: number;
  /** How long parts have after being forced before they are reported as not stopped. Default 1,000. */
  readonly forceTimeoutMs?: number;
  /** Called synchronously; must not throw. */
  readonly onEvent?: (event: RunEvent) => void;
}

/**
 * The parts of one process, started and stopped as one (I10).
 *
 * R1. Parts start one after the other in their order and stop one after the other in reverse.
 * R2. A part that fails to start, fails, or ends by itself stops the whole group; the first error is the result.
 * R3. A failing stop stops no other stop.
 * R4. The group ends within shutdownTimeoutMs + forceTimeoutMs of the first cause, whatever its parts do.
 * R5. Stopping is idempotent, possible in every state, and also ends a start that is under way.
 */
export class RunGroup implements AsyncDisposable {
  /** Resolves when the group has ended; never rejects. */
  readonly done: Promise<RunOutcome>;
  readonly #options: Required<Omit<RunGroupOptions, 'onEvent'>>;
  readonly #onEvent: (event: RunEvent) => void;
  readonly #ended = Promise.withResolvers<RunOutcome>();
  readonly #starting = new AbortController();
  readonly #started: RunPart[] = [];
  /** Parts that were told to start or to stop and have not answered yet. */
  readonly #busy = new Set<string>();
  #startSettled: Promise<void> = Promise.resolve();
  #state: RunState = 'idle';
  #failure: { readonly error: unknown; readonly part: string | undefined } | undefined;

  constructor(options: RunGroupOptions) {
    const { shutdownTimeoutMs = 10_000, forceTimeoutMs = 1_000, onEvent = () => undefined, clock, parts } = options;
    const names = new Set(parts.map((part) => part.name));
    if (names.size !== parts.length) throw new TypeError('two parts of the group have the same name');
    this.#options = { clock, parts, shutdownTimeoutMs, forceTimeoutMs };
    this.#onEvent = onEvent;
    this.done = this.#ended.promise;
  }

  get state(): RunState {
    return this.#state;
  }

  /**
   * Starts all parts; resolves when all of them are ready. May be called once.
   *
   * @param options.signal stops the group when it aborts, also after the start
   * @throws the error of the part that failed, or VedetteError VDT_RUNTIME_START_ABORTED when stopped meanwhile; in
   *   both cases everything has been stopped again
   */
  async start(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#state !== 'idle') throw new Error(`a run group starts once; this one is ${this.#state}`);
    const { signal } = options;
    const onAbort = (): void => this.#end();
    signal?.addEventListener('abort', onAbort, { once: true });
    void this.done.then(() => signal?.removeEventListener('abort', onAbort));
    this.#enter('starting');
    if (signal?.aborted) this.#end();
    this.#startSettled = this.#startParts();
    await Promise.race([this.#startSettled, this.done]); // a start that hangs must not hold up whoever stops it
    if (this.#starting.signal.aborted) {
      const { error } = await this.done;
      throw error ?? this.#starting.signal.reason;
    }
    this.#enter('running');
  }

  /** Stops what was started; resolves with how the group ended. Idempotent; before the start it just ends the group. */
  stop(): Promise<RunOutcome> {
    this.#end();
    return this.done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Never rejects: a failure ends the group, which knows the error. */
  async #startParts(): Promise<void> {
    const { signal } = this.#starting;
    for (const part of this.#options.parts) {
      if (signal.aborted) return;
      this.#busy.add(part.name);
      this.#onEvent({ kind: 'part', part: part.name, phase: 'starting' });
      try {
        await part.start({ signal });
        this.#started.push(part);
        this.#onEvent({ kind: 'part', part: part.name, phase: 'started' });
        this.#watch(part);
      } catch (error) {
        if (!isAbortOf(signal, error)) this.#fail(part, 'start', error);
      } finally {
        this.#busy.delete(part.name);
      }
    }
  }

  #watch(part: RunPart): void {
    const whileUp = (error: () => unknown): void => {
      if (this.#state === 'starting' || this.#state === 'running') this.#fail(part, 'run', error());
    };
    part.done?.then(
      () => whileUp(() => new VedetteError('VDT_RUNTIME_PART_ENDED', { message: `${part.name} ended by itself` })),
      (error: unknown) => whileUp(() => error),
    );
  }

  #fail(part: RunPart, during: RunPhase, error: unknown): void {
    this.#failure ??= { error, part: part.name };
    this.#onEvent({ kind: 'part-failed', part: part.name, during, error });
    this.#end();
  }

  #end(): void {
    if (this.#state !== 'idle' && this.#state !== 'starting' && this.#state !== 'running') return;
    this.#enter('stopping');
    this.#starting.abort(new VedetteError('VDT_RUNTIME_START_ABORTED'));
    void this.#shutDown();
  }

  async #shutDown(): Promise<void> {
    const { clock, shutdownTimeoutMs, forceTimeoutMs } = this.#options;
    const force = new AbortController();
    const forced = Promise.withResolvers<void>();
    const gaveUp = Promise.withResolvers<void>();
    let timer = clock.setTimer(() => {
      this.#onEvent({ kind: 'forced', parts: [...this.#busy] });
      timer = clock.setTimer(gaveUp.resolve, forceTimeoutMs);
      force.abort(new VedetteError('VDT_RUNTIME_STOP_INCOMPLETE'));
      forced.resolve();
    }, shutdownTimeoutMs);
    const options = { deadlineMs: clock.now() + shutdownTimeoutMs, signal: force.signal };
    await Promise.race([this.#stopParts(options, forced.promise), gaveUp.promise]);
    timer.cancel();
    this.#finish();
  }

  /** R1 until forced; from then on every part left is told at once, and all are waited for together. */
  async #stopParts(options: StopOptions, forced: Promise<void>): Promise<void> {
    const stops: Promise<void>[] = [];
    await Promise.race([this.#startSettled, forced]);
    for (const part of this.#started.toReversed()) {
      const stop = this.#stopPart(part, options);
      stops.push(stop);
      await Promise.race([stop, forced]);
    }
    await Promise.all([...stops, this.#startSettled]);
  }

  async #stopPart(part: RunPart, options: StopOptions): Promise<void> {
    this.#busy.add(part.name);
    this.#onEvent({ kind: 'part', part: part.name, phase: 'stopping' });
    try {
      await part.stop(options);
      this.#onEvent({ kind: 'part', part: part.name, phase: 'stopped' });
    } catch (error) {
      this.#fail(part, 'stop', error);
    } finally {
      this.#busy.delete(part.name);
    }
  }

  #finish(): void {
    const notStopped = [...this.#busy];
    if (notStopped.length > 0) {
      const message = `did not stop in time: ${notStopped.join(', ')}`;
      this.#failure ??= { error: new VedetteError('VDT_RUNTIME_STOP_INCOMPLETE', { message }), part: undefined };
    }
    const state = this.#failure === undefined ? 'stopped' : 'failed';
    this.#enter(state);
    this.#ended.resolve({ state, error: this.#failure?.error, part: this.#failure?.part, notStopped });
  }

  #enter(state: RunState): void {
    this.#state = state;
    this.#onEvent({ kind: 'state', state });
  }
}

/** Whether `error` only says that the signal was heeded: its reason, or what Node makes of it. */
function isAbortOf(signal: AbortSignal, error: unknown): boolean {
  if (!signal.aborted) return false;
  return (
    error === signal.reason ||
    (error instanceof Error && (error.cause === signal.reason || error.name === 'AbortError'))
  );
}
