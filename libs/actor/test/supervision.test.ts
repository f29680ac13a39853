import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import {
  type ActorContext,
  type ActorFailure,
  ActorSystem,
  type Behaviour,
  defineActor,
  resolveSupervision,
} from '../src/index.ts';
import { Gate, Scene } from './scene.ts';

/** Notes its life and fails on `fail`, at once or by its promise. */
class Fragile implements Behaviour<string> {
  readonly #life: string;
  readonly #log: string[];

  constructor(log: string[]) {
    this.#log = log;
    this.#life = `life ${log.filter((line) => line.endsWith('built')).length + 1}`;
    log.push(`${this.#life} built`);
  }

  handle(message: string): void | Promise<void> {
    if (message === 'fail') throw new Error('defect');
    if (message === 'reject') return Promise.reject(new Error('defect'));
    this.#log.push(`${this.#life} handles ${message}`);
  }

  dispose(): void {
    this.#log.push(`${this.#life} disposed`);
  }
}

describe.each(['fail', 'reject'])('after a message that makes the handler %s', (poison) => {
  it('resume: the same behaviour goes on with the next message, and the failure is reported', async () => {
    await using scene = new Scene({ decide: 'resume' });
    const log: string[] = [];
    const actor = scene.system.spawn(
      scene.kindOfBehaviour(() => new Fragile(log)),
      { name: 'a' },
    );
    for (const message of ['1', poison, '2']) actor.cast(message);
    await scene.settle();
    expect(log).toEqual(['life 1 built', 'life 1 handles 1', 'life 1 handles 2']);
    expect(scene.failures).toEqual([
      {
        path: 'a',
        kind: 'tested',
        phase: 'handle',
        error: new Error('defect'),
        message: poison,
        restarts: 0,
        decision: 'resume',
        escalatedTo: undefined,
      },
    ]);
  });

  it('restart: disposes of the old behaviour, waits, builds a new one; queued messages are kept', async () => {
    await using scene = new Scene({ decide: 'restart' });
    const log: string[] = [];
    const actor = scene.system.spawn(
      scene.kindOfBehaviour(() => new Fragile(log)),
      { name: 'a' },
    );
    for (const message of ['1', poison, '2']) actor.cast(message);
    await scene.clock.advance(99);
    expect(log).toEqual(['life 1 built', 'life 1 handles 1', 'life 1 disposed']);
    actor.cast('3');
    await scene.clock.advance(1);
    expect(log.slice(3)).toEqual(['life 2 built', 'life 2 handles 2', 'life 2 handles 3']);
    expect(actor).toMatchObject({ restarts: 1, failures: 1, state: 'running' });
    expect(actor.mailbox).toMatchObject({ queued: 4, handled: 4, dropped: 0 });
  });

  it('stop: stops the actor and drops what it has queued, counted', async () => {
    await using scene = new Scene({ decide: 'stop' });
    const log: string[] = [];
    const actor = scene.system.spawn(
      scene.kindOfBehaviour(() => new Fragile(log)),
      { name: 'a' },
    );
    for (const message of ['1', poison, '2']) actor.cast(message);
    await scene.settle();
    expect(log).toEqual(['life 1 built', 'life 1 handles 1', 'life 1 disposed']);
    expect(actor.state).toBe('stopped');
    expect(actor.mailbox).toMatchObject({ queued: 3, handled: 2, dropped: 1 });
    expect(scene.failures).toMatchObject([{ decision: 'stop', escalatedTo: undefined }]);
    expect(scene.system.size).toBe(0);
  });

  it('escalate: stops the actor and names the system as the one to deal with it', async () => {
    await using scene = new Scene({ decide: 'escalate' });
    const actor = scene.system.spawn(
      scene.kindOfBehaviour(() => new Fragile([])),
      { name: 'a' },
    );
    actor.cast(poison);
    await scene.settle();
    expect(actor.state).toBe('stopped');
    expect(scene.failures).toMatchObject([{ path: 'a', decision: 'escalate', escalatedTo: 'system' }]);
  });
});

