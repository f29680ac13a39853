/** What is told of a domain whose state only its job explains, with a libvirtd that answers as told, in every order. */
import type { Domain, DomainJobStats, LibvirtConnection, LibvirtSession } from '@vedette/libvirt';
import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DomainEntry } from '../../src/drivers/libvirt/domain-entry.ts';
import type { DriverContext } from '../../src/drivers/libvirt/driver-context.ts';
import type { JobReader } from '../../src/drivers/libvirt/job-reader.ts';
import { Listings } from '../../src/drivers/libvirt/listings.ts';

const domain: Domain = { name: 'guest', uuid: '0d1f6a7e-3a52-4cf4-a5ab-2cbb4f5c1b11', id: 7 };
const booted = [1, 1] as const;
const arrived = [1, 2] as const;
const canceled = [1, 6] as const;
const unpaused = [1, 5] as const;
const paused = [3, 1] as const;
const pausedByMove = [3, 2] as const;
const startingUp = [3, 11] as const;
const saved = [5, 5] as const;
const crashed = [5, 3] as const;

type Raw = readonly [number, number];
type Job = 'none' | 'in' | 'out' | 'out completed' | 'not running' | 'unsupported';

let clock: SimulatedClock;
/** What libvirtd reads now; undefined: no such domain. */
let state: Raw | undefined;
/** Questions for the job that are not answered yet. */
let questions: PromiseWithResolvers<DomainJobStats>[];
/** States asked for that are not answered yet; undefined: answered at once. */
let stateQuestions: PromiseWithResolvers<{ state: number; reason: number }>[] | undefined;
/** The rows told by hints: state and reason; `withheld` for none. */
let told: string[];
let listings: Listings;
let jobs: JobReader;

beforeEach(() => {
  clock = new SimulatedClock();
  state = booted;
  questions = [];
  stateQuestions = undefined;
  told = [];
  const connection = {
    domainState: () => {
      if (stateQuestions !== undefined) {
        const question = Promise.withResolvers<{ state: number; reason: number }>();
        stateQuestions.push(question);
        return question.promise;
      }
      if (state === undefined) return Promise.reject(new VedetteError('VDT_LIBVIRT_NO_DOMAIN'));
      return Promise.resolve({ state: state[0], reason: state[1] });
    },
    domainJobStats: () => {
      const question = Promise.withResolvers<DomainJobStats>();
      questions.push(question);
      return question.promise;
    },
  } as unknown as LibvirtConnection;
  const context: DriverContext = {
    clock,
    session: { connection: () => Promise.resolve(connection), agentAllowed: false } as unknown as LibvirtSession,
    monitorConnection: () => Promise.resolve(connection),
    signal: new AbortController().signal,
    tell: (entry) => told.push(shown(entry)),
  };
  listings = new Listings(context, {});
  jobs = listings.jobs;
});

/** What the next row of a listing or a hint says. */
function shown(entry: DomainEntry): string {
  const row = listings.rows([entry]).rows[0];
  return row === undefined ? 'withheld' : `${row.state}${row.recreated === true ? ' recreated' : ''}`;
}

/** The domain as the next listing reads it. */
async function list(raw: Raw, id = domain.id): Promise<DomainEntry> {
  state = raw;
  await clock.advance(1);
  const params = new Map([
    ['state.state', raw[0]],
    ['state.reason', raw[1]],
  ]);
  const listed = listings.table.take([{ domain: { ...domain, id }, params }], clock.now(), clock.now());
  const [entry] = listed.present;
  if (entry === undefined) throw new Error('not listed');
  return entry;
}

/** libvirtd answers the oldest question for the job. */
async function answer(job: Job): Promise<void> {
  const question = questions.shift();
  if (question === undefined) throw new Error('nobody asked');
  const params = new Map();
  if (job === 'not running') question.reject(new VedetteError('VDT_LIBVIRT_STATE'));
  else if (job === 'unsupported') question.reject(new VedetteError('VDT_LIBVIRT_UNSUPPORTED'));
  else if (job === 'in') question.resolve({ type: 'unbounded', operation: 'migrationIn', params });
  else if (job === 'none') question.resolve({ type: 'none', operation: 'unknown', params });
  else question.resolve({ type: job === 'out' ? 'unbounded' : 'completed', operation: 'migrationOut', params });
  await settled();
}

