import type { PublishOutcome } from '@vedette/bus';
import type { RuntimeRow, RuntimeStats, Section } from '@vedette/fetcher';
import { canonicalAddresses, type VMState } from '@vedette/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultMonitorConfig } from '../../src/config.ts';
import { MonitorCounters } from '../../src/counters.ts';
import type { KnownVMs, Observation, SectionGroup, VMEntry } from '../../src/knowledge.ts';
import { Listings } from '../../src/listing.ts';
import { Outbox } from '../../src/outbox.ts';
import { hasAll, putOff, type SectionReply, sectionGroups, takeSections, wantsSections } from '../../src/sections.ts';
import { HostVMs, VMTable } from '../../src/vm-table/index.ts';

const observedAt = '2026-01-01T00:00:00.000Z';
const vms = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222', 'c', 'd', 'e'] as const;

/** One thing that happens to a host actor. */
type Event =
  | { readonly kind: 'poll'; readonly stats: RuntimeStats }
  /** The same listing as last, with the next poll. */
  | { readonly kind: 'poll again' }
  | { readonly kind: 'begin poll' }
  | { readonly kind: 'hint'; readonly rows: readonly RuntimeRow[] }
  | { readonly kind: 'sections'; readonly come: 'ok' | 'unavailable' | 'unsupported'; readonly version: number }
  | { readonly kind: 'publish'; readonly outcomes: ReadonlyArray<PublishOutcome['status']> }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'documents'; readonly vm: string }
  | { readonly kind: 'pass'; readonly ms: number }
  /** Everything wanted comes, everything is told. */
  | { readonly kind: 'calm' };

/** What an actor does with its host's VMs, on whatever keeps them; what it tells is written down. */
class Actor {
  readonly told: string[] = [];
  readonly counters = new MonitorCounters();
  readonly #entries: KnownVMs;
  readonly #wanting: () => Iterable<VMEntry>;
  readonly #rest: (nowMs: number) => void;
  readonly #outbox: Outbox;
  readonly #listings: Listings;
  #nowMs = 100_000;
  #polls = 0;
  #last: RuntimeStats | undefined;

