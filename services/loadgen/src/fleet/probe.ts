import type { Clock } from '@vedette/runtime';
import { LatencyHistogram } from '../harness/histogram.ts';
import { Pacer } from '../harness/pacer.ts';
import { clockAheadMs } from '../harness/shared-time.ts';
import type { RawWire } from '../wires/wires.ts';

/**
 * The bare probe: a message of the size of a VMStateChanged, sent straight over the broker at instants fixed beforehand
 * by the process of the agents, to the process of the watcher. It waits for the same timers, sockets and processors as
 * what is told of a VM, but for the system between: what lies between the two latencies is the system's own.
 */
const SUBJECT = 'loadgen.probe';
const PROBE_BYTES = 700;

export function sendProbes(raw: RawWire, clock: Clock, perSecond: number): Pacer {
  const aheadMs = clockAheadMs(clock);
  const pacer = new Pacer({
    clock,
    perSecond,
    emit: (number, intendedMs) => {
      const text = JSON.stringify({ number, intendedSharedMs: intendedMs - aheadMs });
      raw.publish(SUBJECT, Buffer.from(text.padEnd(PROBE_BYTES)));
    },
  });
  pacer.start();
  return pacer;
}

export class ProbeReceiver {
  latency = new LatencyHistogram();

  constructor(raw: RawWire, clock: Clock) {
    const aheadMs = clockAheadMs(clock);
    raw.subscribe(SUBJECT, (payload) => {
      const { intendedSharedMs } = JSON.parse(Buffer.from(payload).toString()) as { intendedSharedMs: number };
      this.latency.record(clock.now() - (intendedSharedMs + aheadMs));
    });
  }
}
