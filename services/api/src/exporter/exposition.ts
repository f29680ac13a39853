import type { DeviceSample } from '@vedette/model';
import type { SampleView } from './domain-samples.ts';
import {
  ageFamily,
  type Described,
  deviceFamilies,
  diskFamilies,
  domainFamilies,
  type FamilyOf,
  hostFamilies,
  interfaceFamilies,
  type SeenDomain,
  stateFamily,
  vcpuFamilies,
} from './families.ts';
import { label } from './labels.ts';
import { libvirtState } from './libvirt-states.ts';

export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** The value of the content-type header of each format. */
export const expositionTypes: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** What a client's Accept header asks for: OpenMetrics 1.0 where it names it, else the text format, always. */
export function expositionFormat(accept: string | undefined): ExpositionFormat {
  const wanted = (accept ?? '').split(',').map((one) => one.replaceAll(' ', '').toLowerCase());
  const openMetrics = wanted.some((one) => {
    const [type, ...parameters] = one.split(';');
    const version = parameters.find((parameter) => parameter.startsWith('version=')) ?? 'version=1.0.0';
    return type === 'application/openmetrics-text' && version === 'version=1.0.0' && !parameters.includes('q=0');
  });
  return openMetrics ? 'openmetrics' : 'prometheus';
}

/** What a page can consist of; `process`, what the process tells of itself, is not made here. */
export const metricsGroups = ['hosts', 'domains', 'devices', 'process'] as const;
export type MetricsGroup = (typeof metricsGroups)[number];

/** UTF-16 units after which a chunk is handed on: large enough for few writes, small enough to keep nobody waiting. */
const chunkLength = 64 * 1024;

/** Domains after which others have their turn although there may be nothing to hand on. */
const pauseAfterDomains = 2_000;

/**
 * The metrics of hosts and domains as text, in chunks of about 64 KiB: no page is ever in memory as a whole. Each
 * metric's series stand together, as both formats ask. A chunk may be empty: it is a place to pause. The end mark of
 * OpenMetrics is not among it.
 */
export function* sampleText(
  view: SampleView,
  format: ExpositionFormat,
  groups: ReadonlySet<MetricsGroup> = new Set(metricsGroups),
): Generator<string, void, undefined> {
  const text = new Text(format);
  const domains = view.domains.map((entry): SeenDomain => {
    return {
      entry,
      ageS: (view.nowMs - entry.heardMs) / 1000,
      devicesAgeS: (view.nowMs - entry.devicesHeardMs) / 1000,
    };
  });
  if (groups.has('hosts')) {
    for (const family of hostFamilies) yield* flat(text, family, view.hosts, ({ labels }) => labels);
  }
  if (groups.has('domains')) {
    yield* states(text, domains);
    yield* ages(text, domains);
    for (const family of domainFamilies) yield* flat(text, family, domains, labelsOf);
  }
  if (groups.has('devices')) yield* devicesText(text, domains);
  yield text.take();
}

function* devicesText(text: Text, domains: readonly SeenDomain[]): Generator<string, void, undefined> {
  // Of all VMs: memory in use is known of some without their devices.
  for (const family of deviceFamilies) yield* flat(text, family, domains, labelsOf);
  yield* nested(text, vcpuFamilies, domains, vcpusOf);
  yield* nested(text, diskFamilies, domains, disksOf);
  yield* nested(text, interfaceFamilies, domains, interfacesOf);
}

const labelsOf = ({ entry }: SeenDomain): string => entry.labels;

function* flat<S>(
  text: Text,
  family: FamilyOf<S>,
  subjects: readonly S[],
  labels: (subject: S) => string,
): Generator<string, void, undefined> {
  text.begin(family);
  for (const subject of subjects) {
    const value = family.value(subject);
    if (value != null) text.add(labels(subject), value);
    if (text.full) yield text.take();
  }
}

function* states(text: Text, domains: readonly SeenDomain[]): Generator<string, void, undefined> {
  text.begin(stateFamily);
  for (const { entry } of domains) {
    const { code, text: words } = libvirtState(entry.state);
    text.add(`${entry.labels},state_desc="${words}"`, code);
    if (text.full) yield text.take();
  }
}

function* ages(text: Text, domains: readonly SeenDomain[]): Generator<string, void, undefined> {
  text.begin(ageFamily);
  for (const { entry, ageS, devicesAgeS } of domains) {
    text.add(`${entry.labels},group="state"`, ageS);
    if (entry.devices !== undefined) text.add(`${entry.labels},group="devices"`, devicesAgeS);
    if (text.full) yield text.take();
  }
}

/** One of the things of which a VM can have several. */
interface Part<S> {
  readonly labels: string;
  readonly sample: S;
}

/** The parts are listed once for all their metrics: a scrape costs some bytes of memory for each, and half the time. */
function* nested<S>(
  text: Text,
  families: readonly FamilyOf<S>[],
  domains: readonly SeenDomain[],
  of: (devices: DeviceSample, labels: string) => readonly Part<S>[],
): Generator<string, void, undefined> {
  const parts: Part<S>[] = [];
  for (const [at, { entry }] of domains.entries()) {
    if (entry.devices !== undefined) parts.push(...of(entry.devices, entry.labels));
    if (at % pauseAfterDomains === pauseAfterDomains - 1) yield text.take();
  }
  for (const { value, ...family } of families) {
    yield* flat(text, { ...family, value: ({ sample }: Part<S>) => value(sample) }, parts, ({ labels }) => labels);
  }
}

const vcpusOf = ({ vcpus }: DeviceSample, labels: string) =>
  vcpus.map((sample) => ({ labels: `${labels},vcpu="${sample.vcpu}"`, sample }));
const disksOf = ({ disks }: DeviceSample, labels: string) => devicesOf(disks, labels);
const interfacesOf = ({ interfaces }: DeviceSample, labels: string) => devicesOf(interfaces, labels);

/** A device without a name could not be told from another one. */
function devicesOf<S extends { readonly device: string }>(devices: readonly S[], labels: string): Part<S>[] {
  return devices
    .filter(({ device }) => device !== '')
    .map((sample) => ({ labels: `${labels},${label('target_device', sample.device)}`, sample }));
}

/** Text in the making, handed on in pieces. */
class Text {
  readonly #openMetrics: boolean;
  #text = '';
  #name = '';
  /** What stands before the first series of the metric; a metric without series is not mentioned. */
  #head = '';

  constructor(format: ExpositionFormat) {
    this.#openMetrics = format === 'openmetrics';
  }

  get full(): boolean {
    return this.#text.length >= chunkLength;
  }

  begin({ name, type, help }: Described): void {
    // OpenMetrics calls a counter by its name without the suffix of its series.
    const called = this.#openMetrics && type === 'counter' ? name.slice(0, -'_total'.length) : name;
    this.#name = name;
    this.#head = `# HELP ${called} ${help}\n# TYPE ${called} ${type}\n`;
  }

  add(labels: string, value: number): void {
    if (this.#head !== '') {
      this.#text += this.#head;
      this.#head = '';
    }
    this.#text += `${this.#name}{${labels}} ${value}\n`;
  }

  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}
