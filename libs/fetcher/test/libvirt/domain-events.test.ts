/** What follows from events, with a libvirtd that answers as told: those that no emulated guest brings about, above all. */
import type { LibvirtConnection, LibvirtSession, SessionEvent } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { beforeEach, expect, it } from 'vitest';
import type { DomainEntry } from '../../src/drivers/libvirt/domain-entry.ts';
import { DomainEvents } from '../../src/drivers/libvirt/domain-events.ts';
import type { DriverContext } from '../../src/drivers/libvirt/driver-context.ts';
import { Listings } from '../../src/drivers/libvirt/listings.ts';

const domain = { name: 'guest', uuid: '0d1f6a7e-3a52-4cf4-a5ab-2cbb4f5c1b11', id: 7 };
let state: readonly [number, number] | undefined;
let clock: SimulatedClock;
let listings: Listings;
let events: DomainEvents;
/** Rows told: the state, and what is wrong; polls as their reasons. */
let told: string[];
/** Waits asked for. */
let held: number[];

const connection = {
  domainState: () => {
    if (state === undefined) return Promise.reject(new VedetteError('VDT_LIBVIRT_NO_DOMAIN'));
    return Promise.resolve({ state: state[0], reason: state[1] });
  },
  domainJobStats: () => Promise.resolve({ type: 'none', operation: 'unknown', params: new Map() }),
} as unknown as LibvirtConnection;

beforeEach(async () => {
  clock = new SimulatedClock();
  state = [1, 1];
  told = [];
  held = [];
  const context: DriverContext = {
    clock,
    session: { connection: () => Promise.resolve(connection), agentAllowed: false } as unknown as LibvirtSession,
    monitorConnection: () => Promise.resolve(connection),
    signal: new AbortController().signal,
    tell: (entry) => told.push(saying(entry)),
  };
  listings = new Listings(context, {});
  const { table, definitions, agents, jobs } = listings;
  events = new DomainEvents(context, {
    table,
    definitions,
    agents,
    jobs,
    after: (delayMs) => void held.push(delayMs),
    offer: (hint) => told.push(hint.kind === 'poll' ? `poll: ${hint.reason}` : 'rows'),
    connected: () => undefined,
    disconnected: () => undefined,
  });
  await list();
});

function saying(entry: DomainEntry): string {
  const conditions = entry.conditions.section.content?.conditions ?? [];
  return [entry.row(clock.now()).state, ...conditions].join(' ');
}

async function list(): Promise<readonly DomainEntry[]> {
  const params = new Map([
    ['state.state', state?.[0] ?? 0],
    ['state.reason', state?.[1] ?? 0],
  ]);
  const stats = state === undefined ? [] : [{ domain, params }];
  await clock.advance(1_000);
  return listings.table.take(stats, clock.now(), clock.now()).present;
}

async function happens(event: object): Promise<void> {
  await events.happened({ domain, ...event } as unknown as SessionEvent);
}

it.each([
  ['watchdog', { type: 'watchdog', action: 'none' }],
  ['io_error', { type: 'ioError', device: '', sourcePath: '', action: 'report', reason: '' }],
  ['memory', { type: 'memoryFailure', recipient: 'guest', action: 'inject' }],
])('S12: %s is told at once when its event comes, and its end when the guest is reset', async (condition, event) => {
  await happens(event);
  expect(told.at(-1)).toBe(`running ${condition}`);
  await happens({ type: 'reboot' });
  expect(told.at(-1)).toBe('rebooting');
});

it('S12: a watchdog that resets the guest is raised and cleared', async () => {
  await happens({ type: 'watchdog', action: 'reset' });
  await happens({ type: 'reboot' });
  expect(told).toEqual(['running watchdog', 'running watchdog', 'rebooting']);
});

