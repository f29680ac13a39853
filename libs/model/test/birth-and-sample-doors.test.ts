import { describe, expect, it } from 'vitest';
import { decodeObserverEvent, decodeStats, type EventName, type Result } from '../src/index.ts';
import { columnsOf, exampleData, exampleEvent } from './support/events.ts';
import { stateValue, version } from './support/fleet.ts';

/** Through the door of its kind, as text. */
function decode(name: EventName, event: unknown): Result<unknown> {
  return (name === 'VMStatsSampled' ? decodeStats : decodeObserverEvent)(JSON.stringify(event));
}
const pathOf = (result: Result<unknown>): string => (result.ok ? 'let in' : result.fault.path);

describe('births at the door', () => {
  it.each([
    ['younger by a seq', version(18, 3)],
    ['younger by an epoch', version(1, 4)],
    ['half minted', version(0, 3)],
    ['never minted', version(0, 0)],
  ])('E2, M8: a birth %s is refused, in an event and in a snapshot', (_, born) => {
    const value = stateValue('paused', { born });
    expect(pathOf(decode('VMStateChanged', exampleEvent('VMStateChanged', { value })))).toBe('/data/value/born');
    if (born.seq === 18) return; // as for activations
    const columns = { ...columnsOf(['v1', 'v2']), born: [null, born] };
    expect(pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns })))).toBe('/data/columns/born/1');
  });

  it('E2, M8: a birth up to the event is let in, and a column of births as long as the others', () => {
    const value = stateValue('paused', { born: version(17, 3) });
    expect(decode('VMStateChanged', exampleEvent('VMStateChanged', { value })).ok).toBe(true);
    const columns = { ...columnsOf(['v1', 'v2']), born: [version(18, 3), null] };
    expect(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns })).ok).toBe(true);
    const shorter = { ...columns, born: [null] };
    expect(pathOf(decode('HostSnapshot', exampleEvent('HostSnapshot', { columns: shorter })))).toBe(
      '/data/columns/born',
    );
  });
});

describe('samples at the door', () => {
  it('E3: columns of samples are of equal length, devices may be left out, each VM is there once', () => {
    const { columns } = exampleData.VMStatsSampled;
    const told = (over: object) =>
      pathOf(decode('VMStatsSampled', exampleEvent('VMStatsSampled', { columns: { ...columns, ...over } as never })));
    for (const name of ['name', 'cpuUser', 'elapsedS', 'devices'] as const) {
      expect(told({ [name]: columns[name]?.slice(1) })).toBe(`/data/columns/${name}`);
    }
    const { devices: dropped, ...plain } = columns;
    expect(dropped).toHaveLength(2);
    expect(pathOf(decode('VMStatsSampled', exampleEvent('VMStatsSampled', { columns: plain })))).toBe('let in');
    expect(told({ vm: ['v1', 'v1'] })).toBe('/data/columns/vm');
    expect(told({ vm: ['v1', 'a\u0007'] })).toBe('/data/columns/vm/1');
    expect(told({ cpuUser: [-0.1, null] })).toBe('/data/columns/cpuUser/0');
  });
});
