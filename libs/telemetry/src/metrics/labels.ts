/** What a label can say: one of the listed values, or (`owner`) what the owner of the metric is called. */
export type LabelValues = readonly string[] | 'owner';

export type Labels = Readonly<Record<string, LabelValues>>;

/** The labels with listed values, and every combination of them, in the order of their declaration. */
export function combinations(labels: Labels = {}): Readonly<Record<string, string>>[] {
  let all: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if (values === 'owner') continue;
    all = all.flatMap((one) => values.map((value) => ({ ...one, [label]: value })));
  }
  return all;
}

/** The labels whose value the owner gives. */
export function ownerLabels(labels: Labels = {}): string[] {
  return Object.keys(labels).filter((label) => labels[label] === 'owner');
}

/** One text per set of labels, whatever their order. */
export function seriesKey(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
