import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type RunEvent, RunGroup, type RunGroupOptions, type RunPart, type StopOptions } from '../src/run-group.ts';
import { SimulatedClock } from '../src/simulated-clock.ts';

/** A part that writes down what it is told, and does what the test says. */
interface Script {
  readonly start?: (signal: AbortSignal) => Promise<void>;
  readonly stop?: (options: StopOptions) => Promise<void>;
  readonly done?: Promise<unknown>;
}

class Scene {
  readonly clock = new SimulatedClock();
  readonly log: string[] = [];
  readonly events: RunEvent[] = [];

  part(name: string, script: Script = {}): RunPart {
    return {
      name,
      start: async ({ signal }) => {
        this.log.push(`start ${name}`);
        await script.start?.(signal);
      },
      stop: async (options) => {
        this.log.push(`stop ${name}`);
        await script.stop?.(options);
      },
      ...(script.done === undefined ? {} : { done: script.done }),
    };
  }

  group(parts: readonly RunPart[], options: Partial<RunGroupOptions> = {}): RunGroup {
    const onEvent = (event: RunEvent): void => void this.events.push(event);
    return new RunGroup({
      clock: this.clock,
      parts,
      shutdownTimeoutMs: 1_000,
      forceTimeoutMs: 100,
      onEvent,
      ...options,
    });
  }

  get states(): string[] {
    return this.events.flatMap((event) => (event.kind === 'state' ? [event.state] : []));
  }
}

