import type { ActorContext } from '@vedette/actor';
import {
  type DeviceSample,
  type EventName,
  envelope,
  escapeToken,
  type HostSample,
  stateClass,
  subjects,
  type VMStatsSampled,
} from '@vedette/model';
import { hash32 } from '@vedette/runtime';
import type { HostActorArgs, HostActorDeps } from './host-actor-args.ts';
import type { HostMessage } from './host-messages.ts';
import { untilTurnMs } from './phases.ts';
import type { HostVMs, VMGlance } from './vm-table/index.ts';

/** Largest message with samples, in bytes of JSON. */
export const maxSampleBytes = 256 * 1024;
const maxNameLength = 1024;

type Columns = VMStatsSampled['data']['columns'];

/** One VM with its devices; null: they could not be had, undefined: nobody asked this time. */
interface Row {
  readonly seen: VMGlance;
  readonly device: DeviceSample | null | undefined;
}

/**
 * Tells whoever listens how one host and its VMs are doing; nobody keeps it.
 *
 * P1. What is told of VMs is what the last listing carried: no question is asked for it, but that a host whose polls are
 *     rare is polled at this turn, and its answer waited for. Devices are asked for every few minutes, the host's own
 *     figures every time, each with a deadline of its own and one at a time.
 * P2. A host that was not listed of late is not told of: old figures are no samples (I2). A question that failed
 *     leaves out what it was about and nothing else.
 * P3. One timer a host, at the host's own turn; no message is larger than {@link maxSampleBytes}.
 *
 * Outcomes and the timer `sample` come back as messages of the actor.
 */
export class Samples {
  readonly #deps: HostActorDeps;
  readonly #args: HostActorArgs;
  readonly #context: ActorContext<HostMessage>;
  readonly #entries: HostVMs;
  readonly #hash: number;
  readonly #idPrefix: string;
  readonly #source: string;
  #sent = 0;
  #samplingHost = false;
  #samplingDevices = false;
  /** Monotonic; the first are due at once. */
  #devicesDueMs = Number.NEGATIVE_INFINITY;

  constructor(
    deps: HostActorDeps,
    args: HostActorArgs,
    context: ActorContext<HostMessage>,
    entries: HostVMs,
    epoch: number,
  ) {
    this.#deps = deps;
    this.#args = args;
    this.#context = context;
    this.#entries = entries;
    this.#hash = hash32(args.host.id);
    this.#idPrefix = `${args.host.id}/${epoch}/stats`;
    this.#source = `/vedette/host-monitor/${escapeToken(deps.member)}`;
  }

  /** Waits for the host's next turn; does nothing where samples are switched off. */
  schedule(): void {
    const { statsIntervalMs } = this.#deps.config;
    if (statsIntervalMs === 0) return;
    const delayMs = untilTurnMs(this.#hash, statsIntervalMs, this.#context.clock.now());
    this.#context.setTimer('sample', { kind: 'sample' }, delayMs);
  }

  /**
   * It is the host's turn.
   *
   * @param believed the last answer was the host's own, as far as is known
   * @param listedMs when it was listed last, monotonic: a later heart-beat brings no figures
   */
  sample(believed: boolean, listedMs: number): void {
    this.schedule();
    const nowMs = this.#context.clock.now();
    if (!believed || !this.#deps.bus.connected || !this.#isFresh(nowMs - listedMs)) {
      this.#deps.counters.samplesSkipped++;
      return;
    }
    this.#sampleHost();
    if (this.#areDevicesDue(nowMs)) this.#sampleDevices(nowMs);
    else this.#tell(undefined);
  }

  hostSampled(sample: HostSample | undefined, error: unknown): void {
    this.#samplingHost = false;
    if (sample === undefined) {
      this.#failed('host', error);
      return;
    }
    const host = this.#args.host.id;
    const payload = this.#encode('HostStatsSampled', subjects.hostStats(host), { sample });
    this.#send(subjects.hostStats(host), payload);
  }

  /** Tells the VMs, with their devices where these could be had. */
  devicesSampled(devices: ReadonlyMap<string, DeviceSample> | undefined, error: unknown): void {
    this.#samplingDevices = false;
    if (devices === undefined) this.#failed('devices', error);
    this.#tell(devices);
  }

  #isFresh(ageMs: number): boolean {
    const { statsIntervalMs, pollIntervalMs } = this.#deps.config;
    return ageMs <= Math.max(statsIntervalMs, 2 * pollIntervalMs);
  }

  #areDevicesDue(nowMs: number): boolean {
    const { deviceStatsIntervalMs } = this.#deps.config;
    return deviceStatsIntervalMs > 0 && nowMs >= this.#devicesDueMs && !this.#samplingDevices;
  }

