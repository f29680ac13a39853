import { parseLibvirtUri } from '@vedette/libvirt';
import type { Clock, Random } from '@vedette/runtime';
import type { HostDriver } from '../../host-port.ts';
import { LibvirtFetcher } from './fetcher.ts';
import type { MonitorProbeOptions } from './monitor-probe.ts';
import { type LibvirtUrl, libvirtSchemes, parseLibvirtUrl } from './url.ts';

export type { MonitorProbeOptions } from './monitor-probe.ts';

export interface LibvirtDriverOptions {
  readonly clock: Clock;
  readonly random?: Random;
  /** Between two questions to one guest agent. Default 15,000. */
  readonly agentIntervalMs?: number;
  /** Between two readings of a definition that no event has called stale. Default 1,800,000. */
  readonly definitionIntervalMs?: number;
  /** When a QEMU whose monitor does not answer reads as not_responding. */
  readonly monitorProbe?: MonitorProbeOptions;
  /**
   * The file system as a libvirtd in namespaces of its own sees it, as `/proc/PID/root`: where its processes and
   * neighbours are looked for. This machine's own unless said.
   */
  readonly hostRoot?: string;
}

/** Serves libvirtd and virtqemud by every address of {@link parseLibvirtUrl}. */
export function libvirtDriver(options: LibvirtDriverOptions): HostDriver {
  return {
    schemes: libvirtSchemes,
    open: ({ url: text }) => {
      const url = parseLibvirtUrl(text);
      return new LibvirtFetcher({ ...options, url, local: isLocal(url) });
    },
  };
}

function isLocal({ uri }: LibvirtUrl): boolean {
  return parseLibvirtUri(uri).transport.kind === 'unix';
}
