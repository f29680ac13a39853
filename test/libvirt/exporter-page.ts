/** One series of a page of metrics. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The series of a page in Prometheus' text format, comments left out. */
export function parsePage(page: string): Series[] {
  return page
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^([a-z_A-Z0-9:]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match === null) throw new Error(`no series: ${line}`);
      return { name: match[1] ?? '', labels: parseLabels(match[2] ?? ''), value: Number(match[3]) };
    });
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_0-9]+)="((?:[^"\\]|\\.)*)"(?:,|$)/g)) {
    labels[name ?? ''] = (value ?? '').replaceAll(/\\(.)/g, (_all, one: string) => (one === 'n' ? '\n' : one));
  }
  return labels;
}

/** Under which of our names a metric of Debian's exporter stands, where it is another. The table of the page. */
const otherNames: Readonly<Record<string, string>> = {
  libvirt_domains_number: 'libvirt_domains',
  libvirt_domain_state_code: 'libvirt_domain_info_state',
};

/** What only one of the two has: our host; the state in words; the host's ends, which are not in a sample. */
const ownLabels = ['host', 'state_desc'];
const theirLabels = ['source_file', 'source_bridge'];

/** Both read the processor time of QEMU from the kernel, which counts it in ticks, in two figures. */
const toleranceS: Readonly<Record<string, number>> = { libvirt_domain_info_cpu_time_seconds_total: 0.02 };

/**
 * What in their page of libvirt's metrics is not as in ours. `before` and `after` were sampled around theirs: each of
 * their values lies between the two, so what did not change is equal.
 */
export function differences(theirs: readonly Series[], before: readonly Series[], after: readonly Series[]): string[] {
  const lower = new Map(before.map((series) => [keyOf(series, ownLabels), series.value]));
  const upper = new Map(after.map((series) => [keyOf(series, ownLabels), series.value]));
  return theirs
    .filter(({ name }) => name.startsWith('libvirt_'))
    .map((series) => ({ ...series, name: otherNames[series.name] ?? series.name }))
    .flatMap((series) => {
      const key = keyOf(series, theirLabels);
      const from = lower.get(key);
      const to = upper.get(key);
      if (from === undefined || to === undefined) return [`${key}: not served by us`];
      const tolerance = toleranceS[series.name] ?? 0;
      const within = series.value >= from - tolerance && series.value <= to + tolerance;
      return within ? [] : [`${key}: ${series.value}, ours ${from} and then ${to}`];
    });
}

function keyOf({ name, labels }: Series, without: readonly string[]): string {
  const kept = Object.entries(labels).filter(([label]) => !without.includes(label));
  return JSON.stringify([name, ...kept.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