  #sampleHost(): void {
    if (this.#samplingHost) {
      this.#deps.counters.samplesSkipped++;
      return;
    }
    this.#samplingHost = true;
    const { self, signal } = this.#context;
    this.#args.fetcher.hostStats({ timeoutMs: this.#deps.config.pollTimeoutMs, signal }).then(
      (sample) => self.offer({ kind: 'host-sampled', life: signal, sample, error: undefined }),
      (error: unknown) => self.offer({ kind: 'host-sampled', life: signal, sample: undefined, error }),
    );
  }

  #sampleDevices(nowMs: number): void {
    const { deviceStatsIntervalMs, sectionTimeoutMs } = this.#deps.config;
    this.#samplingDevices = true;
    this.#devicesDueMs = nowMs + untilTurnMs(this.#hash, deviceStatsIntervalMs, nowMs);
    const { self, signal } = this.#context;
    this.#args.fetcher.deviceStats({ timeoutMs: sectionTimeoutMs, signal }).then(
      (devices) => self.offer({ kind: 'devices-sampled', life: signal, devices, error: undefined }),
      (error: unknown) => self.offer({ kind: 'devices-sampled', life: signal, devices: undefined, error }),
    );
  }

  #failed(what: string, error: unknown): void {
    this.#deps.counters.sampleFailures++;
    this.#deps.logger.debug({ host: this.#args.host.id, what, err: error }, 'not sampled');
  }

  // ---- Telling -----------------------------------------------------------------------------------------------

  #tell(devices: ReadonlyMap<string, DeviceSample> | undefined): void {
    const rows: Row[] = [];
    for (const seen of this.#entries.glances()) {
      if (seen.state === undefined || seen.state === 'absent') continue;
      rows.push({ seen, device: devices === undefined ? undefined : (devices.get(seen.vm) ?? null) });
    }
    this.#tellRows(rows);
  }

  /** P3. One VM whose devices alone are too many is told without them. */
  #tellRows(rows: readonly Row[]): void {
    if (rows.length === 0) return;
    const subject = subjects.vmStats(this.#args.host.id);
    const payload = this.#encode('VMStatsSampled', subject, { columns: this.#columnsOf(rows) });
    if (payload.length <= maxSampleBytes) {
      this.#send(subject, payload);
      return;
    }
    const [first] = rows;
    if (rows.length === 1 && first !== undefined) {
      this.#failed('devices', new Error(`${first.seen.vm} has more devices than a message holds`));
      if (first.device !== undefined) this.#tellRows([{ seen: first.seen, device: undefined }]);
      return;
    }
    const size = Math.ceil(rows.length / Math.ceil(payload.length / maxSampleBytes));
    for (let at = 0; at < rows.length; at += size) this.#tellRows(rows.slice(at, at + size));
  }

  #columnsOf(rows: readonly Row[]): Columns {
    const nowMs = this.#context.clock.now();
    const columns: Columns = {
      vm: rows.map(({ seen }) => seen.vm),
      name: rows.map(({ seen }) => seen.name.slice(0, maxNameLength)),
      state: rows.map(({ seen }) => seen.state ?? 'unknown'),
      cpuUser: rows.map(({ seen }) => rounded(seen.cpuUser, 10_000)),
      cpuSystem: rows.map(({ seen }) => rounded(seen.cpuSystem, 10_000)),
      memoryPercent: rows.map(({ seen }) => rounded(seen.memoryPercent, 100)),
      elapsedS: rows.map(({ seen }) => elapsedS(seen, nowMs)),
    };
    if (rows.every(({ device }) => device === undefined)) return columns;
    return { ...columns, devices: rows.map(({ device }) => device ?? null) };
  }

  #encode(name: EventName, subject: string, data: object): Buffer {
    const { clock } = this.#context;
    const wallMs = clock.wallNow();
    const document = envelope({
      name,
      id: `${this.#idPrefix}/${++this.#sent}`,
      source: this.#source,
      subject,
      wallMs,
      data: { host: this.#args.host.id, observedAt: new Date(wallMs).toISOString(), ...data },
    });
    return Buffer.from(JSON.stringify(document));
  }

  #send(subject: string, payload: Buffer): void {
    try {
      this.#deps.bus.send(subject, payload);
      this.#deps.counters.samplesSent++;
    } catch (error) {
      // Closed, or a payload it does not carry: volatile, so nothing is owed to anybody.
      this.#failed('message', error);
    }
  }
}

/** With as many digits as mean something; null where it was not told. */
function rounded(value: number, scale: number): number | null {
  return Number.isFinite(value) ? Math.max(0, Math.round(value * scale) / scale) : null;
}

/** Only what is up has been running for a time. */
function elapsedS({ startedMs, state }: VMGlance, nowMs: number): number | null {
  if (Number.isNaN(startedMs) || state === undefined || stateClass(state) !== 'active') return null;
  return Math.max(0, Math.floor((nowMs - startedMs) / 1_000));
}
