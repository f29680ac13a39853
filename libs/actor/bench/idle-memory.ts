import { setTimeout as sleep } from 'node:timers/promises';
import { RealClock } from '@vedette/runtime';
import { type ActorContext, type ActorRef, ActorSystem, type Behaviour, defineActor } from '../src/index.ts';

/**
 * Measures the memory of idle actors in a process of its own, started with `--expose-gc`; prints a JSON object of
 * {@link IdleMemory}. Its one argument is the number of actors.
 */
export interface IdleMemory {
  readonly actors: number;
  /** Bytes per actor that lives and does nothing, by what it has done before. */
  readonly bytesPerActor: Readonly<Record<string, number>>;
}

type Work = 'work' | 'set timer';

/** As small as a behaviour can be, so that the figure is the library's. */
class Idler implements Behaviour<Work> {
  handle(message: Work, context: ActorContext<Work>): void {
    if (message === 'set timer') context.setTimer('poll', 'work', 3_600_000 + Math.random() * 3000);
  }
}

/** Live bytes after the collector has had its way. */
async function liveBytes(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await sleep(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function untilIdle(system: ActorSystem): Promise<void> {
  while ([...system.counters().values()].some(({ depth }) => depth > 0)) await sleep(10);
}

async function measure(count: number): Promise<IdleMemory> {
  const system = new ActorSystem({
    clock: new RealClock(),
    onFailure: ({ error }) => {
      throw error;
    },
  });
  const kind = defineActor<Work>({
    kind: 'idle',
    mailbox: { capacity: 1024, overflow: 'reject' },
    create: () => new Idler(),
  });
  const names = Array.from({ length: count }, (_, at) => `host-${at}`);
  const actors = new Array<ActorRef<Work> | undefined>(count).fill(undefined);
  const beforeBytes = await liveBytes();
  const bytesPerActor: Record<string, number> = {};
  const note = async (what: string): Promise<void> => {
    await untilIdle(system);
    bytesPerActor[what] = Math.round((await liveBytes()) - beforeBytes) / count;
  };
  for (let at = 0; at < count; at++) actors[at] = system.spawn(kind, { name: names[at] as string });
  await note('spawned and built');
  for (const actor of actors) actor?.cast('work');
  await note('handled one message');
  for (const actor of actors) for (let left = 1000; left > 0; left--) actor?.cast('work');
  await note('handled a burst of 1,000');
  for (const actor of actors) actor?.cast('set timer');
  await note('the same, and one timer running');
  await system.stop();
  return { actors: count, bytesPerActor };
}

console.log(JSON.stringify(await measure(Number(process.argv[2] ?? 25_000))));
