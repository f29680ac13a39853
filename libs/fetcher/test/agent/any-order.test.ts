/** S8, S9: whatever becomes of hints and polls, in whatever order, a listing ends in the truth, and `alive` never lies. */
import type { Hint, RuntimeRow, RuntimeStats } from '@vedette/fetcher';
import type { VMState } from '@vedette/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Bench, bench, LONG } from './support/bench.ts';

const vms = ['a', 'b', 'c', 'd', 'e'] as const;

type Step =
  | { readonly kind: 'set'; readonly vm: string; readonly state: VMState; readonly fate: Fate }
  | { readonly kind: 'remove' | 'unreadable' | 'readable'; readonly vm: string; readonly fate: Fate }
  | { readonly kind: 'measure'; readonly vm: string }
  | { readonly kind: 'poll' | 'late poll' | 'heart-beat' | 'restart' };
type Fate = 'arrives' | 'lost' | 'doubled' | 'late';

const vm = fc.constantFrom(...vms);
const fate = fc.constantFrom<Fate>('arrives', 'arrives', 'lost', 'doubled', 'late');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      vm,
      state: fc.constantFrom<VMState>('running', 'paused', 'stopped'),
      fate,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('remove', 'unreadable', 'readable'), vm, fate }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('measure' as const), vm }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('poll', 'late poll', 'heart-beat', 'restart') }) },
);

/** What a reader makes of rows: those of higher revision win; a listing says what is there. */
class Reader {
  readonly held = new Map<string, RuntimeRow>();
  since: RuntimeStats | undefined;
  #boot = '';

  takeHint(hint: Hint): void {
    if (hint.kind === 'rows') for (const row of hint.rows) this.#take(row);
  }

  takeListing(stats: RuntimeStats): void {
    if (stats.boot !== this.#boot) this.held.clear();
    this.#boot = stats.boot;
    for (const row of stats.rows) this.#take(row);
    const listed = new Set([...stats.rows.map((row) => row.vm), ...stats.unreadable]);
    const gone = stats.complete
      ? [...this.held.keys()].filter((held) => !listed.has(held))
      : stats.agrees
        ? stats.left
        : [];
    for (const left of gone) if ((this.held.get(left)?.rev ?? 0) <= stats.rev) this.held.delete(left);
    this.since = stats.complete || stats.agrees ? stats : undefined;
  }

  states(readable: ReadonlyMap<string, VMState>): ReadonlyMap<string, VMState | undefined> {
    const known = [...readable.keys()].map((vm) => [vm, this.held.get(vm)?.state] as const);
    return new Map(known);
  }

  #take(row: RuntimeRow): void {
    if ((this.held.get(row.vm)?.rev ?? 0) <= row.rev) this.held.set(row.vm, row);
  }
}

async function takeStep(on: Bench, reader: Reader, late: Buffer[], taken: Step): Promise<void> {
  const { agent, fetcher, poll, clock } = on;
  agent.onTheWay = (hint) => {
    if (!('fate' in taken) || taken.fate === 'arrives') return [hint, ...late.splice(0)];
    if (taken.fate === 'late') late.push(hint);
    return taken.fate === 'doubled' ? [hint, hint] : [];
  };
  switch (taken.kind) {
    case 'set':
      return agent.set(taken.vm, taken.state);
    case 'remove':
      return agent.remove(taken.vm);
    case 'unreadable':
    case 'readable':
      return agent.unreadable(taken.vm, taken.kind === 'unreadable');
    case 'measure':
      return agent.states().has(taken.vm) ? agent.measure(taken.vm, 0.5) : undefined;
    case 'heart-beat':
      return agent.heartBeat();
    case 'restart':
      return agent.restart();
    case 'poll':
      return reader.takeListing(await poll(reader.since));
    case 'late poll': {
      agent.answers.getAllRuntimeStats = async (request) => {
        delete agent.answers.getAllRuntimeStats;
        const answer = await agent.answer(request);
        await clock.sleep(20);
        return answer;
      };
      const pending = fetcher.runtimeStats(reader.since === undefined ? LONG : { ...LONG, since: reader.since });
      const taking = pending.then((stats) => {
        for (const hint of on.hints.splice(0)) reader.takeHint(hint); // they came before it
        reader.takeListing(stats);
      });
      await clock.advance(5);
      agent.set('a', agent.states().get('a') === 'running' ? 'paused' : 'running');
      await on.settle(taking);
    }
  }
}

it('S8, S9: any order of changes, lost, doubled and late hints, polls and restarts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const on = await bench();
      const reader = new Reader();
      const late: Buffer[] = [];
      for (const taken of steps) {
        // oxlint-disable-next-line no-await-in-loop -- one step after the other
        await takeStep(on, reader, late, taken);
        // oxlint-disable-next-line no-await-in-loop -- as above
        await on.arrive();
        const readable = on.agent.readableStates();
        for (const hint of on.hints.splice(0)) {
          reader.takeHint(hint);
          if (hint.kind === 'alive') expect(reader.states(readable), 'told alive').toEqual(readable);
        }
      }
      for (const each of vms) on.agent.unreadable(each, false);
      for (let polls = 0; polls < 3; polls++) {
        // oxlint-disable-next-line no-await-in-loop -- the first may say that it proves nothing
        reader.takeListing(await on.poll(reader.since));
      }
      expect(new Map([...reader.held].map(([held, { state }]) => [held, state]))).toEqual(on.agent.readableStates());
      await on.fetcher.close();
    }),
    { numRuns: 300 },
  );
}, 60_000);
