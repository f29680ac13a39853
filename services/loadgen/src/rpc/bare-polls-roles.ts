import { type EncodedHistogram, LatencyHistogram } from '../harness/histogram.ts';
import { Pacer } from '../harness/pacer.ts';
import type { Role, RoleContext } from '../roles/role.ts';
import type { RecordedPoll } from './recorded-polls.ts';

/** The bare loop of P1: the bytes of recorded polls, asked for at a pace by a bare client, and answered. */
const SUBJECT = 'loadgen.bare.poll';

export interface BareAnswersSettings {
  readonly polls: readonly RecordedPoll[];
}

export async function startBareAnswers({ polls }: BareAnswersSettings, { wires }: RoleContext): Promise<Role> {
  const raw = await wires.raw('bare-answers');
  let next = 0;
  raw.subscribe(SUBJECT, (_request, reply) => {
    reply((polls[next] as RecordedPoll).reply);
    next = (next + 1) % polls.length;
  });
  await raw.flush();
  return { calls: {}, stop: () => Promise.resolve() };
}

export interface BarePollerSettings extends BareAnswersSettings {
  readonly perSecond: number;
}

export interface BarePollerResult {
  readonly polls: number;
  readonly unanswered: number;
  readonly replyBytes: number;
  readonly latency: EncodedHistogram;
}

/** How long answers to what was asked last may take. */
const WAIT_MS = 50;
const MOST_WAITS = 100;

/** Asks at its pace until `end` is called, once. */
export async function startBarePoller(settings: BarePollerSettings, { clock, wires }: RoleContext): Promise<Role> {
  const raw = await wires.raw('bare-poller');
  const poller = new BarePoller();
  const requester = raw.requester();
  const { polls } = settings;
  const pacer = new Pacer({
    clock,
    perSecond: settings.perSecond,
    emit: (number, intendedMs) => {
      const { request } = polls[number % polls.length] as RecordedPoll;
      requester.request(SUBJECT, request, (reply) => {
        poller.answered++;
        poller.replyBytes += reply.byteLength;
        poller.latency.record(clock.now() - intendedMs);
      });
    },
  });
  pacer.start();
  return {
    calls: {
      begin: () => poller.begin(),
      answered: () => poller.answered,
      end: async (): Promise<BarePollerResult> => {
        pacer.stop();
        for (let waits = 0; requester.pending > 0 && waits < MOST_WAITS; waits++) await clock.sleep(WAIT_MS);
        return poller.end(requester.pending);
      },
    },
    stop: async () => pacer.stop(),
  };
}

class BarePoller {
  answered = 0;
  replyBytes = 0;
  latency = new LatencyHistogram();

  begin(): void {
    this.answered = 0;
    this.replyBytes = 0;
    this.latency = new LatencyHistogram();
  }

  end(unanswered: number): BarePollerResult {
    const { answered: polls, replyBytes, latency } = this;
    return { polls, unanswered, replyBytes, latency: latency.encode() };
  }
}
