import { describe, expect, it } from 'vitest';
import type { ActorContext, ActorRef } from '../src/index.ts';
import { Gate, Scene } from './scene.ts';

describe('stop with drain', () => {
  it('refuses new messages, handles what is queued, then aborts the signal and disposes', async () => {
    await using scene = new Scene();
    const log: string[] = [];
    const kind = scene.kindOfBehaviour<string>((context) => {
      context.signal.addEventListener('abort', () => log.push('aborted'));
      return {
        handle: async (message) => {
          await scene.clock.sleep(10);
          log.push(message);
        },
        dispose: () => void log.push('disposed'),
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    await scene.settle();
    for (const message of ['1', '2', '3']) actor.cast(message);
    const stopped = actor.stop();
    expect(actor.state).toBe('stopping');
    expect(() => actor.cast('late')).toThrowError(expect.objectContaining({ code: 'VDT_ACTOR_STOPPED' }));
    expect(actor.offer('late')).toBe(false);
    await scene.clock.advance(100);
    expect(await stopped).toEqual({ stoppedActors: 1, droppedMessages: 0, abandonedActors: 0 });
    expect(log).toEqual(['1', '2', '3', 'aborted', 'disposed']);
    expect(actor.state).toBe('stopped');
    expect(actor.mailbox).toMatchObject({ queued: 3, handled: 3, rejected: 2 });
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('is forced at its deadline: the signal aborts, what waits is dropped and counted', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<number>((_message, { clock, signal }) =>
      clock.sleep(1_000_000, { signal }).catch(() => {}),
    );
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (const message of [1, 2, 3]) actor.cast(message);
    const stopped = actor.stop({ timeoutMs: 500 });
    await scene.clock.advance(499);
    expect(actor.state).toBe('stopping');
    await scene.clock.advance(1);
    expect(await stopped).toEqual({ stoppedActors: 1, droppedMessages: 2, abandonedActors: 0 });
    expect(actor.mailbox).toMatchObject({ queued: 3, handled: 1, dropped: 2, depth: 0 });
    expect(scene.clock.now()).toBe(500);
  });

  it('builds nothing for an actor that was never given a message', async () => {
    await using scene = new Scene();
    let built = 0;
    const kind = scene.kindOfBehaviour<string>(() => {
      built++;
      return { handle: () => {} };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    await actor.stop();
    expect(built).toBe(0);
  });

  it('waits for a restart that is under way and drains into the new behaviour', async () => {
    await using scene = new Scene();
    const log: string[] = [];
    const kind = scene.kindOfBehaviour<string>(() => ({
      handle: async (message) => {
        if (message === 'fail') throw new Error('defect');
        await scene.clock.sleep(10);
        log.push(message);
      },
      dispose: () => void log.push('disposed'),
    }));
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (const message of ['fail', '1', '2']) actor.cast(message);
    await scene.settle();
    const stopped = actor.stop();
    await scene.clock.advance(200);
    expect(await stopped).toMatchObject({ droppedMessages: 0 });
    expect(log).toEqual(['disposed', '1', '2', 'disposed']);
  });

  it('waits for the handler that runs, in a second life as in the first', async () => {
    await using scene = new Scene();
    const log: string[] = [];
    const kind = scene.kindOfBehaviour<string>(() => ({
      handle: async (message) => {
        if (message === 'fail') throw new Error('defect');
        await scene.clock.sleep(10);
        log.push(message);
      },
      dispose: () => void log.push('disposed'),
    }));
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('fail');
    await scene.clock.advance(1000);
    actor.cast('1');
    await scene.settle();
    const stopped = actor.stop();
    await scene.clock.advance(10);
    await stopped;
    expect(log).toEqual(['disposed', '1', 'disposed']);
  });

  it('does not wait for the backoff of a restart when nothing is queued, nor build for a timer that was due', async () => {
    await using scene = new Scene();
    let built = 0;
    const kind = scene.kindOfBehaviour<string>((context) => {
      built++;
      context.setTimer('poll', 'poll', 5);
      return {
        handle: async () => {
          await scene.clock.sleep(10);
          throw new Error('defect');
        },
        dispose: () => scene.clock.sleep(10),
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('fail');
    await scene.clock.advance(15);
    const stopped = actor.stop();
    await scene.clock.advance(5);
    expect(await stopped).toMatchObject({ stoppedActors: 1, droppedMessages: 0 });
    expect(built).toBe(1);
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('handles no timer any more, running, due or set by the drain itself', async () => {
    await using scene = new Scene();
    const seen: string[] = [];
    const kind = scene.kindOf<string>(async (message, context) => {
      seen.push(message);
      context.setTimer('poll', 'poll', 10);
      await scene.clock.sleep(20);
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (const message of ['1', '2', '3']) actor.cast(message);
    await scene.settle();
    const stopped = actor.stop();
    await scene.clock.advance(100);
    await stopped;
    expect(seen).toEqual(['1', '2', '3']);
  });
});

describe('stop without drain', () => {
  it('aborts the signal at once, drops what waits, and lets the running handler end', async () => {
    await using scene = new Scene();
    const log: string[] = [];
    const kind = scene.kindOf<string>(async (message, { clock, signal }) => {
      await clock.sleep(1000, { signal }).catch(() => log.push(`${message} cut short`));
      await clock.sleep(20);
      log.push(`${message} ended`);
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (const message of ['1', '2']) actor.cast(message);
    await scene.settle();
    const stopped = actor.stop({ drain: false });
    await scene.clock.advance(20);
    expect(await stopped).toEqual({ stoppedActors: 1, droppedMessages: 1, abandonedActors: 0 });
    expect(log).toEqual(['1 cut short', '1 ended']);
  });

  it('shows an aborted signal also to a handler that looks at it for the first time', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    const seen: boolean[] = [];
    const kind = scene.kindOf<string>(async (_message, context) => {
      await gate.opened;
      seen.push(context.signal.aborted);
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('1');
    await scene.settle();
    const stopped = actor.stop({ drain: false });
    gate.open();
    await stopped;
    expect(seen).toEqual([true]);
  });

  it('does not wait for the backoff of a restart, whatever is queued', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<string>(() => {
      throw new Error('defect');
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (const message of ['fail', '1']) actor.cast(message);
    await scene.settle();
    expect(await actor.stop({ drain: false })).toMatchObject({ droppedMessages: 1 });
    expect(scene.clock.now()).toBe(0);
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('reports a handler that fails because its signal aborted, and restarts nothing', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<string>((_message, { clock, signal }) => clock.sleep(1000, { signal }));
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('1');
    await scene.settle();
    await actor.stop({ drain: false });
    expect(scene.failures).toMatchObject([{ error: { code: 'VDT_ACTOR_STOPPED' }, decision: 'stop' }]);
    expect(actor.restarts).toBe(0);
  });
});

describe('A5: a stop always ends', () => {
  it('abandons a handler that heeds no signal after the grace, and reports it; its late failure is reported too', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    const disposed: string[] = [];
    const kind = scene.kindOfBehaviour<string>(() => ({
      handle: async () => {
        await gate.opened;
        throw new Error('late defect');
      },
      dispose: () => void disposed.push('disposed'),
    }));
    const actor = scene.system.spawn(kind, { name: 'deaf' });
    actor.cast('1');
    await scene.settle();
    const stopped = actor.stop({ timeoutMs: 100, graceMs: 50 });
    await scene.clock.advance(150);
    expect(await stopped).toEqual({ stoppedActors: 1, droppedMessages: 0, abandonedActors: 1 });
    expect(disposed).toEqual(['disposed']);
    gate.open();
    await scene.settle();
    expect(scene.failures).toMatchObject([
      { path: 'deaf', phase: 'handle', error: { code: 'VDT_ACTOR_ABANDONED' } },
      { path: 'deaf', phase: 'handle', error: new Error('late defect'), decision: 'stop' },
    ]);
  });

  it('abandons a factory that never answers, and disposes of what it builds too late', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    const disposed: string[] = [];
    const kind = scene.kindOfBehaviour<string>(async () => {
      await gate.opened;
      return { handle: () => {}, dispose: () => void disposed.push('disposed') };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    await scene.settle();
    const stopped = actor.stop({ timeoutMs: 100, graceMs: 50 });
    await scene.clock.advance(150);
    expect(await stopped).toMatchObject({ abandonedActors: 1 });
    gate.open();
    await scene.settle();
    expect(disposed).toEqual(['disposed']);
    expect(scene.failures).toMatchObject([{ phase: 'create', error: { code: 'VDT_ACTOR_ABANDONED' } }]);
  });

  it('abandons a restart whose disposal takes too long; nothing is built when that ends', async () => {
    await using scene = new Scene();
    let built = 0;
    const kind = scene.kindOfBehaviour<string>(() => {
      built++;
      return {
        handle: () => {
          throw new Error('defect');
        },
        dispose: () => scene.clock.sleep(500),
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('fail');
    await scene.settle();
    const stopped = actor.stop({ drain: false, graceMs: 50 });
    await scene.clock.advance(50);
    expect(await stopped).toMatchObject({ stoppedActors: 1 });
    await scene.clock.advance(10_000);
    expect(built).toBe(1);
    expect(actor.state).toBe('stopped');
  });

  it('abandons an actor that was given no turn, which is given none later', async () => {
    await using scene = new Scene();
    const busy = scene.kindOf<number>(() => {});
    for (let count = 0; count < 4000; count++) {
      const actor = scene.system.spawn(busy, { name: 'busy' });
      for (let message = 0; message < 16; message++) actor.cast(message);
    }
    const last = scene.system.spawn(busy, { name: 'last' });
    const stopped = last.stop({ drain: false, graceMs: 0 });
    await scene.clock.advance(0);
    expect(await stopped).toMatchObject({ stoppedActors: 1 });
    await scene.clock.advance(100);
    expect(last.state).toBe('stopped');
    expect(scene.system.counters().get('tested')).toMatchObject({ handled: 64_000 });
  });

  it('abandons a disposal that never ends', async () => {
    await using scene = new Scene();
    const kind = scene.kindOfBehaviour<string>(() => ({ handle: () => {}, dispose: () => new Promise(() => {}) }));
    const actor = scene.system.spawn(kind, { name: 'a' });
    await scene.settle();
    const stopped = actor.stop({ timeoutMs: 100, graceMs: 50 });
    await scene.clock.advance(150);
    expect(await stopped).toEqual({ stoppedActors: 1, droppedMessages: 0, abandonedActors: 1 });
    expect(scene.failures).toMatchObject([{ phase: 'dispose', error: { code: 'VDT_ACTOR_ABANDONED' } }]);
  });
});

describe('stop', () => {
  it('is idempotent: every call gets the same outcome, also after the end', async () => {
    await using scene = new Scene();
    const actor = scene.system.spawn(
      scene.kindOf<number>(() => scene.clock.sleep(10)),
      { name: 'a' },
    );
    for (const message of [1, 2]) actor.cast(message);
    const outcomes = [actor.stop(), actor.stop()];
    await scene.clock.advance(100);
    outcomes.push(actor.stop({ drain: false }));
    const expected = { stoppedActors: 1, droppedMessages: 0, abandonedActors: 0 };
    expect(await Promise.all(outcomes)).toEqual([expected, expected, expected]);
  });

  it('is hastened by a second call that does not want to drain', async () => {
    await using scene = new Scene();
    const actor = scene.system.spawn(
      scene.kindOf<number>(() => scene.clock.sleep(10)),
      { name: 'a' },
    );
    for (const message of [1, 2, 3]) actor.cast(message);
    await scene.settle();
    const patient = actor.stop();
    const hasty = actor.stop({ drain: false });
    await scene.clock.advance(10);
    expect(await patient).toMatchObject({ droppedMessages: 2 });
    expect(await hasty).toEqual(await patient);
  });

  it('may be begun by the behaviour itself, which then handles what it has queued', async () => {
    await using scene = new Scene();
    const seen: number[] = [];
    const actor = scene.system.spawn(
      scene.kindOf<number>((message, context) => {
        seen.push(message);
        if (message === 1) context.stop();
      }),
      { name: 'a' },
    );
    for (const message of [1, 2]) actor.cast(message);
    await scene.settle();
    expect(actor.state).toBe('stopped');
    expect(seen).toEqual([1, 2]);
  });

  it('happens at the end of an `await using` block', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<string>(() => {});
    let outlived: ActorRef<string>;
    {
      await using actor = scene.system.spawn(kind, { name: 'a' });
      outlived = actor;
    }
    expect(outlived.state).toBe('stopped');
  });

  it('gives the failures of the running drain to the supervisor as before', async () => {
    await using scene = new Scene({ decide: 'resume' });
    const kind = scene.kindOf<string>(() => {
      throw new Error('defect');
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    for (const message of ['1', '2']) actor.cast(message);
    expect(await actor.stop()).toMatchObject({ droppedMessages: 0 });
    expect(scene.failures).toHaveLength(2);
  });
});

describe('a parent that stops', () => {
  /** Spawns a child named after each message and passes `work` on to all of them. */
  function family(scene: Scene, log: string[]) {
    const child = scene.kindOfBehaviour<string>(
      (context) => ({
        handle: async (message) => {
          await scene.clock.sleep(10);
          log.push(`${context.self.name} ${message}`);
        },
        dispose: () => void log.push(`${context.self.name} disposed`),
      }),
      { kind: 'child' },
    );
    const children: ActorRef<string>[] = [];
    return scene.kindOfBehaviour<string>((context: ActorContext<string>) => ({
      handle: (message) => {
        if (message === 'work') for (const each of children) each.cast(message);
        else children.push(context.spawn(child, { name: message }));
      },
      dispose: () => void log.push('parent disposed'),
    }));
  }

  it('drains itself, then its children, and is disposed of only after they are', async () => {
    await using scene = new Scene();
    const log: string[] = [];
    const parent = scene.system.spawn(family(scene, log), { name: 'p' });
    for (const message of ['c1', 'c2', 'work']) parent.cast(message);
    const stopped = parent.stop();
    await scene.clock.advance(100);
    expect(await stopped).toEqual({ stoppedActors: 3, droppedMessages: 0, abandonedActors: 0 });
    expect(log.toSorted()).toEqual(['c1 disposed', 'c1 work', 'c2 disposed', 'c2 work', 'parent disposed']);
    expect(log.at(-1)).toBe('parent disposed');
  });

  it('forces the whole tree at its deadline, and counts over all of it', async () => {
    await using scene = new Scene();
    const log: string[] = [];
    const parent = scene.system.spawn(family(scene, log), { name: 'p' });
    for (const message of ['c1', 'c2', 'work', 'work', 'work']) parent.cast(message);
    await scene.settle();
    const stopped = parent.stop({ timeoutMs: 5 });
    await scene.clock.advance(20);
    expect(await stopped).toEqual({ stoppedActors: 3, droppedMessages: 4, abandonedActors: 0 });
    expect(log.at(-1)).toBe('parent disposed');
  });

  it('may spawn while it drains, and no more when its stop is forced', async () => {
    await using scene = new Scene();
    const child = scene.kindOf<string>(() => {}, { kind: 'child' });
    const refused: unknown[] = [];
    const kind = scene.kindOf<string>(async (_message, context) => {
      context.spawn(child, { name: 'c' }).cast('hello');
      await scene.clock.sleep(10);
      try {
        context.spawn(child, { name: 'c' });
      } catch (error) {
        refused.push(error);
      }
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('spawn');
    const stopped = actor.stop({ timeoutMs: 5 });
    await scene.clock.advance(10);
    expect(await stopped).toEqual({ stoppedActors: 2, droppedMessages: 0, abandonedActors: 0 });
    expect(scene.system.counters().get('child')).toMatchObject({ actors: 0, handled: 1 });
    expect(refused).toMatchObject([{ code: 'VDT_ACTOR_STOPPED' }]);
  });

  it("hears of a child that fails while it drains; after that such a failure is the system's", async () => {
    await using scene = new Scene();
    const heard: string[] = [];
    const child = scene.kindOf<string>(async (message) => {
      await scene.clock.sleep(message === 'soon' ? 5 : 50);
      throw new Error('defect');
    });
    const kind = scene.kindOfBehaviour<string>(
      (context) => ({
        handle: async (message) => {
          context.spawn(child, { name: message }).cast(message);
          await scene.clock.sleep(10);
        },
        onFailure: ({ path }) => void heard.push(path),
      }),
      { supervision: { decide: 'escalate' } },
    );
    const actor = scene.system.spawn(kind, { name: 'p' });
    for (const message of ['soon', 'later']) actor.cast(message);
    const stopped = actor.stop();
    await scene.clock.advance(100);
    expect(await stopped).toMatchObject({ stoppedActors: 3 });
    expect(heard).toEqual(['p/soon']);
    expect(scene.failures).toMatchObject([{ escalatedTo: 'parent' }, { path: 'p/later', escalatedTo: 'system' }]);
  });
});

describe('the system', () => {
  it('stops all actors together within one deadline, then spawns no more', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<number>(() => scene.clock.sleep(100));
    const actors = Array.from({ length: 20 }, (_, at) => scene.system.spawn(kind, { name: `a${at}` }));
    for (const actor of actors) for (const message of [1, 2, 3]) actor.cast(message);
    const stopped = scene.system.stop({ timeoutMs: 150 });
    await scene.clock.advance(200);
    expect(await stopped).toEqual({ stoppedActors: 20, droppedMessages: 20, abandonedActors: 0 });
    expect(scene.system.size).toBe(0);
    expect(() => scene.system.spawn(kind, { name: 'late' })).toThrowError(
      expect.objectContaining({ code: 'VDT_ACTOR_STOPPED' }),
    );
    expect(await scene.system.stop()).toEqual(await stopped);
  });

  it('lets nothing that its onFailure throws pass unseen', async () => {
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => uncaught.push(error));
    await using scene = new Scene({ decide: 'resume' });
    scene.failures.push = () => {
      throw new Error('log is full');
    };
    const kind = scene.kindOf<string>(() => {
      throw new Error('defect');
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('fail');
    await scene.settle();
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(uncaught).toEqual([new Error('log is full')]);
    expect(actor.state).toBe('running');
  });
});
