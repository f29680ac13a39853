import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  channels,
  decodeFleetEvent,
  decodeHostCoverage,
  decodeMarkCast,
  decodeMonitorBlind,
  decodeObserverEvent,
  decodeStats,
  type EventName,
  envelope,
  eventSchemas,
  type Result,
} from '../src/index.ts';
import { columnsOf, exampleData, exampleEvent, someAddresses } from './support/events.ts';
import { stateValue, version } from './support/fleet.ts';

type Decode = (document: Uint8Array | string) => Result<unknown>;

const decoders: { readonly [N in EventName]: Decode } = {
  VMStateChanged: decodeObserverEvent,
  IPChanged: decodeObserverEvent,
  VMConfigChanged: decodeObserverEvent,
  VMGuestChanged: decodeObserverEvent,
  VMConditionChanged: decodeObserverEvent,
  HostSnapshot: decodeObserverEvent,
  HostStateChanged: decodeObserverEvent,
  VMStatsSampled: decodeStats,
  HostStatsSampled: decodeStats,
  HostCoverage: decodeHostCoverage,
  MonitorBlind: decodeMonitorBlind,
  MarkCast: decodeMarkCast,
  VMChanged: decodeFleetEvent,
  HostChanged: decodeFleetEvent,
};
const names = Object.keys(eventSchemas) as EventName[];
/** Volatile ones: nobody asks for their ids. */
const withoutId = new Set<EventName>(['HostCoverage', 'MarkCast', 'VMStatsSampled', 'HostStatsSampled']);
const decode = (name: EventName, event: unknown): Result<unknown> => decoders[name](JSON.stringify(event));
const pathOf = (result: Result<unknown>): string => (result.ok ? 'let in' : result.fault.path);

describe('the doors of events', () => {
  it.each(names)('let in a valid %s, from bytes and from text', (name) => {
    const event = exampleEvent(name);
    expect(decode(name, event)).toEqual({ ok: true, value: event });
    expect(decoders[name](new TextEncoder().encode(JSON.stringify(event)))).toEqual({ ok: true, value: event });
    expect(decode(name, { ...event, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }).ok).toBe(
      true,
    );
  });

  it.each(names)('each lets in its own events only: %s', (name) => {
    const event = exampleEvent(name);
    for (const other of new Set(Object.values(decoders))) {
      const result = other(JSON.stringify(event));
      expect(result.ok).toBe(other === decoders[name]);
      if (!result.ok) expect(result.fault).toMatchObject({ code: 'schema', path: '/type' });
    }
  });

  it.each(['vedette.constructor.v1', 'vedette.VMStateChanged.v2', 'VMStateChanged', '', 7, null])(
    'D1: refuse the type %j',
    (type) => {
      expect(pathOf(decode('VMStateChanged', { ...exampleEvent('VMStateChanged'), type }))).toBe('/type');
    },
  );

  it.each(names)('E1: %s under a foreign subject or schema is refused', (name) => {
    const event = exampleEvent(name);
    expect(pathOf(decode(name, { ...event, subject: 'vedette.v1.vm.state.h1.other' }))).toBe('/subject');
    expect(pathOf(decode(name, { ...event, dataschema: 'urn:vedette:v1:Other' }))).toBe('/dataschema');
  });

  it.each(names.filter((name) => !withoutId.has(name)))('E1: %s under a foreign id is refused', (name) => {
    expect(pathOf(decode(name, { ...exampleEvent(name), id: 'h.1/3/18' }))).toBe('/id');
  });

  const long = 'x'.repeat(80);
  it.each(['a b', 'h.1', '*', '>', 'é', '..', 'h/1', long, 'vm\u2028', '~2e'])('D2: an id like %j is let in', (id) => {
    const data = { ...exampleData.VMStateChanged, host: id, vm: id };
    const event = {
      ...exampleEvent('VMStateChanged'),
      id: `${id}/3/17`,
      subject: channels.VMStateChanged.subjectOf(data),
      data,
    };
    expect(decode('VMStateChanged', event).ok).toBe(true);
  });

  it.each(['', 'x'.repeat(81), '.'.repeat(80), 'a\u0000', '\ud800', 'é'.repeat(20)])(
    'D2: an id like %j is refused',
    (id) => {
      for (const key of ['host', 'vm'] as const) {
        const data = { ...exampleData.VMStateChanged, [key]: id };
        const event = { ...exampleEvent('VMStateChanged'), subject: channels.VMStateChanged.subjectOf(data), data };
        expect(pathOf(decode('VMStateChanged', event))).toMatch(/^\/(data\/(host|vm)|subject)$/);
      }
    },
  );

  it('D2: identifiers are checked wherever they stand', () => {
    const bad = 'a\u0007';
    expect(pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns: columnsOf(['v1', bad]) })))).toBe(
      '/data/columns/vm/1',
    );
    expect(pathOf(decode('MarkCast', exampleEvent('MarkCast', { realms: ['r', bad] })))).toBe('/data/realms/1');
    expect(pathOf(decode('HostCoverage', exampleEvent('HostCoverage', { exceptions: { [bad]: 1 } })))).toBe('/data');
    expect(
      pathOf(
        decode('HostCoverage', exampleEvent('HostCoverage', { marks: [{ host: bad, mark: 1, version: version(1) }] })),
      ),
    ).toBe('/data');
    expect(pathOf(decode('HostCoverage', exampleEvent('HostCoverage', { member: bad })))).toBe('/data/member');
    expect(pathOf(decode('MonitorBlind', exampleEvent('MonitorBlind', { member: bad })))).toBe('/data/member');
    expect(pathOf(decode('VMChanged', exampleEvent('VMChanged', { host: bad })))).toBe('/data/host');
    expect(pathOf(decode('VMChanged', exampleEvent('VMChanged', { realm: bad })))).toBe('/data/realm');
    expect(pathOf(decode('VMChanged', exampleEvent('VMChanged', { conflict: ['h.1', bad] })))).toBe('/data/conflict/1');
    expect(pathOf(decode('HostChanged', exampleEvent('HostChanged', { realm: bad })))).toBe('/data/realm');
  });
});

