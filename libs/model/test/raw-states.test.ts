import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deltacloudState,
  deltacloudTable,
  door,
  libvirtReasons,
  libvirtState,
  libvirtTable,
  type MappedState,
  type NovaReport,
  novaState,
  RawState,
  type VMState,
  vdsmState,
  vdsmTable,
  vmStates,
} from '../src/index.ts';

const rawDoor = door(RawState);

/** What every mapping promises for whatever it is given. */
function expectSound(mapped: MappedState): void {
  expect(vmStates).toContain(mapped.state);
  if (!mapped.mapped) expect(mapped.state).toBe('unknown');
  expect(mapped.reason).toBe(mapped.reason.toLowerCase());
  expect(rawDoor.check(mapped.raw).ok).toBe(true);
}

describe('libvirt', () => {
  /** The column of docs/contracts.md, cell by cell. */
  const cells: ReadonlyArray<readonly [VMState, ReadonlyArray<readonly [number, number]>]> = [
    ['starting', [[3, 11]]],
    ['running', Array.from({ length: 12 }, (_, reason) => [1, reason] as const)],
    [
      'running',
      [
        [2, 0],
        [2, 1],
      ],
    ],
    [
      'paused',
      [
        [3, 0],
        [3, 1],
        [3, 4],
        [3, 7],
        [3, 9],
        [3, 14],
      ],
    ],
    [
      'paused_error',
      [
        [3, 5],
        [3, 6],
        [3, 10],
        [3, 13],
      ],
    ],
    ['saving', [[3, 3]]],
    ['suspended', [[5, 5]]],
    [
      'migrating_out',
      [
        [3, 2],
        [3, 12],
      ],
    ],
    ['migrated_away', [[5, 4]]],
    [
      'stopping',
      [
        [4, 0],
        [4, 1],
        [3, 8],
      ],
    ],
    [
      'stopped',
      [
        [5, 0],
        [5, 1],
        [5, 2],
        [5, 7],
      ],
    ],
    [
      'failed',
      [
        [5, 3],
        [5, 6],
        [5, 8],
        [6, 0],
        [6, 1],
      ],
    ],
    [
      'pm_suspended',
      [
        [7, 0],
        [7, 1],
      ],
    ],
  ];

  it.each(cells.flatMap(([state, pairs]) => pairs.map((pair) => [...pair, state] as const)))(
    '%i/%i is %s',
    (code, reason, state) => {
      const mapped = libvirtState(code, reason);
      expect(mapped).toMatchObject({ state, mapped: true, raw: { state: String(code), reason: String(reason) } });
    },
  );

  it('the cells above are all that the table has for the reasons libvirt names', () => {
    const told = new Set(cells.flatMap(([, pairs]) => pairs.map(([code, reason]) => `${code}/${reason}`)));
    for (const { state, reasons } of libvirtTable) {
      const named = reasons === 'any' ? (libvirtReasons[state] ?? ['']).keys() : reasons;
      for (const reason of named) expect(told).toContain(`${state}/${reason}`);
    }
  });

  it.each([
    [1, 1, 'booted'],
    [1, 5, 'unpaused'],
    [1, 9, 'crashed'],
    [3, 1, 'user'],
    [3, 5, 'ioerror'],
    [3, 7, 'from_snapshot'],
    [3, 14, 'api_error'],
    [5, 2, 'destroyed'],
    [5, 3, 'crashed'],
    [5, 4, 'migrated'],
    [5, 5, 'saved'],
    [6, 1, 'panicked'],
    [1, 0, ''],
    [1, 77, ''],
    [2, 0, ''],
  ])('the reason of %i/%i is %j', (code, reason, word) => {
    expect(libvirtState(code, reason).reason).toBe(word);
  });

  it.each([
    [0, 0],
    [8, 0],
    [-1, 0],
    [3, 15],
    [5, 9],
    [Number.NaN, 0],
    [1.5, 0],
  ])('S10: %d/%d is unknown, with the raw text kept and said to be unmapped', (code, reason) => {
    expect(libvirtState(code, reason)).toMatchObject({
      state: 'unknown',
      mapped: false,
      raw: { state: String(code), reason: String(reason) },
    });
  });

  it.each([
    ['outgoing', 1, 1, 'migrating_out'],
    ['outgoing', 3, 1, 'migrating_out'],
    ['outgoing', 3, 5, 'paused_error'],
    ['outgoing', 4, 1, 'stopping'],
    ['outgoing', 5, 4, 'migrated_away'],
    ['outgoing', 5, 3, 'failed'],
    ['outgoing', 0, 0, 'unknown'],
    ['incoming', 3, 2, 'migrating_in'],
    ['incoming', 3, 11, 'migrating_in'],
    ['incoming', 1, 10, 'migrating_in'],
    ['incoming', 1, 2, 'running'],
    ['incoming', 3, 13, 'paused_error'],
    ['incoming', 5, 3, 'failed'],
  ] as const)('M1: with an %s job %i/%i is %s', (job, code, reason, state) => {
    expect(libvirtState(code, reason, job).state).toBe(state);
  });

  it('is total', () => {
    const job = fc.constantFrom(undefined, 'incoming' as const, 'outgoing' as const);
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: -1, max: 9 }), fc.double()),
        fc.oneof(fc.integer({ min: -1, max: 20 }), fc.double()),
        job,
        (code, reason, moving) => {
          expectSound(libvirtState(code, reason, moving));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('VDSM', () => {
  it.each([
    ['WaitForLaunch', 'starting'],
    ['Powering up', 'starting'],
    ['Up', 'running'],
    ['Paused', 'paused'],
    ['Saving State', 'saving'],
    ['Restoring state', 'restoring'],
    ['Migration Source', 'migrating_out'],
    ['Migration Destination', 'migrating_in'],
    ['RebootInProgress', 'rebooting'],
    ['Powering down', 'stopping'],
  ])('%s is %s, however it is spaced', (status, state) => {
    expect(Object.keys(vdsmTable)).toContain(status);
    for (const text of [status, status.replaceAll(' ', ''), status.toUpperCase()]) {
      expect(vdsmState({ status: text })).toMatchObject({ state, reason: '', mapped: true, raw: { state: text } });
    }
  });

  it('names no other status', () => {
    expect(Object.keys(vdsmTable)).toHaveLength(10);
  });

  it.each([
    [0, 5, 'suspended', 'save_state_succeeded'],
    [undefined, 5, 'suspended', 'save_state_succeeded'],
    [0, 4, 'migrated_away', 'migration_succeeded'],
    [0, 0, 'stopped', 'success'],
    [0, 6, 'stopped', 'admin_shutdown'],
    [0, 7, 'stopped', 'user_shutdown'],
    [0, undefined, 'stopped', ''],
    [0, 99, 'stopped', ''],
    [1, 1, 'failed', 'generic_error'],
    [1, 2, 'failed', 'lost_qemu'],
    [1, undefined, 'failed', ''],
    ['1', '8', 'failed', 'migration_failed'],
    ['0', '13', 'stopped', 'destroyed_on_reboot'],
  ])('Down with exit code %s and reason %s is %s', (exitCode, exitReason, state, reason) => {
    expect(vdsmState({ status: 'Down', exitCode, exitReason })).toMatchObject({ state, reason, mapped: true });
  });

  it.each([
    ['no exit code', { status: 'Down' }],
    ['an unknown exit code', { status: 'Down', exitCode: 2 }],
    ['an exit code that is none', { status: 'Down', exitCode: 'x' }],
    ['a migration that succeeded and failed', { status: 'Down', exitCode: 1, exitReason: 4 }],
    ['an unknown status', { status: 'Dreaming' }],
    ['a name of every object', { status: 'constructor' }],
  ])('S10: %s is unknown, with the raw text kept', (_, report) => {
    expect(vdsmState(report)).toMatchObject({ state: 'unknown', mapped: false, raw: { state: report.status } });
  });

  it.each([
    ['EIO', 'paused_error', 'eio'],
    ['ENOSPC', 'paused_error', 'enospc'],
    ['EPERM', 'paused_error', 'eperm'],
    ['EOTHER', 'paused_error', 'eother'],
    ['POSTCOPY', 'migrating_out', 'postcopy'],
    ['NOERR', 'paused', ''],
    ['NONE', 'paused', ''],
    ['', 'paused', ''],
  ])('Paused with code %j is %s', (pauseCode, state, reason) => {
    expect(vdsmState({ status: 'Paused', pauseCode })).toMatchObject({ state, reason, mapped: true });
  });

  it.each([
    ['Up', -1, 'not_responding'],
    ['Up', '-1', 'not_responding'],
    ['Powering up', -1, 'not_responding'],
    ['Up', 0, 'running'],
    ['Up', '12', 'running'],
    ['Paused', -1, 'paused'],
    ['Migration Source', -1, 'migrating_out'],
    ['Powering down', -1, 'stopping'],
  ])('%s with monitor response %s is %s', (status, monitorResponse, state) => {
    expect(vdsmState({ status, monitorResponse }).state).toBe(state);
  });

  it('keeps what decided, and no response time, in the raw reason', () => {
    expect(vdsmState({ status: 'Down', exitCode: 1, exitReason: 2 }).raw.reason).toBe('exitCode=1 exitReason=2');
    expect(vdsmState({ status: 'Up', monitorResponse: '-1' }).raw.reason).toBe('monitorResponse=-1');
    expect(vdsmState({ status: 'Up', monitorResponse: '7' }).raw.reason).toBe('');
  });

  it('is total', () => {
    const number = fc.oneof(
      fc.constant(undefined),
      fc.integer({ min: -2, max: 16 }),
      fc.double(),
      fc.string(),
      fc.constantFrom('0', '1', '-1'),
    );
    fc.assert(
      fc.property(
        fc.record({
          status: fc.oneof(
            fc.constantFrom('Down', 'Paused', ...Object.keys(vdsmTable)),
            fc.string(),
            fc.constant('x'.repeat(3000)),
          ),
          exitCode: number,
          exitReason: number,
          pauseCode: fc.oneof(fc.constant(undefined), fc.string(), fc.constant('EIO')),
          monitorResponse: number,
        }),
        (report) => {
          expectSound(vdsmState(report));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('Nova', () => {
  it.each<[VMState, string, NovaReport]>([
    ['starting', 'building', { powerState: 0, vmState: 'building', taskState: 'spawning' }],
    ['starting', 'building', { powerState: 1, vmState: 'building', taskState: null }],
    ['running', 'active', { powerState: 1, vmState: 'active' }],
    ['running', 'error', { powerState: 1, vmState: 'error' }],
    ['running', 'rescued', { powerState: 1, vmState: 'rescued' }],
    ['paused', 'paused', { powerState: 3, vmState: 'paused' }],
    ['saving', 'suspending', { powerState: 1, vmState: 'active', taskState: 'suspending' }],
    ['suspended', 'suspended', { powerState: 4, vmState: 'suspended' }],
    ['suspended', 'suspended', { powerState: 7, vmState: 'suspended' }],
    ['suspended', 'suspending', { powerState: 4, vmState: 'active', taskState: 'suspending' }],
    ['restoring', 'resuming', { powerState: 4, vmState: 'suspended', taskState: 'resuming' }],
    ['migrating_out', 'migrating', { powerState: 1, vmState: 'active', taskState: 'migrating' }],
    ['rebooting', 'rebooting', { powerState: 1, vmState: 'active', taskState: 'rebooting' }],
    ['rebooting', 'reboot_started_hard', { powerState: 4, vmState: 'active', taskState: 'reboot_started_hard' }],
    ['stopping', 'powering_off', { powerState: 1, vmState: 'active', taskState: 'powering-off' }],
    ['stopped', 'stopped', { powerState: 4, vmState: 'stopped' }],
    ['stopped', 'shelved', { powerState: 4, vmState: 'shelved' }],
    ['stopped', 'shelved_offloaded', { powerState: 4, vmState: 'shelved_offloaded' }],
    ['stopped', 'active', { powerState: 4, vmState: 'active', taskState: 'powering-off' }],
    ['stopped', 'active', { powerState: 4, vmState: 'active', taskState: 'migrating' }],
    ['failed', 'error', { powerState: 4, vmState: 'error' }],
    ['failed', 'active', { powerState: 6, vmState: 'active' }],
    ['failed', 'error', { powerState: 6, vmState: 'error', taskState: 'rebooting' }],
    ['pm_suspended', 'active', { powerState: 7, vmState: 'active' }],
    ['gone', 'deleted', { powerState: 0, vmState: 'deleted' }],
    ['gone', 'deleted', { powerState: 1, vmState: 'deleted', taskState: 'deleting' }],
    ['running', 'active', { powerState: 'running', vmState: 'active', taskState: null }],
    ['starting', 'building', { powerState: 'pending', vmState: 'building', taskState: null }],
    ['stopped', 'stopped', { powerState: 'shutdown', vmState: 'stopped', taskState: 'powering-on' }],
  ])('%s (%s): %o', (state, reason, report) => {
    expect(novaState(report)).toMatchObject({ state, reason, mapped: true });
  });

  it('N9: the partial row of a cell that is down says nothing, and that is in the table', () => {
    expect(novaState({})).toEqual({ state: 'unknown', reason: '', raw: { state: '/', reason: '' }, mapped: true });
  });

  it.each<[string, NovaReport]>([
    ['error/0', { powerState: 0, vmState: 'error' }],
    ['active/2', { powerState: 2, vmState: 'active' }],
    ['active/purring', { powerState: 'purring', vmState: 'active' }],
    ['active/constructor', { powerState: 'constructor', vmState: 'active' }],
    ['active/', { vmState: 'active' }],
  ])('S10: %s is unknown, with the raw text kept', (text, report) => {
    expect(novaState(report)).toMatchObject({ state: 'unknown', mapped: false, raw: { state: text, reason: '' } });
  });

  it('tasks that decide nothing are no reason: a build that goes through its tasks is one state', () => {
    const build = ['scheduling', 'networking', 'block_device_mapping', 'spawning', null].map((taskState) =>
      novaState({ powerState: 0, vmState: 'building', taskState }),
    );
    expect(new Set(build.map(({ state, reason }) => `${state} ${reason}`)).size).toBe(1);
  });

  it('is total', () => {
    const text = fc.oneof(
      fc.constantFrom(undefined, null, 'active', 'building', 'error', 'deleted', 'migrating'),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: -1, max: 9 }), fc.double(), text),
        text,
        text,
        (powerState, vmState, taskState) => {
          expectSound(novaState({ powerState, vmState, taskState }));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('Deltacloud', () => {
  const cells: ReadonlyArray<readonly [string, VMState]> = [
    ['START', 'starting'],
    ['PENDING', 'starting'],
    ['RUNNING', 'running'],
    ['STOPPING', 'stopping'],
    ['SHUTTING_DOWN', 'stopping'],
    ['STOPPED', 'stopped'],
    ['FINISH', 'stopped'],
    ['ERROR', 'failed'],
    ['UNKNOWN', 'unknown'],
  ];

  it.each(cells)('%s is %s, in small letters too', (text, state) => {
    expect(deltacloudState(text)).toEqual({ state, reason: '', raw: { state: text, reason: '' }, mapped: true });
    expect(deltacloudState(text.toLowerCase()).state).toBe(state);
  });

  it('names no other state', () => {
    expect(Object.keys(deltacloudTable)).toEqual(cells.map(([text]) => text));
  });

  it.each(['NOT_RESPONDING', 'MIGRATING', 'TERMINATED', '', '__proto__', 'constructor'])(
    'S10: %j is unknown',
    (text) => {
      expect(deltacloudState(text)).toMatchObject({ state: 'unknown', mapped: false, raw: { state: text } });
    },
  );

  it('is total', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (units) => {
        expectSound(deltacloudState(String.fromCharCode(...units)));
      }),
    );
  });
});
