import { RealClock } from '@vedette/runtime';
import { type ActorRef, ActorSystem, defineActor } from '../src/index.ts';
import { BareAsyncQueues, type BareQueues, BareSyncQueues, type Target } from './bare-queue.ts';
import { AsyncHandler, Round, type Sample, SyncHandler } from './workload.ts';

export interface ThroughputCase {
  readonly handler: 'sync' | 'async';
  /** Messages cast at each target in one round, and the actors' `messagesPerTurn`. */
  readonly messagesPerTurn: number;
}

export interface ThroughputResult extends ThroughputCase {
  readonly bareMessagesPerSecond: number;
  readonly actorMessagesPerSecond: number;
  /** The median of the ratios of neighbouring samples, actor to bare. */
  readonly ratio: number;
  /** The same for messages per second of processor time, which waiting for a processor does not touch. */
  readonly cpuRatio: number;
  readonly lowestRatio: number;
  readonly highestRatio: number;
}

export interface ThroughputSettings {
  readonly actors: number;
  readonly repeats: number;
  /** Least messages per sample; whole rounds are run. */
  readonly messagesPerSample: number;
}

/** Sends one round and resolves when its last message was handled. */
type RunRound = () => Promise<void>;

/** Measures one case: bare and actors in turn, in one process, the order swapped at every repeat. */
export async function measureThroughput(
  measured: ThroughputCase,
  settings: ThroughputSettings,
): Promise<ThroughputResult> {
  await using system = new ActorSystem({
    clock: new RealClock(),
    onFailure: ({ error }) => {
      throw error;
    },
  });
  const bare = bareRound(measured, settings.actors);
  const actors = actorRound(system, measured, settings.actors);
  const messagesPerRound = settings.actors * measured.messagesPerTurn;
  const rounds = Math.ceil(settings.messagesPerSample / messagesPerRound);
  const sample = (run: RunRound): Promise<Rates> => rates(run, rounds, messagesPerRound);
  await sample(bare);
  await sample(actors);
  const pairs: { readonly bare: Rates; readonly actors: Rates }[] = [];
  for (let repeat = 0; repeat < settings.repeats; repeat++) {
    const early = repeat % 2 === 0 ? await sample(bare) : undefined;
    const actorRates = await sample(actors);
    pairs.push({ bare: early ?? (await sample(bare)), actors: actorRates });
  }
  const ratios = pairs.map((pair) => pair.actors.perSecond / pair.bare.perSecond);
  return {
    ...measured,
    bareMessagesPerSecond: median(pairs.map((pair) => pair.bare.perSecond)),
    actorMessagesPerSecond: median(pairs.map((pair) => pair.actors.perSecond)),
    ratio: median(ratios),
    cpuRatio: median(pairs.map((pair) => pair.actors.perCpuSecond / pair.bare.perCpuSecond)),
    lowestRatio: Math.min(...ratios),
    highestRatio: Math.max(...ratios),
  };
}

/** Messages of one sample by the time that passed and by the processor time the process used. */
interface Rates {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

async function rates(run: RunRound, rounds: number, messagesPerRound: number): Promise<Rates> {
  const cpuBefore = process.cpuUsage();
  const beganMs = performance.now();
  for (let round = 0; round < rounds; round++) await run();
  const tookMs = performance.now() - beganMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  const messages = rounds * messagesPerRound;
  return { perSecond: (messages * 1e3) / tookMs, perCpuSecond: (messages * 1e6) / (user + system) };
}

function bareRound(measured: ThroughputCase, count: number): RunRound {
  const round = new Round();
  const samples = makeSamples(count);
  const { handler, messagesPerTurn } = measured;
  if (handler === 'sync')
    return roundOver(new BareSyncQueues(handlers(SyncHandler, round, count)), round, samples, messagesPerTurn);
  return roundOver(new BareAsyncQueues(handlers(AsyncHandler, round, count)), round, samples, messagesPerTurn);
}

function actorRound(system: ActorSystem, measured: ThroughputCase, count: number): RunRound {
  const round = new Round();
  const { handler, messagesPerTurn } = measured;
  const kind = defineActor<Sample>({
    kind: handler,
    mailbox: { capacity: 1024, overflow: 'reject' },
    messagesPerTurn,
    create: () => (handler === 'sync' ? new SyncHandler(round) : new AsyncHandler(round)),
  });
  const actors = Array.from({ length: count }, (_, at) => system.spawn(kind, { name: `a${at}` }));
  const samples = makeSamples(count);
  return () => {
    const handled = round.begin(count * messagesPerTurn);
    for (let at = 0; at < count; at++) {
      const actor = actors[at] as ActorRef<Sample>;
      const sample = samples[at] as Sample;
      for (let left = messagesPerTurn; left > 0; left--) actor.cast(sample);
    }
    return handled;
  };
}

function handlers<H>(Handler: new (round: Round) => H, round: Round, count: number): H[] {
  return Array.from({ length: count }, () => new Handler(round));
}

function roundOver<H>(queues: BareQueues<H>, round: Round, samples: readonly Sample[], messages: number): RunRound {
  const { targets } = queues;
  return () => {
    const handled = round.begin(targets.length * messages);
    for (let at = 0; at < targets.length; at++) {
      const target = targets[at] as Target<H>;
      const sample = samples[at] as Sample;
      for (let left = messages; left > 0; left--) queues.cast(target, sample);
    }
    return handled;
  };
}

function makeSamples(count: number): Sample[] {
  return Array.from({ length: count }, (_, at) => ({ amount: at % 7 }));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}
