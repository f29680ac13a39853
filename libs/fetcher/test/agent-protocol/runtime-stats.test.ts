import type { RuntimeRow } from '@vedette/fetcher';
import {
  readHint,
  readLayout,
  readRuntimeStats,
  rowFields,
  writeCompleteReply,
  writeDeltaReply,
  writeHeartBeat,
  writeHint,
} from '@vedette/fetcher/agent-protocol';
import { vmStates } from '@vedette/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const head = { hostUuid: 'uuid', boot: 'boot', rev: 900, stateRev: 800 };
const layout = readLayout(rowFields);
const checksum = '0123456789abcdef';
const nothing = { left: [], unreadable: [], checksum };
const row: RuntimeRow = {
  vm: 'vm',
  state: 'running',
  reason: 'booted',
  raw: { state: '1', reason: '1' },
  hashes: {},
  rev: 3,
};

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const hash = fc.stringMatching(/^[0-9a-f]{16}$/);
const rows = fc.uniqueArray(
  fc.record(
    {
      vm: fc.stringMatching(/^[a-z0-9-]{1,36}$/),
      state: fc.constantFrom(...vmStates.filter((state) => state !== 'absent' && state !== 'gone')),
      reason: text,
      raw: fc.record({ state: text, reason: text }),
      rev: fc.nat({ max: 900 }),
      hashes: fc.record({ info: hash, config: hash, status: hash, guest: hash }, { requiredKeys: [] }),
      name: text,
      cpuSystem: fc.nat({ max: 4_000 }).map((thousandths) => thousandths / 1_000),
      cpuUser: fc.nat({ max: 4_000 }).map((thousandths) => thousandths / 1_000),
      memoryPercent: fc.nat({ max: 1_000 }).map((tenths) => tenths / 10),
      elapsedS: fc.nat(),
      forgotten: fc.constant(true),
      unproved: fc.constant(true),
      recreated: fc.constant(true),
    },
    { requiredKeys: ['vm', 'state', 'reason', 'raw', 'rev', 'hashes'] },
  ) as fc.Arbitrary<RuntimeRow>,
  { selector: ({ vm }) => vm, maxLength: 20 },
);

it('what was written is read: deltas', () => {
  fc.assert(
    fc.property(rows, fc.array(fc.uuid()), (written, vms) => {
      const reply = writeDeltaReply(head, { rows: written, left: vms, unreadable: vms, checksum });
      const read = readRuntimeStats(reply ?? Buffer.alloc(0), () => layout);
      expect(read).toEqual({ ...head, complete: false, rows: written, left: vms, unreadable: vms, checksum, layout });
    }),
  );
});

it('what was written is read: hints', () => {
  fc.assert(
    fc.property(rows, (written) => {
      const hint = { boot: 'boot', rev: 900, stateRev: 800, prev: 790, rows: written, left: ['gone'] };
      expect(readHint(writeHint(hint), () => layout)).toEqual(hint);
    }),
  );
});

it('S11: the pages of a complete reply have every row once, in order, and each fits', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 300, max: 3_000 }), (unsorted, maxBytes) => {
      const written = unsorted.toSorted((a, b) => (a.vm < b.vm ? -1 : 1));
      const read: RuntimeRow[] = [];
      for (let after: string | undefined = ''; after !== undefined; ) {
        const page: string = after;
        const rest = { rows: written.filter(({ vm }) => vm > page), unreadable: [], checksum };
        const payload = writeCompleteReply(head, rest, maxBytes);
        const reply = readRuntimeStats(payload, () => undefined);
        expect(payload.length <= maxBytes || reply.rows.length <= 1).toBe(true);
        read.push(...reply.rows);
        after = reply.next;
      }
      expect(read).toEqual(written);
    }),
  );
});

