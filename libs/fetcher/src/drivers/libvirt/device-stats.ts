import { type Domain, type DomainStats, type StatsGroup, statsFlags } from '@vedette/libvirt';
import type { DeviceSample } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import { deviceSample, hasMonitorFields } from './device-samples.ts';
import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';
import type { MonitorProbe } from './monitor-probe.ts';

const groups: readonly StatsGroup[] = ['cpuTotal', 'balloon', 'vcpu', 'interface', 'block'];
/** Domains in one call: some 10 ms each under emulation, so that a call that is held can be told from a long one. */
const perCall = 32;
/** A call that has not been answered by then is held. */
const callTimeoutMs = 5_000;
/** Of the time there is, what one call may take: what hangs must leave time to ask the others again. */
const shareOfTime = 1 / 3;

/**
 * What is sampled of all domains' devices. Nearly all of it asks QEMU, so it is asked on the connection for such calls,
 * without waiting for jobs, and never of a domain whose monitor owes an answer.
 *
 * The first call that meets a hung QEMU is held for as long as that hangs, in whatever way it asked (facts, trap 1). It
 * is given up; who hangs is found by the probe; and the others of that call are asked again without them.
 *
 * @param entries those of the last listing
 */
export async function readDeviceStats(
  context: DriverContext,
  probe: MonitorProbe,
  entries: readonly DomainEntry[],
  call: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, DeviceSample>> {
  const samples = new Map<string, DeviceSample>();
  const active = entries.filter((entry) => entry.isActive);
  const timeoutMs = Math.min(callTimeoutMs, call.timeoutMs * shareOfTime);
  const sample = async (asked: readonly DomainEntry[]): Promise<void> => {
    for (let from = 0; from < asked.length; from += perCall) {
      const chunk = asked.slice(from, from + perCall);
      // oxlint-disable-next-line no-await-in-loop -- one call after the other: libvirtd asks QEMUs one by one anyway
      const stats = await askAll(context, probe, chunk, { timeoutMs, signal: call.signal });
      for (const { domain, params } of stats) {
        if (hasMonitorFields(params)) samples.set(domain.uuid, deviceSample(params));
      }
    }
  };
  await sample(active);
  // Somebody else's call may just have had its job: once more, or its figures are missing until the next round.
  await sample(active.filter(({ domain }) => !samples.has(domain.uuid)));
  return samples;
}

/** Until one call is answered: each that is not has one hung domain less to ask next time. */
async function askAll(
  context: DriverContext,
  probe: MonitorProbe,
  chunk: readonly DomainEntry[],
  call: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<readonly DomainStats[]> {
  for (;;) {
    const asked = chunk.filter(({ monitor }) => monitor === 'answers');
    if (asked.length === 0) return [];
    try {
      // oxlint-disable-next-line no-await-in-loop -- the next try leaves out who held this one
      return await ask(
        context,
        asked.map(({ domain }) => domain),
        call,
      );
    } catch (error) {
      if (!VedetteError.is(error, 'VDT_RUNTIME_DEADLINE')) throw error;
      call.signal.throwIfAborted();
      // oxlint-disable-next-line no-await-in-loop -- as above
      await probe.check(asked);
      if (asked.every(({ monitor }) => monitor === 'answers')) throw error; // nobody hangs: libvirtd itself is slow
    }
  }
}

async function ask(
  context: DriverContext,
  domains: readonly Domain[],
  call: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<readonly DomainStats[]> {
  const connection = await context.monitorConnection();
  return connection.domainStats({ ...call, domains, groups, flags: statsFlags.noWait });
}