describe('versions at the door', () => {
  it.each(names.filter((name) => decoders[name] === decodeObserverEvent))(
    'E2: %s without a minted version is refused',
    (name) => {
      const { data, ...event } = exampleEvent(name);
      for (const wrong of [version(0, 3), version(17, 0)]) {
        const id = `h.1/${wrong.epoch}/${wrong.seq}`;
        expect(pathOf(decode(name, { ...event, id, data: { ...data, version: wrong } }))).toBe('/data/version');
      }
    },
  );

  it.each([
    ['younger by a seq', version(18, 3)],
    ['younger by an epoch', version(1, 4)],
    ['half minted', version(0, 3)],
    ['of epoch zero', version(3, 0)],
  ])('E2: an activation %s is refused', (_, activation) => {
    const value = stateValue('paused', { activation });
    expect(pathOf(decode('VMStateChanged', exampleEvent('VMStateChanged', { value })))).toBe('/data/value/activation');
    if (activation.seq === 18) return; // a part may tell of what its snapshot, two parts long, tells first
    const columns = columnsOf(['v1'], value);
    expect(pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns })))).toBe(
      '/data/columns/activation/0',
    );
  });

  it.each([version(0, 0), version(1, 1), version(17, 3)])('E2: an activation %o is let in', (activation) => {
    const value = stateValue('paused', { activation });
    expect(decode('VMStateChanged', exampleEvent('VMStateChanged', { value })).ok).toBe(true);
  });

  it('S11: the parts of a snapshot name the version of its last part', () => {
    const part = (over: object) => pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', over)));
    expect(part({ part: 2, snapshot: version(17, 3) })).toBe('let in');
    expect(part({ part: 1, snapshot: version(17, 3) })).toBe('/data/snapshot');
    expect(part({ snapshot: version(18, 4) })).toBe('/data/snapshot');
    expect(part({ part: 3 })).toBe('/data/part');
    expect(part({ part: 0 })).toBe('/data/part');
  });
});

