import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActorContext, ActorRef, Behaviour, Decision, MailboxOptions, StopOptions } from '../src/index.ts';
import { Scene } from './scene.ts';

/** How one message is handled. */
type Manner = 'returns' | 'throws' | 'resolves' | 'rejects' | 'sleeps' | 'sleeps, then rejects' | 'hangs';

interface Message {
  readonly sender: number;
  readonly number: number;
  readonly manner: Manner;
}

type Step =
  | { readonly verb: 'cast'; readonly sender: number; readonly manner: Manner }
  | { readonly verb: 'advance'; readonly byMs: number };

const manners = fc.constantFrom<Manner>(
  'returns',
  'returns',
  'throws',
  'resolves',
  'rejects',
  'sleeps',
  'sleeps, then rejects',
);
const casts = fc.record({ verb: fc.constant('cast' as const), sender: fc.nat(2), manner: manners });
const advances = fc.record({ verb: fc.constant('advance' as const), byMs: fc.nat(200) });
const script: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof({ weight: 6, arbitrary: casts }, { weight: 1, arbitrary: advances }),
  { maxLength: 80 },
);
const decisions = fc.constantFrom<Decision>('resume', 'restart', 'stop', 'escalate');
const overflows = fc.constantFrom<MailboxOptions<Message>['overflow']>(
  'reject',
  'drop-oldest',
  'drop-newest',
  'coalesce',
);
const stops: fc.Arbitrary<StopOptions> = fc.record({
  drain: fc.boolean(),
  timeoutMs: fc.nat(300),
  graceMs: fc.nat(100),
});

/** Does as each message says, and notes what it saw. */
class Witness implements Behaviour<Message> {
  readonly handled: Message[] = [];
  running = 0;
  mostRunning = 0;
  failed = 0;

  handle({ sender, number, manner }: Message, context: ActorContext<Message>): void | Promise<void> {
    this.handled.push({ sender, number, manner });
    if (manner === 'returns') return;
    if (manner === 'throws') {
      this.failed++;
      throw new Error(manner);
    }
    return this.#take(manner, context);
  }

  async #take(manner: Manner, { clock }: ActorContext<Message>): Promise<void> {
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    if (manner === 'sleeps' || manner === 'sleeps, then rejects') await clock.sleep(20);
    if (manner === 'hangs') await new Promise(() => {});
    this.running--;
    if (manner === 'resolves' || manner === 'sleeps') return;
    this.failed++;
    throw new Error(manner);
  }
}