  constructor(entries: KnownVMs, wanting: () => Iterable<VMEntry>, rest: (nowMs: number) => void) {
    const origin = { host: 'h1', epoch: 7, source: '/vedette/host-monitor/m1', wallNow: () => 0 };
    this.#entries = entries;
    this.#wanting = wanting;
    this.#rest = rest;
    this.#outbox = new Outbox(origin, { ...defaultMonitorConfig, stateEventsPerSecond: 2 }, entries, {
      firstContact: false,
    });
    this.#listings = new Listings(entries, this.#outbox, this.counters, { now: () => this.#nowMs });
  }

  handle(event: Event): void {
    this.#do(event);
    if (this.#outbox.settled) this.#rest(this.#nowMs);
  }

  #do(event: Event): void {
    switch (event.kind) {
      case 'poll':
        this.#listed(event.stats);
        break;
      case 'poll again':
        if (this.#last !== undefined) this.#listed(this.#last);
        break;
      case 'calm':
        for (const group of sectionGroups) this.#fetch(group, 'ok', 1);
        for (let round = 0; round < 5; round++) {
          this.#nowMs += 1_000;
          this.#publish(['stored']);
        }
        break;
      case 'begin poll':
        this.#polls++;
        break;
      case 'hint':
        this.#listings.takeHinted(event.rows, { number: this.#polls + 1, underWay: true }, { observedAt, via: 'push' });
        break;
      case 'sections':
        for (const group of sectionGroups) this.#fetch(group, event.come, event.version);
        break;
      case 'publish':
        this.#publish(event.outcomes);
        break;
      case 'snapshot':
        this.#outbox.requestSnapshot({ observedAt, via: 'resync' });
        break;
      case 'documents': {
        const entry = this.#entries.get(event.vm);
        if (entry !== undefined) entry.documentsAsked = new Set<SectionGroup>(['config', 'guest']);
        break;
      }
      case 'pass':
        this.#nowMs += event.ms;
    }
  }

  #listed(stats: RuntimeStats): void {
    this.#last = stats;
    this.#tell(this.#listings.take(++this.#polls, stats, { observedAt, via: 'poll' }));
  }

  #fetch(group: SectionGroup, come: Section<never>['observed'], version: number): void {
    const observation: Observation = { observedAt, via: 'poll' };
    const asked = [...this.#wanting()].filter((entry) => !hasAll(entry) && wantsSections(entry, group, this.#polls));
    for (const entry of asked.toSorted((a, b) => (a.vm < b.vm ? -1 : 1))) {
      const listed = { ...entry.listed };
      const reply = replyOf(group, entry.vm, come, listed, version);
      if (!takeSections(this.#outbox, entry, listed, reply, observation)) putOff(entry, group, listed, this.#polls);
    }
  }

  #publish(outcomes: ReadonlyArray<PublishOutcome['status']>): void {
    const batch = this.#outbox.nextBatch(this.#nowMs, { observedAt, via: 'resync' });
    for (const { payload } of batch) this.told.push(Buffer.from(payload).toString());
    const error = new Error('as the test wants it');
    this.#outbox.settle(
      batch.map((_, at) => {
        const status = outcomes[at % outcomes.length] ?? 'stored';
        return status === 'stored' ? { status } : { status, error };
      }),
    );
  }

  #tell(what: object): void {
    this.told.push(JSON.stringify({ ...what, size: this.#entries.size, since: this.#listings.since }));
  }
}

function replyOf(
  group: SectionGroup,
  vm: string,
  observed: Section<never>['observed'],
  listed: VMEntry['listed'],
  version: number,
): SectionReply {
  const section = <T>(hash: string | undefined, content: T): ReadonlyMap<string, Section<T>> =>
    new Map([[vm, observed === 'ok' ? { observed, hash: hash ?? '', content } : { observed, hash: '' }]]);
  switch (group) {
    case 'config':
      return {
        group,
        info: section(listed.info, { name: `name-${version % 2}` }),
        config: section(listed.config, { machine: 'q35' }),
      };
    case 'guest': {
      const reports = Array.from({ length: version }, (_, at) => `10.0.0.${at + 1}`).map(
        (address) => ({ address, mac: '52:54:00:00:00:01', interface: 'eth0', source: 'agent' }) as const,
      );
      const content = { addresses: canonicalAddresses(reports), os: version === 0 ? '' : 'os', hostname: vm, apps: [] };
      return { group, guest: section(listed.guest, content) };
    }
    case 'status':
      return { group, status: section(listed.status, { conditions: version === 0 ? [] : ['nic'] }) };
  }
}

const states = fc.constantFrom<VMState>(
  'running',
  'running',
  'paused',
  'stopped',
  'not_responding',
  'absent',
  'unknown',
);
const hash = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  { weight: 8, arbitrary: fc.constant('0123456789abcdef') },
  { weight: 4, arbitrary: fc.constant('fedcba9876543210') },
  { weight: 1, arbitrary: fc.constant('odd') },
);

const row = (vm: string, rev: fc.Arbitrary<number>): fc.Arbitrary<RuntimeRow> =>
  fc
    .record({
      state: states,
      reason: fc.constantFrom('', 'booted'),
      name: fc.constantFrom(undefined, 'name-0', 'name-1', 'näme'),
      hashes: fc.record({ info: hash, config: hash, guest: hash, status: hash }),
      rev,
      marks: fc.constantFrom({}, {}, {}, {}, { forgotten: true }, { unproved: true }, { recreated: true }),
    })
    .map(({ state, reason, name, hashes, marks, ...rest }) => ({
      ...{ vm, state, reason, raw: { state: `raw ${state}`, reason: '' }, ...rest, ...marks },
      ...(name === undefined ? {} : { name }),
      hashes: Object.fromEntries(Object.entries(hashes).filter(([, value]) => value !== undefined)),
    }));