/** Everything that follows without time passing has followed. */
async function settled(): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- one turn after the other
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
}

describe('M1: first seen while it starts up or waits for its memory', () => {
  it.each([startingUp, pausedByMove])(
    '%j is in no row before its job is known, and is arriving then',
    async (...raw) => {
      const entry = await list(raw);
      const asked = jobs.readMoving([entry]);
      await settled();
      expect(shown(entry)).toBe('withheld');
      await answer('in');
      await asked;
      expect(told, 'by a hint, since its row was left out').toEqual(['migrating_in']);
      expect(entry.row(0).reason).toBe('migration');
    },
  );

  it('a domain that simply starts holds the question, and reads starting', async () => {
    const entry = await list(startingUp);
    const asked = jobs.readMoving([entry]);
    await settled();
    await clock.advance(299);
    expect([shown(entry), told]).toEqual(['withheld', []]);
    await clock.advance(101);
    expect(told).toEqual(['starting']);
    expect(entry.mayBeMoving, 'nobody asks again before its state is another').toBe(false);
    state = booted;
    await answer('none');
    await asked;
    expect(shown(entry)).toBe('running');
  });

  it('a refusal that comes late, after the question seemed held, still counts', async () => {
    const entry = await list(startingUp);
    const asked = jobs.readMoving([entry]);
    await settled();
    await clock.advance(400);
    await answer('in');
    await asked;
    expect(told.at(-1)).toBe('migrating_in');
  });

  it('where neither job nor state is answered nothing is told', async () => {
    const entry = await list(startingUp);
    stateQuestions = [];
    void jobs.readMoving([entry]);
    await settled();
    await clock.advance(1_000);
    expect([shown(entry), told]).toEqual(['withheld', []]);
  });

  it('a libvirtd that cannot tell of jobs leaves what the state says', async () => {
    const entry = await list(startingUp);
    const asked = jobs.readMoving([entry]);
    await settled();
    await answer('unsupported');
    await asked;
    expect(shown(entry)).toBe('starting');
  });

  it('a known VM keeps what was told of it until the job is known, at each state of a move anew', async () => {
    expect(shown(await list(booted))).toBe('running');
    const entry = await list(startingUp);
    expect(shown(entry)).toBe('withheld');
    const starting = jobs.readMoving([entry]);
    await settled();
    await answer('unsupported');
    await starting;
    await list(pausedByMove);
    expect(shown(entry)).toBe('withheld');
    const asked = jobs.readMoving([entry]);
    await settled();
    await answer('out');
    await asked;
    expect(shown(entry)).toBe('migrating_out');
  });
});