describe('a restart', () => {
  it('cancels the timers, aborts the signal and stops the children of the life that ends', async () => {
    await using scene = new Scene();
    const log: string[] = [];
    const child = scene.kindOfBehaviour<string>(() => ({
      handle: () => {},
      dispose: () => void log.push('child disposed'),
    }));
    const contexts: ActorContext<string>[] = [];
    const kind = scene.kindOfBehaviour<string>((context) => {
      contexts.push(context);
      if (contexts.length === 1) {
        context.setTimer('poll', 'poll', 50);
        context.spawn(child, { name: 'c' });
        context.signal.addEventListener('abort', () => log.push('aborted'));
      }
      return {
        handle: (message) => {
          if (message === 'fail') throw new Error('defect');
          log.push(message);
        },
        dispose: () => void log.push('disposed'),
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    await scene.settle();
    actor.cast('fail');
    await scene.clock.advance(1000);
    expect(log).toEqual(['aborted', 'child disposed', 'disposed']);
    expect(contexts).toHaveLength(2);
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(scene.system.counters().get('tested')?.actors).toBe(1);
  });

  it('does not drain the children, and waits for one that heeds no signal no longer than the grace', async () => {
    await using scene = new Scene();
    const handled: string[] = [];
    const child = scene.kindOf<string>(async (message, { clock, signal }) => {
      if (message === 'deaf') await new Promise(() => {});
      await clock.sleep(60_000, { signal }).catch(() => {});
      handled.push(message);
    });
    const builtMs: number[] = [];
    const kind = scene.kindOfBehaviour<string>((context) => {
      builtMs.push(context.clock.now());
      return {
        handle: (message) => {
          if (message === 'fail') throw new Error('defect');
          const spawned = context.spawn(child, { name: 'c' });
          spawned.cast(message);
          spawned.cast('queued');
        },
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('heedful');
    await scene.settle();
    actor.cast('fail');
    await scene.clock.advance(5000);
    expect(builtMs).toEqual([0, 100]);
    actor.cast('deaf');
    await scene.settle();
    actor.cast('fail');
    await scene.clock.advance(5000);
    expect(builtMs).toEqual([0, 100, 5000 + 1000 + 200]);
    expect(handled).toEqual(['heedful']);
    expect(scene.failures).toContainEqual(
      expect.objectContaining({ path: 'a/c', error: expect.objectContaining({ code: 'VDT_ACTOR_ABANDONED' }) }),
    );
  });

  it('leaves the old context without effect: no timer, no child, no stop', async () => {
    await using scene = new Scene();
    const contexts: ActorContext<string>[] = [];
    const log: string[] = [];
    const kind = scene.kindOfBehaviour<string>((context) => {
      contexts.push(context);
      return {
        handle: (message) => {
          if (message === 'fail') throw new Error('defect');
          log.push(message);
        },
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('fail');
    await scene.clock.advance(1000);
    const [old] = contexts;
    old?.setTimer('ghost', 'ghost', 10);
    old?.stop();
    expect(() => old?.spawn(kind, { name: 'c' })).toThrowError(expect.objectContaining({ code: 'VDT_ACTOR_STOPPED' }));
    await scene.clock.advance(1000);
    expect(log).toEqual([]);
    expect(actor.state).toBe('running');
  });

  it('waits for a disposal that takes its time, reports one that fails, abandons one that never ends', async () => {
    await using scene = new Scene();
    const disposals: Behaviour<string>['dispose'][] = [
      () => scene.clock.sleep(500),
      () => Promise.reject(new Error('socket gone')),
      () => new Promise(() => {}),
    ];
    const builtMs: number[] = [];
    const kind = scene.kindOfBehaviour<string>(() => {
      const dispose = disposals[builtMs.length] ?? (() => {});
      builtMs.push(scene.clock.now());
      return {
        handle: () => {
          throw new Error('defect');
        },
        dispose,
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (let count = 0; count < 3; count++) actor.cast('fail');
    await scene.clock.advance(10_000);
    expect(builtMs).toEqual([0, 500 + 100, 600 + 200, 800 + 1000 + 400]);
    expect(scene.failures.filter(({ phase }) => phase === 'dispose')).toMatchObject([
      { error: new Error('socket gone'), decision: 'resume' },
      { error: { code: 'VDT_ACTOR_ABANDONED' } },
    ]);
  });

  it('backs off exponentially up to the maximum, and from the start again after a window without failure', async () => {
    const restart = { minBackoffMs: 100, maxBackoffMs: 1000, maxRestarts: Number.POSITIVE_INFINITY, windowMs: 60_000 };
    await using scene = new Scene({ restart });
    const builtMs: number[] = [];
    const kind = scene.kindOfBehaviour<string>(() => {
      builtMs.push(scene.clock.now());
      return {
        handle: () => {
          throw new Error('defect');
        },
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (let count = 0; count < 6; count++) actor.cast('fail');
    await scene.clock.advance(100_000);
    expect(builtMs).toEqual([0, 100, 300, 700, 1500, 2500, 3500]);
    actor.cast('fail');
    await scene.clock.advance(1000);
    expect(builtMs.at(-1)).toBe(100_100);
  });

  it.each([
    { chance: 0, builtMs: 100 },
    { chance: 0.5, builtMs: 75 },
    { chance: 1, builtMs: 50 },
  ])('backs off by chance up to the jitter less: $builtMs ms of 100 at chance $chance', async ({ chance, builtMs }) => {
    const clock = new SimulatedClock();
    await using system = new ActorSystem({
      clock,
      onFailure: () => {},
      random: () => chance,
      supervision: { restart: { minBackoffMs: 100, jitter: 0.5 } },
    });
    const builds: number[] = [];
    const kind = defineActor<string>({
      kind: 'failing',
      mailbox: { capacity: 1, overflow: 'reject' },
      create: () => {
        builds.push(clock.now());
        return {
          handle: () => {
            throw new Error('defect');
          },
        };
      },
    });
    system.spawn(kind, { name: 'a' }).cast('fail');
    await clock.advance(1000);
    expect(builds).toEqual([0, builtMs]);
  });

  it('becomes an escalation when there were too many within the window', async () => {
    await using scene = new Scene({ restart: { minBackoffMs: 10, maxRestarts: 2, windowMs: 1000 } });
    const kind = scene.kindOf<string>(() => {
      throw new Error('defect');
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (let count = 0; count < 3; count++) actor.cast('fail');
    await scene.clock.advance(900);
    expect(scene.failures.map(({ decision, restarts }) => [decision, restarts])).toEqual([
      ['restart', 0],
      ['restart', 1],
      ['escalate', 2],
    ]);
    expect(actor.state).toBe('stopped');
  });

  it('may be repeated for ever when the failures are farther apart than the window allows', async () => {
    await using scene = new Scene({ restart: { minBackoffMs: 10, maxRestarts: 1, windowMs: 1000 } });
    const kind = scene.kindOf<string>(() => {
      throw new Error('defect');
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (let count = 0; count < 5; count++) {
      actor.cast('fail');
      await scene.clock.advance(1100);
    }
    expect(actor).toMatchObject({ state: 'running', restarts: 5 });
  });
});

describe('a factory that fails', () => {
  it.each(['sync', 'async'])('is tried again after a backoff, the messages waiting (%s)', async (manner) => {
    await using scene = new Scene({ decide: 'resume' });
    const seen: string[] = [];
    let attempts = 0;
    const behaviour: Behaviour<string> = { handle: (message) => void seen.push(message) };
    const attempt = (): Behaviour<string> => {
      if (++attempts < 3) throw new Error('store away');
      return behaviour;
    };
    const actor = scene.system.spawn(
      scene.kindOfBehaviour<string>(manner === 'sync' ? attempt : async () => attempt()),
      {
        name: 'a',
      },
    );
    actor.cast('early');
    await scene.clock.advance(299);
    expect(seen).toEqual([]);
    await scene.clock.advance(1);
    expect(seen).toEqual(['early']);
    expect(scene.failures).toMatchObject([
      { phase: 'create', decision: 'restart' },
      { phase: 'create', decision: 'restart' },
    ]);
  });
});

describe('a failure', () => {
  it('says what failed: a handler right after a factory that took its time is the handler', async () => {
    await using scene = new Scene({ decide: 'resume' });
    const kind = scene.kindOfBehaviour<string>(async () => ({
      handle: async () => {
        throw new Error('defect');
      },
    }));
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('fail');
    await scene.settle();
    expect(scene.failures).toMatchObject([{ phase: 'handle', message: 'fail', decision: 'resume' }]);
    expect(actor.restarts).toBe(0);
  });
});

describe('a supervisor', () => {
  it('may decide by the failure', async () => {
    await using scene = new Scene({
      decide: ({ error }) => (error instanceof RangeError ? 'resume' : 'stop'),
    });
    const kind = scene.kindOf<Error>((error) => {
      throw error;
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast(new RangeError('harmless'));
    await scene.settle();
    expect(actor.state).toBe('running');
    actor.cast(new Error('harmful'));
    await scene.settle();
    expect(actor.state).toBe('stopped');
  });

  it('whose own code throws escalates, and both errors are reported', async () => {
    await using scene = new Scene({
      decide: () => {
        throw new Error('defect of the supervisor');
      },
    });
    const kind = scene.kindOf<string>(() => {
      throw new Error('defect');
    });
    scene.system.spawn(kind, { name: 'a' }).cast('fail');
    await scene.settle();
    expect(scene.failures).toMatchObject([
      { phase: 'supervise', error: new Error('defect of the supervisor') },
      { phase: 'handle', error: new Error('defect'), decision: 'escalate', escalatedTo: 'system' },
    ]);
  });

  it.each([
    { minBackoffMs: 0 },
    { minBackoffMs: 10, maxBackoffMs: 5 },
    { factor: 0.5 },
    { jitter: 2 },
    { maxRestarts: -1 },
    { windowMs: Number.NaN },
  ])('refuses the restart policy %j', (restart) => {
    expect(() => resolveSupervision({ restart })).toThrowError(
      expect.toSatisfy((error) => VedetteError.is(error, 'VDT_ACTOR_DEFINITION')),
    );
  });
});

describe('a child that escalates', () => {
  const failing = (scene: Scene) =>
    scene.kindOf<string>(() => {
      throw new Error('defect of the child');
    });

  it('is stopped, and its parent hears of it in turn, between two messages', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    const log: string[] = [];
    const heard: ActorFailure[] = [];
    const kind = scene.kindOfBehaviour<string>(
      (context) => ({
        handle: async (message) => {
          log.push(`${message} begins`);
          if (message === 'spawn') {
            context.spawn(failing(scene), { name: 'c' }).cast('fail');
            await gate.opened;
          }
          log.push(`${message} ends`);
        },
        onFailure: (failure) => {
          heard.push(failure);
          log.push('onFailure');
        },
      }),
      { supervision: { decide: 'escalate' } },
    );
    const parent = scene.system.spawn(kind, { name: 'p' });
    parent.cast('spawn');
    parent.cast('next');
    await scene.settle();
    gate.open();
    await scene.settle();
    expect(log).toEqual(['spawn begins', 'spawn ends', 'onFailure', 'next begins', 'next ends']);
    expect(heard).toEqual(scene.failures);
    expect(heard).toMatchObject([{ path: 'p/c', decision: 'escalate', escalatedTo: 'parent' }]);
    expect(scene.system.counters().get('tested')?.actors).toBe(1);
  });

  it('makes a parent without onFailure fail itself, which its own supervisor decides about', async () => {
    await using scene = new Scene({ decide: 'restart' });
    let lives = 0;
    const kind = scene.kindOfBehaviour<string>(
      (context) => {
        lives++;
        if (lives === 1) context.spawn(failing(scene), { name: 'c' }).cast('fail');
        return { handle: () => {} };
      },
      { supervision: { decide: 'escalate' } },
    );
    const parent = scene.system.spawn(kind, { name: 'p' });
    await scene.clock.advance(1000);
    expect(scene.failures).toMatchObject([
      { path: 'p/c', decision: 'escalate', escalatedTo: 'parent' },
      { path: 'p', phase: 'child', error: { code: 'VDT_ACTOR_CHILD_FAILED', cause: new Error('defect of the child') } },
    ]);
    expect(parent).toMatchObject({ restarts: 1, state: 'running' });
  });

  it('makes a parent whose onFailure throws fail with that error', async () => {
    await using scene = new Scene({ decide: 'stop' });
    const kind = scene.kindOfBehaviour<string>(
      (context) => {
        context.spawn(failing(scene), { name: 'c' }).cast('fail');
        return {
          handle: () => {},
          onFailure: async () => {
            throw new Error('no way to go on');
          },
        };
      },
      { supervision: { decide: 'escalate' } },
    );
    const parent = scene.system.spawn(kind, { name: 'p' });
    await scene.settle();
    expect(scene.failures.at(-1)).toMatchObject({ path: 'p', error: new Error('no way to go on'), decision: 'stop' });
    expect(parent.state).toBe('stopped');
  });

  it('reaches the system when its parent ends before it has heard', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    const kind = scene.kindOfBehaviour<string>(
      (context) => ({
        handle: async () => {
          context.spawn(failing(scene), { name: 'c' }).cast('fail');
          await gate.opened;
        },
        onFailure: () => {},
      }),
      { supervision: { decide: 'escalate' } },
    );
    const parent = scene.system.spawn(kind, { name: 'p' });
    parent.cast('spawn');
    await scene.settle();
    const stopped = parent.stop({ drain: false });
    gate.open();
    await stopped;
    expect(scene.failures).toMatchObject([
      { path: 'p/c', escalatedTo: 'parent' },
      { path: 'p/c', escalatedTo: 'system' },
    ]);
  });

  it('is treated as the supervision of its parent says, or else as that of the system', async () => {
    await using scene = new Scene({ decide: 'stop' });
    const parentOf = (supervision?: { decide: 'resume' }) =>
      scene.kindOf<string>((_message, context) => {
        context.spawn(failing(scene), { name: 'c' }).cast('fail');
      }, supervision && { supervision });
    scene.system.spawn(parentOf({ decide: 'resume' }), { name: 'lenient' }).cast('spawn');
    scene.system.spawn(parentOf(), { name: 'plain' }).cast('spawn');
    await scene.settle();
    expect(scene.failures).toMatchObject([
      { path: 'lenient/c', decision: 'resume' },
      { path: 'plain/c', decision: 'stop' },
    ]);
  });
});