const rows = (revs: fc.Arbitrary<number>): fc.Arbitrary<RuntimeRow[]> =>
  fc.subarray([...vms]).chain((some) => fc.tuple(...some.map((vm) => row(vm, revs))));

function events(revs: fc.Arbitrary<number>): fc.Arbitrary<Event> {
  const stats = fc.record({
    boot: fc.constantFrom('b1', 'b1', 'b1', 'b1', 'b2'),
    rev: revs,
    complete: fc.boolean(),
    rows: rows(revs),
    left: fc.subarray([...vms], { maxLength: 1 }),
    agrees: fc.constantFrom(true, true, true, false),
    unreadable: fc.subarray([...vms], { maxLength: 1 }),
    hostUuid: fc.constant('u'),
  });
  const outcomes = fc.array(
    fc.constantFrom<PublishOutcome['status']>('stored', 'stored', 'stored', 'in_doubt', 'refused'),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  const others: Event[] = [
    { kind: 'publish', outcomes: ['stored'] },
    { kind: 'pass', ms: 1_000 },
    { kind: 'begin poll' },
    { kind: 'poll again' },
    { kind: 'poll again' },
    { kind: 'calm' },
    { kind: 'calm' },
  ];
  return fc.oneof(
    { weight: 5, arbitrary: stats.map((one): Event => ({ kind: 'poll', stats: one })) },
    { weight: 2, arbitrary: rows(revs).map((some): Event => ({ kind: 'hint', rows: some })) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('sections' as const),
        come: fc.constantFrom('ok', 'ok', 'ok', 'unavailable', 'unsupported'),
        version: fc.nat({ max: 3 }),
      }),
    },
    { weight: 3, arbitrary: outcomes.map((some): Event => ({ kind: 'publish', outcomes: some })) },
    { weight: 9, arbitrary: fc.constantFrom(...others) },
    { weight: 1, arbitrary: fc.constantFrom(...vms).map((vm): Event => ({ kind: 'documents', vm })) },
    { weight: 1, arbitrary: fc.constant<Event>({ kind: 'snapshot' }) },
  );
}

describe('an actor whose VMs rest', () => {
  it.each([
    ['without revisions', fc.constant(0)],
    ['with revisions', fc.integer({ min: 1, max: 6 })],
  ])('W3: tells byte for byte what one tells whose VMs are always awake, %s', (_, revs) => {
    let unchanged = 0;
    class Counted extends HostVMs {
      override takeUnchanged(...row: Parameters<HostVMs['takeUnchanged']>): boolean {
        const taken = super.takeUnchanged(...row);
        if (taken) unchanged++;
        return taken;
      }
    }
    fc.assert(
      fc.property(fc.array(events(revs), { minLength: 50, maxLength: 100 }), (happened) => {
        const table = new VMTable();
        const resting = new Counted(table);
        const one = new Actor(
          resting,
          () => resting.awake(),
          (nowMs) => resting.rest(nowMs),
        );
        const map = new Map<string, VMEntry>();
        const other = new Actor(
          map,
          () => map.values(),
          () => undefined,
        );
        for (const event of happened) {
          one.handle(event);
          other.handle(event);
          expect(one.told.splice(0)).toEqual(other.told.splice(0));
        }
        expect(one.counters).toEqual(other.counters);
        expect([...resting.glances()].map(({ vm, state }) => [vm, state])).toEqual(
          [...map.values()].map((entry) => [
            entry.vm,
            (entry.pending?.state?.seen ?? entry.sent?.state ?? entry.published.state)?.state,
          ]),
        );
        resting.clear();
        expect(table.size).toMatchObject({ vms: 0, awake: 0, usedBlockBytes: 0, sayings: 0, texts: 0, odd: 0 });
      }),
      { numRuns: 120 },
    );
    expect(unchanged).toBeGreaterThan(250); // else it says little
  });
});