it('S5: three reboot events are one rebooting, and running once the last one’s hold is over, however early a timer is', async () => {
  for (let times = 0; times < 3; times++) {
    // oxlint-disable-next-line no-await-in-loop -- one event after the other
    await happens({ type: 'reboot' });
    // oxlint-disable-next-line no-await-in-loop -- as above
    await clock.advance(100);
  }
  await clock.advance(1_699.5);
  await events.happened({ type: 'hold-over', vm: domain.uuid });
  expect(held).toEqual([2_000, 201]);
  await clock.advance(201);
  await events.happened({ type: 'hold-over', vm: domain.uuid });
  expect(new Set(told)).toEqual(new Set(['rebooting', 'running']));
  expect(told.at(-1)).toBe('running');
});

it('S12: ballooning tells nothing', async () => {
  await happens({ type: 'balloon', actualKiB: 1_024 });
  expect(told).toEqual([]);
});

it('trap 6: what an event says of the state counts for nothing, only what is read', async () => {
  state = [5, 3];
  await happens({ type: 'lifecycle', event: 5, detail: 5 }); // stopped, failed
  expect(told).toEqual(['failed']);
});

it('M8: undefined while down is a re-creation when it is back, told by a listing', async () => {
  state = [5, 1];
  await list();
  state = undefined;
  await happens({ type: 'lifecycle', event: 1, detail: 0 });
  state = [5, 0];
  await happens({ type: 'lifecycle', event: 0, detail: 0 });
  expect(told).toEqual(['poll: a domain was undefined', 'poll: a domain nobody has listed yet']);
  const [entry] = await list();
  expect(entry?.row(0)).toMatchObject({ recreated: true });
});

it('M8: undefined before its stop could be read is one too; a transient domain that only stopped is none', async () => {
  const restarted = async (undefine: boolean): Promise<unknown> => {
    state = undefined;
    await happens({ type: 'lifecycle', event: 5, detail: 1 });
    if (undefine) await happens({ type: 'lifecycle', event: 1, detail: 0 });
    await list();
    state = [1, 1];
    const [entry] = await list();
    const { recreated } = listings.rows(entry === undefined ? [] : [entry]).rows[0] ?? {};
    return recreated;
  };
  expect(await restarted(true)).toBe(true);
  expect(await restarted(false)).toBeUndefined();
});

it('M8: one that left by migration, whose definition was then removed, comes back the same', async () => {
  state = [5, 4];
  await happens({ type: 'lifecycle', event: 5, detail: 3 });
  state = undefined;
  await happens({ type: 'lifecycle', event: 1, detail: 0 });
  await list();
  state = [1, 2];
  const [entry] = await list();
  expect(entry?.row(0)).not.toHaveProperty('recreated');
});

it('M8: one that is received by migration is no re-creation of what was undefined here before', async () => {
  state = [5, 0]; // left behind by a migration, which libvirtd has forgotten in a restart
  await list();
  state = undefined;
  await happens({ type: 'lifecycle', event: 1, detail: 0 });
  await list();
  state = [1, 2];
  const [entry] = await list();
  expect(entry?.row(0)).not.toHaveProperty('recreated');
});

it('M8: renaming undefines nothing', async () => {
  state = [5, 1];
  await list();
  await happens({ type: 'lifecycle', event: 1, detail: 1 });
  await happens({ type: 'lifecycle', event: 0, detail: 2 });
  const [entry] = await list();
  expect(entry?.row(0)).not.toHaveProperty('recreated');
});

it('M8: a listing asked for before it was undefined says nothing of it', async () => {
  state = [5, 1];
  await list();
  const askedMs = clock.now();
  await clock.advance(10);
  await happens({ type: 'lifecycle', event: 1, detail: 0 });
  const late = [{ domain, params: new Map([['state.state', 5] as const, ['state.reason', 1] as const]) }];
  expect(listings.table.take(late, askedMs, clock.now()).present).toEqual([]);
  const [entry] = await list();
  expect(entry?.row(0)).toMatchObject({ recreated: true });
});
