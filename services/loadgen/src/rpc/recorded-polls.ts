import { createAgents } from '@vedette/agent';
import type { Bus } from '@vedette/bus';
import { createMemoryBroker } from '@vedette/bus/memory';
import type { HostFetcher, RuntimeStats } from '@vedette/fetcher';
import { agentDriver } from '@vedette/fetcher/agent';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { simulationDriver } from '@vedette/simulation';
import { silentLogger } from '@vedette/telemetry';
import { type FleetSpec, fleetOf } from '../fleet/spec.ts';

/** One poll as it went over the bus: what was asked, and what came back. */
export interface RecordedPoll {
  readonly request: Uint8Array;
  readonly reply: Uint8Array;
}

export interface RecordingOptions {
  readonly spec: FleetSpec;
  readonly intervalMs: number;
  /** Polls of each host after its first, complete one, which is left out. */
  readonly rounds: number;
}

const POLL = { timeoutMs: 5_000 };
const STOP_TIMEOUT_MS = 1_000;

/** Polls simulated agents on a clock of its own and keeps what went over the bus: the same numbers, the same bytes. */
export async function recordPolls({ spec, intervalMs, rounds }: RecordingOptions): Promise<readonly RecordedPoll[]> {
  const clock = new SimulatedClock();
  await using broker = createMemoryBroker({ clock });
  const fleet = fleetOf(spec);
  const hosts = fleet.hostIds().map((id) => ({ id, url: fleet.host(id).url }));
  const agents = createAgents({
    ...{ bus: broker.connect({ name: 'agents' }), hosts, clock, logger: silentLogger(), followBoot: true },
    driver: simulationDriver({ fleet, clock, capabilities: { push: false } }),
    config: { readForHeartBeats: false },
    run: 'recorded',
  });
  await settled(clock, agents.start({ signal: new AbortController().signal }));
  const recorded: RecordedPoll[] = [];
  const driver = agentDriver({ bus: recording(broker.connect({ name: 'monitor' }), recorded), clock });
  const polled = hosts.map(({ id }) => ({ fetcher: driver.open({ id, url: `agent:${id}` }), last: undefined as Last }));
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) recorded.length = 0;
    for (const host of polled) host.last = await settled(clock, poll(host.fetcher, host.last));
    await clock.advance(intervalMs);
  }
  await Promise.all(polled.map(({ fetcher }) => fetcher.close()));
  const deadlineMs = clock.now() + STOP_TIMEOUT_MS;
  await settled(clock, agents.stop({ deadlineMs, signal: new AbortController().signal }));
  return recorded;
}

type Last = RuntimeStats | undefined;

function poll(fetcher: HostFetcher, since: Last): Promise<RuntimeStats> {
  return fetcher.runtimeStats(since === undefined ? POLL : { ...POLL, since });
}

function recording(bus: Bus, recorded: RecordedPoll[]): Bus {
  const call: Bus['call'] = async (subject, request, options) => {
    const reply = await bus.call(subject, request, options);
    recorded.push({ request: Uint8Array.from(request), reply: Uint8Array.from(reply) });
    return reply;
  };
  return new Proxy(bus, {
    get: (target, name) => {
      if (name === 'call') return call;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

async function settled<T>(clock: SimulatedClock, pending: Promise<T>): Promise<T> {
  let over = false;
  const note = (): void => {
    over = true;
  };
  pending.then(note, note);
  await clock.advanceUntil(() => over, { stepMs: 1 });
  return pending;
}