it('S11: a delta that does not fit is none; a hint that does not fit says that something changed', () => {
  const many = Array.from({ length: 100 }, (_, at) => ({ ...row, vm: `vm-${at}` }));
  expect(writeDeltaReply(head, { ...nothing, rows: many }, 1_000)).toBeUndefined();
  const hint = { boot: 'boot', rev: 9, stateRev: 8, prev: 2, rows: many, left: ['x'] };
  expect(readHint(writeHint(hint, 1_000), () => layout)).toEqual({ ...hint, rows: [], left: [] });
});

it('a heart-beat tells nothing but where the host is', () => {
  const beat = { boot: 'boot', rev: 9, stateRev: 8 };
  expect(readHint(writeHeartBeat(beat), () => layout)).toEqual({ ...beat, prev: 8, rows: [], left: [] });
});

function delta(change: object, rowsGiven: readonly unknown[] = []): Buffer {
  return Buffer.from(JSON.stringify({ ...head, complete: false, rows: rowsGiven, ...nothing, ...change }));
}

const cells = ['vm', 3, 'running', 'booted', '1', '1'];

function withCell(at: number, cell: unknown): readonly unknown[] {
  const changed: unknown[] = [...cells];
  while (changed.length < at) changed.push(null);
  changed[at] = cell;
  return changed;
}

it.each([
  ['an empty hostUuid', delta({ hostUuid: '' }), '/hostUuid'],
  ['a boot that is no text', delta({ boot: 7 }), '/boot'],
  ['a negative rev', delta({ rev: -1 }), '/rev'],
  ['a stateRev after rev', delta({ stateRev: 901 }), '/stateRev'],
  ['complete as a number', delta({ complete: 1 }), '/complete'],
  ['a checksum of another form', delta({ checksum: 'x' }), '/checksum'],
  ['next in a delta', delta({ next: 'vm' }), '/next'],
  ['rows that are an object', delta({ rows: {} }), '/rows'],
  ['a row that is an object', delta({}, [cells, {}]), '/rows/1'],
  ['an id that is none', delta({}, [withCell(0, '__proto__')]), '/rows/0/0'],
  ['a row newer than its reply', delta({}, [withCell(1, 901)]), '/rows/0/1'],
  ['a state that is no text', delta({}, [withCell(2, {})]), '/rows/0/2'],
  ['a VM listed as absent', delta({}, [withCell(2, 'absent')]), '/rows/0/2'],
  ['an endless reason', delta({}, [withCell(3, 'x'.repeat(1_025))]), '/rows/0/3'],
  ['a negative share', delta({}, [withCell(6, -0.1)]), '/rows/0/6'],
  ['more memory than there is', delta({}, [withCell(8, 100.5)]), '/rows/0/8'],
  ['a name that is no text', delta({}, [withCell(11, 7)]), '/rows/0/11'],
  ['a hash that is none', delta({}, [withCell(12, 'no-hash')]), '/rows/0/12'],
  ['an endless hash', delta({}, [withCell(12, 'a'.repeat(65))]), '/rows/0/12'],
  ['an empty hash', delta({}, [withCell(12, '')]), '/rows/0/12'],
  ['an endless id', delta({}, [withCell(0, 'a'.repeat(81))]), '/rows/0/0'],
  ['another reserved id', delta({}, [withCell(0, 'constructor')]), '/rows/0/0'],
  ['a row of endless cells', delta({}, [Array.from({ length: 65 }, () => 1)]), '/rows/0'],
  ['a departure that is no id', delta({ left: ['a', ''] }), '/left/1'],
  ['unreadable as a text', delta({ unreadable: 'vm' }), '/unreadable'],
  ['a complete reply without fields', delta({ complete: true, protocol: 1 }), '/fields'],
  ['fields that lack the id', delta({ complete: true, protocol: 1, fields: ['rev', 'status', 'reason'] }), '/fields'],
  ['fields that are no texts', delta({ complete: true, protocol: 1, fields: [[[]]] }), '/fields'],
  ['a complete reply without a version', delta({ complete: true, fields: rowFields }), '/protocol'],
])('N1, I9: %s is refused, with its place', (_, payload, path) => {
  expect(errorOf(() => readRuntimeStats(payload, () => layout))).toMatchObject({
    code: 'VDT_FETCHER_MALFORMED',
    path,
    retryable: false,
  });
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['half a reply', delta({}, [cells]).subarray(0, 60)],
  ['a list', Buffer.from('[]')],
  ['another content type', Buffer.from([0x82, 0xa1, 0x61])],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ['a million brackets', Buffer.from(`{"rows":${'['.repeat(1_000_000)}`)],
])('N1: %s is refused', (_, payload) => {
  expect(errorOf(() => readRuntimeStats(payload, () => layout))).toMatchObject({ code: 'VDT_FETCHER_MALFORMED' });
  expect(errorOf(() => readHint(payload, () => layout))).toMatchObject({ code: 'VDT_FETCHER_MALFORMED' });
});

