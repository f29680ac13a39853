import { type Domain, encodeDomain } from './domain.ts';
import type { Procedure } from './procedures.ts';
import { decodeTypedParams, type TypedParams } from './typed-params.ts';
import type { XdrDecoder, XdrEncoder } from './xdr.ts';

/** The calls about what is being done to a domain and what went wrong with it. Numbers: remote_protocol.x. */

const JOB_PARAMS_MAX = 64;
const DISK_ERRORS_MAX = 256;

/** virDomainJobType. */
const jobTypes = ['none', 'bounded', 'unbounded', 'completed', 'failed', 'cancelled'] as const;

/** virDomainJobOperation, since libvirt 3.3. */
const jobOperations = [
  'unknown',
  'start',
  'save',
  'restore',
  'migrationIn',
  'migrationOut',
  'snapshot',
  'snapshotRevert',
  'dump',
  'backup',
  'snapshotDelete',
] as const;

/** Whether there is a job; `bounded` and `unbounded` are under way, the last three say how one ended. */
export type DomainJobType = (typeof jobTypes)[number] | 'unknown';
export type DomainJobOperation = (typeof jobOperations)[number];

/** What is being done to a domain. */
export interface DomainJobInfo {
  readonly type: DomainJobType;
  readonly elapsedMs: number;
  /** Bytes; 0 where QEMU does not say. */
  readonly dataTotalBytes: number;
  readonly dataProcessedBytes: number;
  readonly dataRemainingBytes: number;
}

export interface DomainJobStats {
  readonly type: DomainJobType;
  /** `unknown` without a job, and before libvirt 3.3. */
  readonly operation: DomainJobOperation;
  /** All that libvirt tells of it, as `time_elapsed` (ms), `data_remaining` (bytes). */
  readonly params: TypedParams;
}

export interface DomainDiskError {
  /** As the guest sees it: `vda`. */
  readonly disk: string;
  readonly error: 'none' | 'unspecified' | 'noSpace' | 'unknown';
}

/** How libvirtd fares with a domain's QEMU, known without asking it. */
export interface DomainControlInfo {
  /**
   * `job`: something is being done; `occupied`: QEMU has been asked and has not answered yet, which is normal for a
   * moment: only {@link stateMs} tells a hang.
   */
  readonly state: 'ok' | 'job' | 'occupied' | 'error' | 'unknown';
  /** Since when it is so; 0 for `ok`. */
  readonly stateMs: number;
}

function jobType(number: number): DomainJobType {
  return jobTypes[number] ?? 'unknown';
}

function encodeDomainAndFlags(encoder: XdrEncoder, domain: Domain): void {
  encodeDomain(encoder, domain);
  encoder.uint(0);
}

export const domainGetJobInfo: Procedure<Domain, DomainJobInfo> = {
  number: 163,
  name: 'get domain job info',
  encode: encodeDomain,
  decode: (decoder) => {
    const type = jobType(decoder.int());
    const elapsedMs = decoder.unsignedHyper();
    decoder.unsignedHyper(); // time remaining: QEMU never knows
    const [dataTotalBytes, dataProcessedBytes, dataRemainingBytes] = threeHypers(decoder);
    threeHypers(decoder); // the part of it that is memory
    threeHypers(decoder); // the part of it that is files
    return { type, elapsedMs, dataTotalBytes, dataProcessedBytes, dataRemainingBytes };
  },
};

function threeHypers(decoder: XdrDecoder): readonly [number, number, number] {
  return [decoder.unsignedHyper(), decoder.unsignedHyper(), decoder.unsignedHyper()];
}

export const domainGetJobStats: Procedure<Domain, DomainJobStats> = {
  number: 298,
  name: 'get domain job stats',
  encode: encodeDomainAndFlags,
  decode: (decoder) => {
    const type = jobType(decoder.int());
    const params = decodeTypedParams(decoder, JOB_PARAMS_MAX);
    return { type, operation: jobOperations[Number(params.get('operation') ?? 0)] ?? 'unknown', params };
  },
};

const diskErrors = ['none', 'unspecified', 'noSpace'] as const;

export const domainGetDiskErrors: Procedure<Domain, readonly DomainDiskError[]> = {
  number: 263,
  name: 'get domain disk errors',
  encode: (encoder, domain) => {
    encodeDomain(encoder, domain);
    encoder.uint(DISK_ERRORS_MAX).uint(0);
  },
  decode: (decoder) => {
    const errors = decoder.array(DISK_ERRORS_MAX, 8, () => ({
      disk: decoder.string(),
      error: diskErrors[decoder.int()] ?? ('unknown' as const),
    }));
    decoder.int(); // their number once more
    return errors;
  },
};

const controlStates = ['ok', 'job', 'occupied', 'error'] as const;

export const domainGetControlInfo: Procedure<Domain, DomainControlInfo> = {
  number: 229,
  name: 'get domain control info',
  encode: encodeDomainAndFlags,
  decode: (decoder) => {
    const state = controlStates[decoder.uint()] ?? 'unknown';
    decoder.uint(); // details of an error
    return { state, stateMs: decoder.unsignedHyper() };
  },
};

export const domainIsPersistent: Procedure<Domain, boolean> = {
  number: 151,
  name: 'get whether the domain is persistent',
  encode: encodeDomain,
  decode: (decoder) => decoder.int() === 1,
};

/** Since libvirt 0.8.0. */
export const domainHasManagedSaveImage: Procedure<Domain, boolean> = {
  number: 183,
  name: 'get whether the domain was saved',
  encode: encodeDomainAndFlags,
  decode: (decoder) => decoder.int() === 1,
};
