import type { Clock } from '@vedette/runtime';
import { type EncodedHistogram, LatencyHistogram } from '../harness/histogram.ts';
import { Pacer } from '../harness/pacer.ts';
import { type GeneratorVerdict, SaturationWatch } from '../harness/saturation.ts';
import type { Role, RoleContext } from '../roles/role.ts';
import { rpcSubjects } from './subjects.ts';

export interface RpcClientSettings {
  readonly payloadBytes: number;
}

/** Who asks: the library, or the bare client of the same broker. */
export type Side = 'library' | 'bare';

export interface SliceRequest {
  readonly side: Side;
  readonly ms: number;
  /** Closed loop: so many calls are under way at any time. */
  readonly inFlight?: number;
  /** Open loop: so many a second are begun, whatever becomes of those before. */
  readonly perSecond?: number;
}

export interface SliceResult {
  readonly calls: number;
  /** Refused, timed out or never answered. */
  readonly failed: number;
  readonly elapsedMs: number;
  readonly latency: EncodedHistogram;
  readonly generator: GeneratorVerdict;
}

/** One call; both sides are a promise of the reply, as programs want it, so that they are measured alike. */
type Call = () => Promise<unknown>;

const CALL_TIMEOUT_MS = 5_000;

/** Makes calls, slice by slice. */
export async function startRpcClient(settings: RpcClientSettings, { clock, wires }: RoleContext): Promise<Role> {
  const bus = await wires.connect('rpc-client');
  const raw = await wires.raw('rpc-client');
  const payload = Buffer.alloc(settings.payloadBytes, 'x');
  const requester = raw.requester();
  const options = { timeoutMs: CALL_TIMEOUT_MS };
  const calls: Readonly<Record<Side, Call>> = {
    library: () => bus.call(rpcSubjects.library, payload, options),
    bare: () => new Promise((resolve) => requester.request(rpcSubjects.bare, payload, resolve)),
  };
  return {
    calls: { slice: (request: SliceRequest) => runSlice(clock, calls[request.side], request) },
    stop: () => bus.close(),
  };
}

/** One slice: whatever was begun is waited for, so that slices do not overlap. */
export async function runSlice(clock: Clock, call: Call, request: SliceRequest): Promise<SliceResult> {
  const slice = new Slice(clock, call);
  const saturation = new SaturationWatch();
  const beganMs = clock.now();
  const cpuBefore = process.cpuUsage();
  saturation.begin();
  if (request.perSecond === undefined) slice.keepInFlight(request.inFlight ?? 1, beganMs + request.ms);
  else slice.keepPace(request.perSecond, request.ms);
  await slice.settled(request.ms + CALL_TIMEOUT_MS);
  const elapsedMs = clock.now() - beganMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  const generator = saturation.end(
    (user + system) / 1_000 / elapsedMs,
    request.perSecond === undefined ? 'closed' : 'open',
  );
  return { calls: slice.latency.count, failed: slice.failed, elapsedMs, latency: slice.latency.encode(), generator };
}

class Slice {
  readonly latency = new LatencyHistogram();
  readonly #clock: Clock;
  readonly #call: Call;
  readonly #settled = Promise.withResolvers<void>();
  #failed = 0;
  #pending = 0;
  #beginning = true;

  constructor(clock: Clock, call: Call) {
    this.#clock = clock;
    this.#call = call;
  }

  /** Failed, or not answered in time. */
  get failed(): number {
    return this.#failed + this.#pending;
  }

  keepInFlight(inFlight: number, endMs: number): void {
    const loop = async (): Promise<void> => {
      for (let nowMs = this.#clock.now(); nowMs < endMs; nowMs = this.#clock.now()) await this.#callOnce(nowMs);
    };
    void Promise.all(Array.from({ length: inFlight }, loop)).then(() => this.#noMore());
  }

  keepPace(perSecond: number, ms: number): void {
    const emit = (_number: number, intendedMs: number): void => void this.#callOnce(intendedMs);
    const pacer = new Pacer({ clock: this.#clock, perSecond, emit });
    pacer.start();
    this.#clock.setTimer(() => {
      pacer.stop();
      this.#noMore();
    }, ms);
  }

  async settled(timeoutMs: number): Promise<void> {
    const timer = this.#clock.setTimer(() => this.#settled.resolve(), timeoutMs);
    await this.#settled.promise;
    timer.cancel();
  }

  async #callOnce(fromMs: number): Promise<void> {
    this.#pending++;
    try {
      await this.#call();
      this.latency.record(this.#clock.now() - fromMs);
    } catch {
      this.#failed++; // that calls failed is a result, and fails the run
    }
    this.#pending--;
    this.#settleIfDone();
  }

  #noMore(): void {
    this.#beginning = false;
    this.#settleIfDone();
  }

  #settleIfDone(): void {
    if (!this.#beginning && this.#pending === 0) this.#settled.resolve();
  }
}