const never = (): Promise<never> => new Promise(() => undefined);
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('RunGroup', () => {
  it('R1: starts its parts in order, each after the one before is ready, and stops them in reverse', async () => {
    const scene = new Scene();
    const slow = (): Promise<void> => scene.clock.sleep(10).then(() => void scene.log.push('ready'));
    const group = scene.group([scene.part('store', { start: slow }), scene.part('bus'), scene.part('api')]);
    expect(group.state).toBe('idle');
    const starting = group.start();
    expect(group.state).toBe('starting');
    await scene.clock.advance(10);
    await starting;
    expect(group.state).toBe('running');
    await expect(group.stop()).resolves.toEqual({
      state: 'stopped',
      error: undefined,
      part: undefined,
      notStopped: [],
    });
    expect(scene.log).toEqual(['start store', 'ready', 'start bus', 'start api', 'stop api', 'stop bus', 'stop store']);
    expect(scene.states).toEqual(['starting', 'running', 'stopping', 'stopped']);
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('R1: stops one part only after the one that depends on it has stopped', async () => {
    const scene = new Scene();
    const drain = (): Promise<void> => scene.clock.sleep(50).then(() => void scene.log.push('drained'));
    const group = scene.group([scene.part('store'), scene.part('updater', { stop: drain })]);
    await group.start();
    const stopping = group.stop();
    await scene.clock.advance(50);
    await stopping;
    expect(scene.log.slice(2)).toEqual(['stop updater', 'drained', 'stop store']);
  });

  it('R2: a part that fails to start stops those before it, is not stopped itself, and its error is the result', async () => {
    const scene = new Scene();
    const broken = new Error('port taken');
    const parts = [
      scene.part('store'),
      scene.part('api', { start: () => Promise.reject(broken) }),
      scene.part('monitor'),
    ];
    const group = scene.group(parts);
    await expect(group.start()).rejects.toBe(broken);
    await expect(group.done).resolves.toEqual({ state: 'failed', error: broken, part: 'api', notStopped: [] });
    expect(scene.log).toEqual(['start store', 'start api', 'stop store']);
    expect(group.state).toBe('failed');
  });

  it('R2: a part that fails while running stops the whole group', async () => {
    const scene = new Scene();
    const fault = Promise.withResolvers<void>();
    const group = scene.group([scene.part('bus'), scene.part('updater', { done: fault.promise }), scene.part('api')]);
    await group.start();
    const broken = new Error('disk full');
    fault.reject(broken);
    await expect(group.done).resolves.toMatchObject({ state: 'failed', error: broken, part: 'updater' });
    expect(scene.log.slice(3)).toEqual(['stop api', 'stop updater', 'stop bus']);
    expect(scene.events).toContainEqual({ kind: 'part-failed', part: 'updater', during: 'run', error: broken });
  });

  it('R2: a part that ends by itself stops the whole group, also while others are still starting', async () => {
    const scene = new Scene();
    const parts = [scene.part('bus', { done: Promise.resolve() }), scene.part('api', { start: untilAborted })];
    const group = scene.group(parts);
    await expect(group.start()).rejects.toMatchObject({
      code: 'VDT_RUNTIME_PART_ENDED',
      message: 'bus ended by itself',
    });
    expect(scene.log).toEqual(['start bus', 'start api', 'stop bus']);
    await expect(group.done).resolves.toMatchObject({ state: 'failed', part: 'bus' });
  });

  it('R2: the first error is the result, whatever follows from it', async () => {
    const scene = new Scene();
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const group = scene.group([scene.part('a', { done: first.promise }), scene.part('b', { done: second.promise })]);
    await group.start();
    first.reject(new Error('first'));
    second.reject(new Error('second'));
    await expect(group.done).resolves.toMatchObject({ part: 'a', error: new Error('first') });
  });

  it('does not mind that a part ends because it was told to', async () => {
    const scene = new Scene();
    const end = Promise.withResolvers<void>();
    const stop = (): Promise<void> => Promise.resolve(end.resolve());
    const group = scene.group([scene.part('a', { stop, done: end.promise })]);
    await group.start();
    await expect(group.stop()).resolves.toMatchObject({ state: 'stopped' });
  });

  it('R3: a stop that fails hinders no other stop, and is the result', async () => {
    const scene = new Scene();
    const broken = new Error('cannot flush');
    const group = scene.group([
      scene.part('a'),
      scene.part('b', { stop: () => Promise.reject(broken) }),
      scene.part('c'),
    ]);
    await group.start();
    await expect(group.stop()).resolves.toEqual({ state: 'failed', error: broken, part: 'b', notStopped: [] });
    expect(scene.log.slice(3)).toEqual(['stop c', 'stop b', 'stop a']);
  });

  it('R4: at the deadline it forces: signals abort, the parts left are told at once, and those that hang are named', async () => {
    const scene = new Scene();
    const forced: string[] = [];
    const letGo =
      (name: string) =>
      async ({ signal }: StopOptions): Promise<void> => {
        if (!signal.aborted) await untilAborted(signal).catch(() => undefined);
        forced.push(name);
      };
    const parts = [
      scene.part('store', { stop: letGo('store') }),
      scene.part('hung', { stop: never }),
      scene.part('api', { stop: letGo('api') }),
    ];
    const group = scene.group(parts);
    await group.start();
    const stopping = group.stop();
    await scene.clock.advance(999);
    expect(scene.log.slice(3)).toEqual(['stop api']);
    await scene.clock.advance(1);
    expect(scene.log.slice(3)).toEqual(['stop api', 'stop hung', 'stop store']);
    expect(forced).toEqual(['api', 'store']);
    expect(group.state).toBe('stopping');
    await scene.clock.advance(100);
    const outcome = await stopping;
    expect(outcome).toMatchObject({ state: 'failed', part: undefined, notStopped: ['hung'] });
    expect(outcome.error).toMatchObject({
      code: 'VDT_RUNTIME_STOP_INCOMPLETE',
      message: 'did not stop in time: hung',
    });
    expect(scene.events).toContainEqual({ kind: 'forced', parts: ['api'] });
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('R4: tells each part the same deadline', async () => {
    const scene = new Scene();
    const deadlines: number[] = [];
    const stop = async ({ deadlineMs }: StopOptions): Promise<void> => {
      deadlines.push(deadlineMs);
      await scene.clock.sleep(100);
    };
    const group = scene.group([scene.part('a', { stop }), scene.part('b', { stop })]);
    await group.start();
    await scene.clock.advance(5_000);
    const stopping = group.stop();
    await scene.clock.advance(200);
    await stopping;
    expect(deadlines).toEqual([6_000, 6_000]);
  });

  it('R4: does not wait for ever for a start that ignores its signal, and names it', async () => {
    const scene = new Scene();
    const group = scene.group([scene.part('a'), scene.part('hung', { start: never })]);
    const starting = expect(group.start()).rejects.toMatchObject({ code: 'VDT_RUNTIME_STOP_INCOMPLETE' });
    await turn();
    const stopping = group.stop();
    await scene.clock.advance(1_100);
    await starting;
    await expect(stopping).resolves.toMatchObject({ notStopped: ['hung'] });
    expect(scene.log).toEqual(['start a', 'start hung', 'stop a']);
  });

  it('R5: a stop during the start breaks it off and stops what was started', async () => {
    const scene = new Scene();
    const group = scene.group([scene.part('a'), scene.part('b', { start: untilAborted }), scene.part('c')]);
    const starting = expect(group.start()).rejects.toMatchObject({ code: 'VDT_RUNTIME_START_ABORTED' });
    await turn();
    await expect(group.stop()).resolves.toMatchObject({ state: 'stopped', error: undefined });
    await starting;
    expect(scene.log).toEqual(['start a', 'start b', 'stop a']);
  });

  it('R5: takes the AbortError of a library for what it is, and any other error of a broken-off start for a failure', async () => {
    const stopWhileStarting = async (start: RunPart['start']) => {
      const group = new Scene().group([{ name: 'a', start, stop: () => Promise.resolve() }]);
      const starting = group.start().catch(() => undefined);
      const outcome = await group.stop();
      await starting;
      return outcome.state;
    };
    expect(await stopWhileStarting(({ signal }) => setTimeout(60_000, undefined, { signal }))).toBe('stopped');
    const failing: RunPart['start'] = ({ signal }) =>
      untilAborted(signal).catch(() => Promise.reject(new Error('cannot roll back')));
    expect(await stopWhileStarting(failing)).toBe('failed');
  });

  it('R5: a part whose start was ready nevertheless is stopped too', async () => {
    const scene = new Scene();
    const ready = Promise.withResolvers<void>();
    const group = scene.group([scene.part('a', { start: () => ready.promise }), scene.part('b')]);
    const starting = expect(group.start()).rejects.toMatchObject({ code: 'VDT_RUNTIME_START_ABORTED' });
    const stopping = group.stop();
    ready.resolve();
    await starting;
    await expect(stopping).resolves.toMatchObject({ state: 'stopped' });
    expect(scene.log).toEqual(['start a', 'stop a']);
  });

  it('R5: stops once, however often and from wherever it is asked', async () => {
    const scene = new Scene();
    const controller = new AbortController();
    const group = scene.group([scene.part('a')]);
    await group.start({ signal: controller.signal });
    controller.abort();
    const outcomes = await Promise.all([group.stop(), group.stop(), group.done]);
    expect(new Set(outcomes).size).toBe(1);
    await group[Symbol.asyncDispose]();
    expect(scene.log).toEqual(['start a', 'stop a']);
    await expect(group.start()).rejects.toThrow('this one is stopped');
  });

  it('R5: can be stopped before it was started, and starts nothing for a caller who has aborted', async () => {
    const scene = new Scene();
    const idle = scene.group([scene.part('a')]);
    await expect(idle.stop()).resolves.toMatchObject({ state: 'stopped' });

    const aborted = scene.group([scene.part('b')]);
    const starting = aborted.start({ signal: AbortSignal.abort() });
    await expect(starting).rejects.toMatchObject({ code: 'VDT_RUNTIME_START_ABORTED' });
    expect(scene.log).toEqual([]);
  });

  it('is stopped at the end of its scope', async () => {
    const scene = new Scene();
    {
      await using group = scene.group([scene.part('a')]);
      await group.start();
    }
    expect(scene.log).toEqual(['start a', 'stop a']);
  });

  it('refuses two parts of one name', () => {
    const scene = new Scene();
    expect(() => scene.group([scene.part('a'), scene.part('a')])).toThrow(TypeError);
  });
});