it('N1: 200 MB are refused unread', () => {
  const payload = new Uint8Array(200_000_000);
  expect(errorOf(() => readRuntimeStats(payload, () => layout))).toMatchObject({ code: 'VDT_FETCHER_TOO_LARGE' });
});

it('a delta of a boot whose fields were never told is refused', () => {
  expect(errorOf(() => readRuntimeStats(delta({}), () => undefined))).toMatchObject({ path: '/fields' });
});

it('I9: whatever is put into a reply, it is read or refused with a code, never anything else', () => {
  const members = { ...head, complete: false, rows: [cells], ...nothing };
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(members)), fc.jsonValue(), (member, value) => {
      const payload = Buffer.from(JSON.stringify({ ...members, [member]: value }));
      const code = codeOf(errorOf(() => readRuntimeStats(payload, () => layout)));
      expect(['', 'VDT_FETCHER_MALFORMED', 'VDT_FETCHER_UNSUPPORTED']).toContain(code);
    }),
  );
  fc.assert(
    fc.property(fc.nat({ max: 15 }), fc.jsonValue(), (at, value) => {
      const code = codeOf(errorOf(() => readRuntimeStats(delta({}, [withCell(at, value)]), () => layout)));
      expect(['', 'VDT_FETCHER_MALFORMED']).toContain(code);
    }),
  );
});

// ---- Versions ------------------------------------------------------------------------------------------------

function complete(change: object, rowsGiven: readonly unknown[] = []): Buffer {
  return delta({ complete: true, protocol: 1, fields: rowFields, ...change }, rowsGiven);
}

it.each([0, 1, 2])('an agent of version %i is understood', (protocol) => {
  expect(readRuntimeStats(complete({ protocol }), () => undefined).complete).toBe(true);
});

it.each([3, 17])('an agent of version %i is refused, with what to do', (protocol) => {
  expect(errorOf(() => readRuntimeStats(complete({ protocol }), () => undefined))).toMatchObject({
    code: 'VDT_FETCHER_UNSUPPORTED',
    action: expect.stringContaining('versions'),
  });
});

it('an older or newer agent has fewer or more members and fields, in an order of its own', () => {
  const fields = ['statsAge', 'status', 'reason', 'mood', 'rev', 'vmId'];
  const payload = complete({ fields, weather: { today: ['sun'] } }, [[1, 'running', 'booted', {}, 3, 'vm']]);
  const raw = { state: 'running', reason: 'booted' };
  expect(readRuntimeStats(payload, () => undefined).rows).toEqual([{ ...row, raw }]);
});

it('S10: a state that is not known is unknown, its text kept', () => {
  const told = complete({}, [['vm', 3, 'dreaming', 'tired']]);
  expect(readRuntimeStats(told, () => undefined).rows).toEqual([
    { ...row, state: 'unknown', reason: 'tired', raw: { state: 'dreaming', reason: 'tired' } },
  ]);
});

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

function codeOf(error: unknown): string {
  return error === undefined ? '' : ((error as { readonly code?: string }).code ?? 'no code');
}
