import { getEventListeners } from 'node:events';
import { VedetteError } from '@vedette/runtime';
import { describe, expect, it } from 'vitest';
import type { Reply } from '../src/index.ts';
import { Gate, Scene } from './scene.ts';

interface Question {
  readonly reply: Reply<string>;
}

const question = (reply: Reply<string>): Question => ({ reply });

async function codeOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    (value) => new Error(`answered ${String(value)}`),
    (reason: unknown) => reason,
  );
  return VedetteError.is(error) ? error.code : String(error);
}

describe('ask', () => {
  it('resolves with the answer, leaves no timer behind, and may be answered after the handler has ended', async () => {
    await using scene = new Scene();
    const held: Reply<string>[] = [];
    const actor = scene.system.spawn(
      scene.kindOf<Question>(({ reply }) => void held.push(reply)),
      { name: 'a' },
    );
    const answer = actor.ask(question, { timeoutMs: 100 });
    await scene.clock.advance(50);
    expect(held[0]?.send('late but in time')).toBe(true);
    expect(await answer).toBe('late but in time');
    expect(scene.clock.pendingTimers).toBe(0);
    expect(actor.openAsks).toBe(0);
  });

  it('may be answered while its message is being made', async () => {
    await using scene = new Scene();
    const actor = scene.system.spawn(
      scene.kindOf<Question>(() => {}),
      { name: 'a' },
    );
    const eager = (reply: Reply<string>): Question => {
      reply.send('at once');
      return { reply };
    };
    expect(await actor.ask(eager, { timeoutMs: 100 })).toBe('at once');
    expect(scene.clock.pendingTimers).toBe(0);
    expect(actor.openAsks).toBe(0);
  });

  it('rejects with what the making of its message throws', async () => {
    await using scene = new Scene();
    const actor = scene.system.spawn(
      scene.kindOf<Question>(() => {}),
      { name: 'a' },
    );
    const broken = (): Question => {
      throw new Error('no message');
    };
    await expect(actor.ask(broken, { timeoutMs: 100 })).rejects.toThrow('no message');
    expect(actor.mailbox.queued).toBe(0);
  });

  it('leaves no listener at its signal once it is answered', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<Question>(({ reply }) => void reply.send('yes'));
    const actor = scene.system.spawn(kind, { name: 'a' });
    const { signal } = new AbortController();
    await actor.ask(question, { timeoutMs: 100, signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('rejects with what the behaviour fails it with', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<Question>(({ reply }) => void reply.fail(new Error('no such VM')));
    await expect(scene.system.spawn(kind, { name: 'a' }).ask(question, { timeoutMs: 100 })).rejects.toThrow(
      'no such VM',
    );
    expect(scene.failures).toEqual([]);
  });

  it('rejects at its deadline, naming the actor; the late reply is dropped and counted', async () => {
    await using scene = new Scene();
    const held: Reply<string>[] = [];
    const actor = scene.system.spawn(
      scene.kindOf<Question>(({ reply }) => void held.push(reply)),
      { name: 'mute' },
    );
    const answer = actor.ask(question, { timeoutMs: 100 });
    const failure = expect(answer).rejects.toThrow('mute did not answer within 100 ms');
    await scene.clock.advance(99);
    expect(actor.openAsks).toBe(1);
    expect(actor.lateReplies).toBe(0);
    await scene.clock.advance(1);
    await failure;
    expect(await codeOf(answer)).toBe('VDT_ACTOR_ASK_DEADLINE');
    expect(held[0]?.send('too late')).toBe(false);
    expect(held[0]?.fail(new Error('too late'))).toBe(false);
    expect(actor.lateReplies).toBe(2);
  });

  it('rejects with the reason of its signal, aborted before or while it waits', async () => {
    await using scene = new Scene();
    const actor = scene.system.spawn(
      scene.kindOf<Question>(() => {}),
      { name: 'a' },
    );
    const controller = new AbortController();
    const answer = actor.ask(question, { timeoutMs: 100, signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(new Error('asker left'));
    await expect(answer).rejects.toThrow('asker left');
    await expect(actor.ask(question, { timeoutMs: 100, signal: controller.signal })).rejects.toThrow('asker left');
    expect(scene.clock.pendingTimers).toBe(0);
    expect(actor.mailbox.queued).toBe(1);
  });

  it('is not handled any more when its asker has given up before its turn came', async () => {
    await using scene = new Scene();
    const gate = new Gate();
    let asked = 0;
    const kind = scene.kindOf<Question | 'slow'>(async (message) => {
      if (message === 'slow') await gate.opened;
      else asked++;
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    actor.cast('slow');
    const answer = codeOf(actor.ask(question, { timeoutMs: 100 }));
    await scene.clock.advance(200);
    gate.open();
    await scene.settle();
    expect(await answer).toBe('VDT_ACTOR_ASK_DEADLINE');
    expect(asked).toBe(0);
    expect(actor.mailbox).toMatchObject({ queued: 2, handled: 1, dropped: 1 });
  });

  it('rejects with VDT_ACTOR_MAILBOX_FULL at a full mailbox', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<Question>(() => {}, { mailbox: { capacity: 1, overflow: 'reject' } });
    const actor = scene.system.spawn(kind, { name: 'a' });
    const first = codeOf(actor.ask(question, { timeoutMs: 100 }));
    expect(await codeOf(actor.ask(question, { timeoutMs: 100 }))).toBe('VDT_ACTOR_MAILBOX_FULL');
    await scene.clock.advance(100);
    expect(await first).toBe('VDT_ACTOR_ASK_DEADLINE');
  });

  it.each(['drop-oldest', 'drop-newest'] as const)('rejects at once when %s drops its message', async (overflow) => {
    await using scene = new Scene();
    const kind = scene.kindOf<Question>(({ reply }) => void reply.send('yes'), { mailbox: { capacity: 1, overflow } });
    const actor = scene.system.spawn(kind, { name: 'a' });
    const answers = [actor.ask(question, { timeoutMs: 100 }), actor.ask(question, { timeoutMs: 100 })].map(codeOf);
    const dropped = overflow === 'drop-oldest' ? 0 : 1;
    expect(await answers[dropped]).toBe('VDT_ACTOR_MESSAGE_DROPPED');
    expect(await answers[1 - dropped]).toBe('Error: answered yes');
  });

  it('is never coalesced with another question', async () => {
    await using scene = new Scene();
    const kind = scene.kindOf<Question>(({ reply }) => void reply.send('yes'), {
      mailbox: { capacity: 5, overflow: 'coalesce', key: () => 'same' },
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    const answers = [1, 2, 3].map(() => actor.ask(question, { timeoutMs: 100 }));
    expect(await Promise.all(answers)).toEqual(['yes', 'yes', 'yes']);
  });

  it('rejects with VDT_ACTOR_HANDLER_FAILED and the cause when its handler fails', async () => {
    await using scene = new Scene({ decide: 'resume' });
    const kind = scene.kindOf<Question>(() => {
      throw new Error('defect');
    });
    const answer = scene.system.spawn(kind, { name: 'a' }).ask(question, { timeoutMs: 100 });
    await expect(answer).rejects.toMatchObject({ code: 'VDT_ACTOR_HANDLER_FAILED', cause: new Error('defect') });
  });

  it('rejects when the behaviour that owes the answer is restarted; one still queued is answered by the next', async () => {
    await using scene = new Scene();
    let life = 0;
    const kind = scene.kindOfBehaviour<Question | 'fail'>(() => {
      life++;
      return {
        handle: (message) => {
          if (message === 'fail') throw new Error('defect');
          if (life === 2) message.reply.send('from the second life');
        },
      };
    });
    const actor = scene.system.spawn(kind, { name: 'a' });
    const owed = codeOf(actor.ask(question, { timeoutMs: 10_000 }));
    actor.cast('fail');
    const queued = actor.ask(question, { timeoutMs: 10_000 });
    await scene.settle();
    expect(await owed).toBe('VDT_ACTOR_HANDLER_FAILED');
    await scene.clock.advance(1000);
    expect(await queued).toBe('from the second life');
  });

  it('rejects with VDT_ACTOR_STOPPED at an actor that has stopped, and when the actor stops', async () => {
    await using scene = new Scene();
    const held: Reply<string>[] = [];
    const kind = scene.kindOf<Question>(({ reply }) => void held.push(reply));
    const actor = scene.system.spawn(kind, { name: 'a' });
    const taken = codeOf(actor.ask(question, { timeoutMs: 10_000 }));
    await scene.settle();
    const queued = codeOf(actor.ask(question, { timeoutMs: 10_000 }));
    await actor.stop({ drain: false });
    expect(held).toHaveLength(1);
    expect(await taken).toBe('VDT_ACTOR_STOPPED');
    expect(await queued).toBe('VDT_ACTOR_STOPPED');
    expect(await codeOf(actor.ask(question, { timeoutMs: 100 }))).toBe('VDT_ACTOR_STOPPED');
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('lets the port be sent on: whoever holds it may answer', async () => {
    await using scene = new Scene();
    const worker = scene.system.spawn(
      scene.kindOf<Reply<string>>((reply) => void reply.send('from the worker')),
      { name: 'worker' },
    );
    const front = scene.system.spawn(
      scene.kindOf<Question>(({ reply }) => worker.cast(reply)),
      { name: 'front' },
    );
    expect(await front.ask(question, { timeoutMs: 100 })).toBe('from the worker');
  });
});
