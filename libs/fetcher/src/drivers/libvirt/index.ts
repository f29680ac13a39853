import type { Clock, Random } from '@vedette/runtime';
import type { HostDriver } from '../../host-port.ts';
import { LibvirtFetcher } from './fetcher.ts';
import { parseLibvirtUrl } from './url.ts';

export interface LibvirtDriverOptions {
  readonly clock: Clock;
  readonly random?: Random;
  /** Between two questions to one guest agent. Default 15,000. */
  readonly agentIntervalMs?: number;
}

/** Serves `libvirt:///system[?socket=PATH][&readonly=1]`: a libvirtd of this machine, by its unix socket. */
export function libvirtDriver(options: LibvirtDriverOptions): HostDriver {
  return {
    schemes: ['libvirt'],
    open: ({ url }) => new LibvirtFetcher({ ...options, url: parseLibvirtUrl(url) }),
  };
}
