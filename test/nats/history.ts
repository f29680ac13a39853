import type { KeptEvent, NatsSpine } from './spine.ts';

/** What does not fit together in what hosts told of their VMs: each change begins where the one before it ended. */
export function chainFaults(spine: NatsSpine): string[] {
  const last = new Map<string, { readonly state: string; readonly seq: number }>();
  const wrong: string[] = [];
  for (const { data } of spine.told('VMStateChanged')) {
    const { vm, host, from, to, version } = data;
    const before = last.get(`${host} ${vm}`);
    if (before !== undefined && version.seq <= before.seq) wrong.push(`${vm}: ${version.seq} after ${before.seq}`);
    if (before !== undefined && from !== before.state) wrong.push(`${vm}: ${from}>${to} after ${before.state}`);
    last.set(`${host} ${vm}`, { state: to, seq: version.seq });
  }
  return wrong;
}

/** Ids that the stream keeps twice. */
export function repetitions(kept: readonly KeptEvent[]): string[] {
  const ids = kept.map(({ id }) => id);
  return ids.filter((id, at) => ids.indexOf(id) !== at);
}