describe('a refusal counts only with a state read after it, of the same run', () => {
  it.each([
    ['that it is down', crashed, 'failed'],
    ['that it was saved', saved, 'suspended'],
    ['that it has arrived', arrived, 'running'],
  ] as const)('not %s', async (_what, after, expected) => {
    expect(shown(await list(booted))).toBe('running');
    const entry = await list(pausedByMove);
    const asked = jobs.readMoving([entry]);
    await settled();
    state = after;
    await answer('in');
    await asked;
    expect([shown(entry), entry.job]).toEqual([expected, undefined]);
  });

  it('M2: what was never told, and is off with a fault when it was about to arrive, is kept back', async () => {
    const entry = await list(pausedByMove);
    const asked = jobs.readMoving([entry]);
    await settled();
    state = crashed;
    await answer('in');
    await asked;
    expect(shown(entry)).toBe('withheld');
    await clock.advance(2_000);
    expect(shown(entry), 'it stays').toBe('failed');
  });

  it('not of a domain that is gone', async () => {
    const entry = await list(pausedByMove);
    const asked = jobs.readMoving([entry]);
    await settled();
    state = undefined;
    await answer('in');
    await asked;
    expect([shown(entry), told]).toEqual(['withheld', []]);
  });

  it('not of another run', async () => {
    const entry = await list(pausedByMove);
    const asked = jobs.readMoving([entry]);
    await settled();
    await list(booted, 8);
    await answer('in');
    await asked;
    expect([shown(entry), entry.job]).toEqual(['running', undefined]);
  });

  it.each([booted, paused])(
    '%j: “not running” is no refusal: destroyed or saved, it is never arriving',
    async (...raw) => {
      const entry = await list(raw);
      expect(shown(entry)).not.toBe('withheld');
      entry.moves('outgoing');
      const asked = jobs.readMoving([entry]);
      await settled();
      state = crashed;
      await answer('not running');
      await asked;
      expect(shown(entry), 'told at once, not by the next listing').toBe('failed');
    },
  );

  it('“not running” says nothing of one that is read as running after it: a QEMU that hangs and is being destroyed', async () => {
    const entry = await list(booted);
    const asked = jobs.read(entry);
    await settled();
    await answer('not running');
    await asked;
    expect([shown(entry), entry.job]).toEqual(['running', undefined]);
  });

  it('not when another run begins while that state is asked for', async () => {
    const entry = await list(pausedByMove);
    stateQuestions = [];
    const asked = jobs.readMoving([entry]);
    await settled();
    await answer('in');
    await list(booted, 8);
    stateQuestions[0]?.resolve({ state: 3, reason: 2 });
    await asked;
    expect([shown(entry), entry.job]).toEqual(['running', undefined]);
  });

  it('a state that was asked for before a newer one was read does not bring back the past', async () => {
    const entry = await list(pausedByMove);
    stateQuestions = [];
    const asked = jobs.readMoving([entry]);
    await settled();
    await answer('in');
    await list(arrived);
    stateQuestions[0]?.resolve({ state: 3, reason: 2 });
    await asked;
    expect([shown(entry), entry.job]).toEqual(['running', undefined]);
  });
});

describe('one move is told once', () => {
  it.each([arrived, canceled, unpaused])('%j of a former move does not end the one that goes on', async (...raw) => {
    const entry = await list(raw);
    const asked = jobs.read(entry);
    await settled();
    await answer('out');
    await asked;
    for (const again of [raw, raw, pausedByMove]) {
      // oxlint-disable-next-line no-await-in-loop -- one listing after the other
      await list(again);
      expect([shown(entry), entry.row(0).reason]).toEqual(['migrating_out', 'migration']);
    }
  });

  it('a question that is open already is waited for, not asked twice', async () => {
    const entry = await list(pausedByMove);
    const first = jobs.readMoving([entry]);
    await settled();
    let over = false;
    const second = jobs.readMoving([entry]).then(() => {
      over = true;
    });
    await settled();
    expect([questions.length, over]).toEqual([1, false]);
    await answer('out');
    await Promise.all([first, second]);
    expect(shown(entry)).toBe('migrating_out');
  });

  it('all memory is over there, and the guest waits to be ended: still leaving', async () => {
    const entry = await list(pausedByMove);
    const asked = jobs.readMoving([entry]);
    await settled();
    await answer('out completed');
    await asked;
    expect([shown(entry), entry.job]).toEqual(['migrating_out', 'outgoing']);
  });

  it('cancelled in its last phase it runs on', async () => {
    const entry = await list(pausedByMove);
    entry.moves('outgoing');
    await list(canceled);
    expect([shown(entry), entry.job]).toEqual(['running', undefined]);
  });
});

describe('M8: what was undefined here and is back', () => {
  beforeEach(async () => {
    await list([5, 1]);
    listings.table.undefined(domain.uuid, clock.now());
  });

  it.each([startingUp, pausedByMove])('%j: is the same VM when it turns out to arrive', async (...raw) => {
    const entry = await list(raw);
    expect(shown(entry)).toBe('withheld');
    const asked = jobs.readMoving([entry]);
    await settled();
    await answer('in');
    await asked;
    await list(arrived);
    expect([...told, shown(entry)]).toEqual(['migrating_in', 'running']);
  });

  it('is another one when it simply starts, said once', async () => {
    const entry = await list(startingUp);
    expect(shown(entry)).toBe('withheld');
    void jobs.readMoving([entry]);
    await settled();
    await clock.advance(400);
    expect([...told, shown(entry)]).toEqual(['starting recreated', 'starting']);
  });

  it('is the same VM when libvirt said that it came from another host, whatever happened to it since', async () => {
    listings.table.arrived(domain.uuid);
    expect(shown(await list(unpaused))).toBe('running');
  });
});