describe('values at the door', () => {
  it('E3: the state told is the state of the register', () => {
    expect(pathOf(decode('VMStateChanged', exampleEvent('VMStateChanged', { to: 'running' })))).toBe(
      '/data/value/state',
    );
  });

  const unsorted = someAddresses.toReversed();
  it('S2, E3: addresses are canonical everywhere', () => {
    for (const key of ['value', 'added', 'removed'] as const) {
      expect(pathOf(decode('IPChanged', exampleEvent('IPChanged', { [key]: unsorted })))).toBe(`/data/${key}/1`);
    }
    const columns = { ...columnsOf(['v1']), addresses: [unsorted] };
    expect(pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns })))).toBe(
      '/data/columns/addresses/0/1',
    );
    expect(pathOf(decode('VMChanged', exampleEvent('VMChanged', { addresses: unsorted })))).toBe('/data/addresses/1');
    const [first] = someAddresses;
    const loopback = [{ ...first, address: '127.0.0.1' }];
    expect(pathOf(decode('IPChanged', exampleEvent('IPChanged', { value: loopback as never })))).toBe('/data/value/0');
  });

  it('S12, E3: conditions are sorted and there once', () => {
    for (const [wrong, at] of [
      [['nic', 'io_error'], 1],
      [['nic', 'nic'], 1],
    ] as const) {
      for (const key of ['value', 'raised', 'cleared'] as const) {
        expect(pathOf(decode('VMConditionChanged', exampleEvent('VMConditionChanged', { [key]: wrong })))).toBe(
          `/data/${key}/${at}`,
        );
      }
      const columns = { ...columnsOf(['v1']), conditions: [[...wrong]] };
      expect(pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns })))).toBe(
        '/data/columns/conditions/0/1',
      );
    }
  });

  it.each(Object.keys(columnsOf([])))('E3: a column %s of another length is refused', (name) => {
    const columns = columnsOf(['v1', 'v2']);
    const shorter = { ...columns, [name]: columns[name as 'vm'].slice(1) };
    const path = name === 'vm' ? '/data/columns/state' : `/data/columns/${name}`;
    expect(pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns: shorter })))).toBe(path);
  });

  it('E3: a snapshot names each VM once', () => {
    expect(pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns: columnsOf(['v1', 'v1']) })))).toBe(
      '/data/columns/vm',
    );
  });

  it('an empty host has an empty snapshot', () => {
    expect(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns: columnsOf([]) })).ok).toBe(true);
  });

  it.each([
    'yesterday',
    '2026-02-03',
    '2026-02-03 04:05:06Z',
    '2026-13-03T04:05:06Z',
    '2026-02-03T24:00:00Z',
    '2026-02-03T04:05:06',
    ' 2026-02-03T04:05:06Z',
  ])('a time is RFC 3339, unlike %j', (time) => {
    expect(pathOf(decode('VMChanged', { ...exampleEvent('VMChanged'), time }))).toBe('/time');
    expect(pathOf(decode('IPChanged', exampleEvent('IPChanged', { observedAt: time })))).toBe('/data/observedAt');
  });
});

