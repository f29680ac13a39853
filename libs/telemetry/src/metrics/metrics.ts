import { type Metric, Registry, type RegistryContentType } from 'prom-client';
import {
  type CounterDefinition,
  defineMetrics,
  type GaugeDefinition,
  type HistogramDefinition,
  isDefined,
  type MetricDefinition,
} from './definition.ts';
import { Family, openMetric, openName, type Series } from './family.ts';
import { Counter, Gauge, type Handle, Histogram } from './handles.ts';
import { combinations, type Labels, ownerLabels, seriesKey } from './labels.ts';

const ownMetrics = defineMetrics({
  readErrors: {
    type: 'counter',
    name: 'vedette_metrics_read_errors_total',
    help: 'Readings of a metric from its source that failed; the series was left out of that rendering.',
  },
});

/** The text formats that metrics can be rendered in. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

/** The labels of a definition that have listed values, with those values. */
type ListedLabels<D extends MetricDefinition> = D extends { readonly labels: infer L extends Labels }
  ? { readonly [K in keyof L as L[K] extends readonly string[] ? K : never]: Extract<L[K], readonly string[]>[number] }
  : Record<never, never>;

/** All series of one metric and one owner; every one of them has existed, at zero, since it was declared. */
export interface LabelledMetric<H extends Handle, L> {
  /** The handle of one series: to be resolved once and kept. @throws TypeError when a value is not a declared one */
  with(labels: L): H;
}

/** A handle where no label has listed values, else the handles by those values. */
export type Registered<H extends Handle, D extends MetricDefinition> = keyof ListedLabels<D> extends never
  ? H
  : LabelledMetric<H, ListedLabels<D>>;

/** Where an owner stands among the owners of its process. */
interface Place {
  readonly shared: SharedMetrics;
  /** Its own labels and those of the owners around it. */
  readonly labels: Readonly<Record<string, string>>;
  readonly onClose: (closed: Metrics) => void;
}

/**
 * The metrics of one owner: a process, or a part of it that made itself a {@link Metrics.scope}.
 *
 * T1. Every series that is declared exists from that moment on, at zero: a rate is right from the first event on.
 * T2. Closing an owner removes its series, and those of the scopes within it: nothing stale is ever shown.
 * T3. Two living owners never share a series.
 *
 * Rendering gives the metrics of all owners. There is no global registry: each process, and each test, makes its own.
 */
export class Metrics implements Disposable {
  readonly #place: Place;
  readonly #own = new Map<Family, Set<Series>>();
  readonly #scopes = new Set<Metrics>();
  #closed = false;

  /** Without an argument: the outermost owner of a process, in which {@link scope} makes others. */
  constructor(place: Place = { shared: new SharedMetrics(), labels: {}, onClose: () => undefined }) {
    this.#place = place;
  }

  /** An owner within this one. Its labels are the values of all labels that are declared as `owner`. */
  scope(owner: Readonly<Record<string, string>> = {}): Metrics {
    this.#mustBeOpen();
    const { shared, labels } = this.#place;
    const onClose = (closed: Metrics): void => void this.#scopes.delete(closed);
    const scope = new Metrics({ shared, labels: { ...labels, ...owner }, onClose });
    this.#scopes.add(scope);
    return scope;
  }

  /** @throws TypeError when the definition is not declared, or this owner lacks one of its labels */
  counter<const D extends CounterDefinition>(definition: D): Registered<Counter, D> {
    return this.#register(definition, () => new Counter()) as Registered<Counter, D>;
  }

  /** @throws TypeError as {@link counter} */
  gauge<const D extends GaugeDefinition>(definition: D): Registered<Gauge, D> {
    return this.#register(definition, () => new Gauge()) as Registered<Gauge, D>;
  }

  /** @throws TypeError as {@link counter} */
  histogram<const D extends HistogramDefinition>(definition: D): Registered<Histogram, D> {
    return this.#register(definition, () => new Histogram(definition.buckets)) as Registered<Histogram, D>;
  }

  /** The text of all owners' metrics: Prometheus 0.0.4, or OpenMetrics 1.0 with its end mark. */
  render(format: MetricsFormat = 'prometheus'): Promise<string> {
    return this.#place.shared.registries[format].metrics();
  }

  /** The value of the content-type header that belongs to {@link render} in the format Prometheus 0.0.4. */
  get contentType(): string {
    return this.#place.shared.registries.prometheus.contentType;
  }

  /** T2. Handles may go on being used; nobody sees it any more. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const scope of this.#scopes) scope.close();
    for (const [family, series] of this.#own) this.#place.shared.remove(family, series);
    this.#own.clear();
    this.#place.onClose(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #register(definition: MetricDefinition, make: () => Handle): Handle | LabelledMetric<Handle, Record<string, string>> {
    this.#mustBeOpen();
    const owner = this.#ownerValues(definition);
    const family = this.#place.shared.family(definition);
    const handles = new Map<string, Handle>();
    for (const listed of combinations(definition.labels)) {
      const series = { labels: { ...owner, ...listed }, handle: make() };
      this.#keep(family, series);
      handles.set(seriesKey(listed), series.handle);
    }
    return handles.get(seriesKey({})) ?? labelled(definition.name, handles);
  }

  #ownerValues({ name, labels }: MetricDefinition): Record<string, string> {
    const values: Record<string, string> = {};
    for (const label of ownerLabels(labels)) {
      const value = this.#place.labels[label];
      if (value === undefined) throw new TypeError(`metric ${name} needs an owner with the label ${label}`);
      values[label] = value;
    }
    return values;
  }

  #keep(family: Family, series: Series): void {
    family.add(series);
    const own = this.#own.get(family) ?? new Set();
    this.#own.set(family, own.add(series));
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new TypeError('these metrics were closed with their owner');
  }
}

/** What all owners of a process share. */
class SharedMetrics {
  /** One for each format: prom-client's registry knows one, and keeps it. */
  readonly registries: Readonly<Record<MetricsFormat, Registry<RegistryContentType>>> = {
    prometheus: new Registry(),
    openmetrics: openRegistry(),
  };
  readonly #families = new Map<string, Family>();
  readonly #readErrors = new Counter();

  constructor() {
    this.family(ownMetrics.readErrors).add({ labels: {}, handle: this.#readErrors });
  }

  family(definition: MetricDefinition): Family {
    if (!isDefined(definition)) throw new TypeError(`metric ${definition.name} is not declared: use defineMetrics`);
    const known = this.#families.get(definition.name);
    if (known !== undefined) return known;
    const family = new Family(definition, () => this.#readErrors.inc());
    this.#families.set(definition.name, family);
    // the registries only ever call get(), which is all of prom-client's own metrics that a family is
    this.registries.prometheus.registerMetric(family as unknown as Metric);
    this.registries.openmetrics.registerMetric(openMetric(family) as unknown as Metric);
    return family;
  }

  remove(family: Family, series: ReadonlySet<Series>): void {
    family.remove(series);
    if (!family.empty) return;
    this.#families.delete(family.name);
    this.registries.prometheus.removeSingleMetric(family.name);
    this.registries.openmetrics.removeSingleMetric(openName(family));
  }
}

function openRegistry(): Registry<RegistryContentType> {
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

function labelled(name: string, handles: ReadonlyMap<string, Handle>): LabelledMetric<Handle, Record<string, string>> {
  return {
    with: (labels) => {
      const handle = handles.get(seriesKey(labels));
      if (handle === undefined) throw new TypeError(`metric ${name} has no series ${seriesKey(labels)}`);
      return handle;
    },
  };
}
