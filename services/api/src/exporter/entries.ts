import type { DeviceSample, HostSample, VMState } from '@vedette/model';

/** What is held of one VM: its last sample. Replaced as a whole, so that a scrape under way sees one moment. */
export interface DomainEntry {
  readonly vm: string;
  readonly host: string;
  readonly name: string;
  /** The labels of every series of this VM, rendered; the name's text changes rarely, so it is made once. */
  readonly labels: string;
  readonly state: VMState;
  /** Shares of one processor; null: not told. */
  readonly cpuUser: number | null;
  readonly cpuSystem: number | null;
  readonly memoryPercent: number | null;
  readonly elapsedS: number | null;
  /** When it was heard here, on our own clock: what the sender's clock says is a label. */
  readonly heardMs: number;
  readonly devices: DeviceSample | undefined;
  readonly devicesHeardMs: number;
  /** How often in a row devices were sampled last with nothing to be had of this VM's, although it was active. */
  readonly devicesMissed: number;
}

/** What is held of one host. */
export interface HostEntry {
  readonly host: string;
  readonly labels: string;
  /** When anything of this host was heard last. */
  readonly heardMs: number;
  /** False once nothing was heard of it for the time of {@link DomainSamplesLimits.hostSilentMs}. */
  readonly up: boolean;
  /** VMs held of it. */
  readonly domains: number;
  readonly sample: HostSample | undefined;
  readonly sampleHeardMs: number;
}