describe('whatever is cast, however it is handled, whatever the policy and the decisions', () => {
  it('A1-A4: one at a time, in order per sender, within the bound, all accounted for, every failure reported', async () => {
    await fc.assert(
      fc.asyncProperty(
        script,
        overflows,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(decisions),
        stops,
        async (steps, overflow, capacity, messagesPerTurn, decide, stop) => {
          const scene = new Scene({ decide: () => decide.next().value ?? 'resume', restart: { maxRestarts: 3 } });
          const witness = new Witness();
          const key = ({ sender }: Message): number => sender;
          const mailbox = overflow === 'coalesce' ? { capacity, overflow, key } : { capacity, overflow };
          const kind = scene.kindOfBehaviour<Message>(() => witness, { mailbox, messagesPerTurn });
          const actor = scene.system.spawn(kind, { name: 'a' });
          let offered = 0;
          let refused = 0;
          for (const step of steps) {
            if (step.verb === 'advance') await scene.clock.advance(step.byMs);
            else if (!actor.offer({ ...step, number: offered++ })) refused++;
            expect(actor.mailbox.depth).toBeLessThanOrEqual(capacity);
            expect(actor.mailbox.queued).toBe(actor.mailbox.handled + actor.mailbox.dropped + actor.mailbox.depth);
          }
          const stopped = actor.stop(stop);
          await scene.clock.advance(1000);
          await stopped;

          const { handled, mostRunning, failed } = witness;
          expect(mostRunning).toBeLessThanOrEqual(1);
          for (const sender of [0, 1, 2]) {
            const numbers = handled.filter((message) => message.sender === sender).map(({ number }) => number);
            expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
          }
          expect(new Set(handled.map(({ number }) => number)).size).toBe(handled.length);
          expect(actor.mailbox).toMatchObject({
            depth: 0,
            handled: handled.length,
            dropped: offered - refused - handled.length,
            rejected: refused,
          });
          expect(scene.failures.filter(({ error }) => (error as Error).name === 'Error')).toHaveLength(failed);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('an actor that only ever resumes and is drained in time handles every message it accepted', async () => {
    await fc.assert(
      fc.asyncProperty(script, fc.integer({ min: 1, max: 5 }), async (steps, messagesPerTurn) => {
        const scene = new Scene({ decide: 'resume' });
        const witness = new Witness();
        const kind = scene.kindOfBehaviour<Message>(() => witness, { messagesPerTurn });
        const actor = scene.system.spawn(kind, { name: 'a' });
        let accepted = 0;
        for (const step of steps) {
          if (step.verb === 'advance') await scene.clock.advance(step.byMs);
          else if (actor.offer({ ...step, number: accepted })) accepted++;
        }
        const stopped = actor.stop({ timeoutMs: 10_000 });
        await scene.clock.advance(10_000);
        expect(await stopped).toMatchObject({ droppedMessages: 0, abandonedActors: 0 });
        expect(witness.handled).toHaveLength(accepted);
        expect(scene.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});

/** An actor of a tree: how it takes its one message and its disposal, and what it has spawned. */
interface Member {
  readonly manner: Manner;
  readonly disposal: 'none' | 'returns' | 'sleeps' | 'rejects' | 'hangs';
  readonly children: readonly Member[];
}

const { member } = fc.letrec<{ member: Member }>((tie) => ({
  member: fc.record({
    manner: fc.oneof(manners, fc.constant<Manner>('hangs')),
    disposal: fc.constantFrom('none', 'returns', 'sleeps', 'rejects', 'hangs'),
    children: fc.oneof({ depthSize: 'small' }, fc.constant([]), fc.array(tie('member'), { maxLength: 3 })),
  }),
}));

function memberKind(scene: Scene, { manner, disposal, children }: Member) {
  return scene.kindOfBehaviour<Message>((context) => {
    for (const child of children) {
      context.spawn(memberKind(scene, child), { name: 'c' }).cast({ sender: 0, number: 0, manner: child.manner });
    }
    const witness = new Witness();
    const dispose = async (): Promise<void> => {
      if (disposal === 'sleeps') await scene.clock.sleep(20);
      if (disposal === 'rejects') throw new Error(manner);
      if (disposal === 'hangs') await new Promise(() => {});
    };
    return { handle: witness.handle.bind(witness), ...(disposal !== 'none' && { dispose }) };
  });
}

describe('A5: whatever a tree of actors is doing', () => {
  it('a stop, or several, end it within the shortest timeout and grace', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { minLength: 1, maxLength: 3 }),
        decisions,
        fc.nat(200),
        fc.array(stops, { minLength: 1, maxLength: 3 }),
        async (members, decide, runMs, options) => {
          const scene = new Scene({ decide });
          const tops: ActorRef<Message>[] = members.map((top) =>
            scene.system.spawn(memberKind(scene, top), { name: 't' }),
          );
          for (const [at, top] of tops.entries()) {
            top.offer({ sender: 0, number: 0, manner: members[at]?.manner ?? 'returns' });
          }
          await scene.clock.advance(runMs);
          const outcomes = options.map((each) => scene.system.stop(each));
          const longestMs = Math.min(
            ...options.map(({ drain, timeoutMs = 0, graceMs = 0 }) => (drain === true ? timeoutMs : 0) + graceMs),
          );
          await scene.clock.advance(longestMs);
          expect(scene.system.size).toBe(0);
          const [outcome, ...others] = await Promise.all(outcomes);
          for (const other of others) expect(other).toEqual(outcome);
          const counters = scene.system.counters().get('tested');
          expect(counters).toMatchObject({ actors: 0, depth: 0 });
          expect(counters?.queued).toBe((counters?.handled ?? 0) + (counters?.dropped ?? 0));
        },
      ),
      { numRuns: 200 },
    );
  });
});