describe('fuzzing the doors', () => {
  const anyDecode = fc.constantFrom(
    decodeObserverEvent,
    decodeFleetEvent,
    decodeHostCoverage,
    decodeMonitorBlind,
    decodeMarkCast,
    decodeStats,
  );

  it('D1: arbitrary JSON is refused and never throws', () => {
    fc.assert(
      fc.property(anyDecode, fc.jsonValue(), (door, value) => {
        expect(door(JSON.stringify(value)).ok).toBe(false);
      }),
    );
  });

  it('D1: an envelope around arbitrary data is refused and never throws', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, data) => {
        const event = { ...exampleEvent(name), data };
        expect(decode(name, event).ok).toBe(false);
      }),
    );
  });

  /** Every place in a document, as the keys that lead there. */
  function places(value: unknown, path: readonly string[] = []): string[][] {
    if (typeof value !== 'object' || value === null) return [[...path]];
    return [[...path], ...Object.entries(value).flatMap(([key, member]) => places(member, [...path, key]))];
  }

  function changed(value: unknown, path: readonly string[], change: (old: unknown) => unknown): unknown {
    const [key, ...rest] = path;
    if (key === undefined) return change(value);
    const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
    const member = changed(copy[key], rest, change);
    if (member !== undefined) copy[key] = member;
    else if (Array.isArray(copy)) copy.splice(Number(key), 1);
    else delete copy[key];
    return copy;
  }

  const mutation = fc.constantFrom(...names).chain((name) => {
    const event = exampleEvent(name);
    return fc.tuple(
      fc.constant(name),
      fc.constantFrom(...places(event).filter((path) => path.length > 0)),
      fc.oneof(
        fc.constant(undefined),
        fc.constantFrom<unknown>(null, -1, 1.5, 2 ** 60, '', 'x'.repeat(5000), [], {}, true, [[]], { a: 1 }),
        // Through its text, as everything is that comes to a door: JSON has no -0.
        fc.jsonValue({ maxDepth: 1 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
      ),
    );
  });

  /** What is bound to something else in the event: changed alone, it must not be let in. */
  const bound =
    /^(specversion|type|subject|datacontenttype|dataschema|data|data\/(vm|version.*|to|value\/state|snapshot.*|part|parts|member|vmVersion|hostVersion|columns|columns\/\w+))$/;

  /** A column is bound to the others by its length alone: another one of the same length is another valid snapshot. */
  function isColumnOfSameLength(name: EventName, path: readonly string[], replacement: unknown): boolean {
    const [first, second, column] = path;
    if (first !== 'data' || second !== 'columns' || column === undefined || column === 'vm') return false;
    const { columns } = exampleEvent(name).data as { columns: Record<string, readonly unknown[]> };
    return Array.isArray(replacement) && replacement.length === columns[column]?.length;
  }

  function isBound(name: EventName, path: string): boolean {
    if (path === 'id') return !withoutId.has(name);
    if (path === 'data/host') return name !== 'VMChanged';
    if (path === 'data/columns/devices') return false; // may be left out
    return bound.test(path);
  }

  it('D1: a valid event with one thing changed never throws, and what is bound to another part is never let in', () => {
    fc.assert(
      fc.property(mutation, ([name, path, replacement]) => {
        const event = changed(exampleEvent(name), path, () => replacement);
        const result = decode(name, event);
        if (!result.ok) return;
        expect(result.value).toEqual(event);
        const sameAsBefore = JSON.stringify(event) === JSON.stringify(exampleEvent(name));
        expect(!sameAsBefore && !isColumnOfSameLength(name, path, replacement) && isBound(name, path.join('/'))).toBe(
          false,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('D1: a member too many is refused wherever it is put, unless the place is a document', () => {
    const spot = fc.constantFrom(...names).chain((name) => {
      const objects = places(exampleEvent(name)).filter((path) => {
        const value = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], exampleEvent(name));
        return typeof value === 'object' && value !== null && !Array.isArray(value);
      });
      return fc.tuple(fc.constant(name), fc.constantFrom(...objects));
    });
    fc.assert(
      fc.property(spot, ([name, path]) => {
        const event = changed(exampleEvent(name), path, (old) => ({ ...(old as object), extra: 1 }));
        const free = /(document\/(info|config)|exceptions)$/.test(path.join('/'));
        expect(decode(name, event).ok).toBe(free);
      }),
      { numRuns: 300 },
    );
  });

  it('D1: bytes cut off or flipped anywhere never throw', () => {
    const damage = fc.tuple(fc.constantFrom(...names), fc.nat(), fc.nat(255), fc.boolean());
    fc.assert(
      fc.property(damage, ([name, at, byte, cut]) => {
        const bytes = new TextEncoder().encode(JSON.stringify(exampleEvent(name)));
        const place = at % bytes.length;
        if (cut) expect(decoders[name](bytes.subarray(0, place)).ok).toBe(false);
        else {
          bytes[place] = byte;
          decoders[name](bytes);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('D1: an event of more than a MiB is refused unread', () => {
    const event = envelope({
      name: 'VMConfigChanged',
      id: 'h.1/3/17',
      source: '/vedette/host-monitor/m1',
      subject: channels.VMConfigChanged.subjectOf(exampleData.VMConfigChanged),
      wallMs: 0,
      data: {
        ...exampleData.VMConfigChanged,
        value: {
          name: 'web',
          hashes: { info: 'a', config: 'b' },
          document: { info: {}, config: { text: 'x'.repeat(1 << 20) } },
        },
      },
    });
    expect(decode('VMConfigChanged', event)).toMatchObject({ ok: false, fault: { code: 'too_large' } });
  });
});
