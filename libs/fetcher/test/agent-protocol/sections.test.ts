import type { GuestDetails, Section } from '@vedette/fetcher';
import {
  DeviceStatsReply,
  HelloReply,
  maxReplyBytes,
  readDocument,
  readQuestion,
  readSections,
  writeDeviceStats,
  writeSections,
} from '@vedette/fetcher/agent-protocol';
import type { DeviceSample } from '@vedette/model';
import { expect, it } from 'vitest';

const head = { hostUuid: 'uuid', boot: 'boot', rev: 9, stateRev: 8 };
const hash = '0123456789abcdef';

function guest(apps: number): Section<GuestDetails> {
  const names = Array.from({ length: apps }, (_, at) => `a-package-of-the-guest-number-${at}-1.2.3`);
  return { observed: 'ok', hash, content: { addresses: [], os: 'Debian 12', hostname: 'web', apps: names } };
}

it('S11: 2,000 VMs with 300 applications each go in parts, every VM once, none over the limit', () => {
  const vms = Array.from({ length: 2_000 }, (_, at) => `vm-${at}`);
  const large = guest(300);
  let rest: readonly string[] = vms;
  const came: string[] = [];
  while (rest.length > 0) {
    const payload = writeSections(head, rest, () => large);
    expect(payload.length).toBeLessThanOrEqual(maxReplyBytes);
    const part = readSections('guest', payload);
    expect(part.sections.length).toBeGreaterThan(0);
    expect(part.sections[0]?.[1]).toEqual(large);
    came.push(...part.sections.map(([vm]) => vm));
    rest = part.missing;
  }
  expect(came).toEqual(vms);
});

it('S11: a section larger than any reply is unavailable, and holds nothing up', () => {
  const payload = writeSections(head, ['huge', 'small'], (vm) => guest(vm === 'huge' ? 10_000 : 1));
  const { sections, missing } = readSections('guest', payload);
  expect(sections).toEqual([
    ['huge', { observed: 'unavailable', hash: '' }],
    ['small', guest(1)],
  ]);
  expect(missing).toEqual([]);
});

it('I2: a VM that the agent does not know is unavailable; what is never to be had is unsupported', () => {
  const payload = writeSections(head, ['unknown', 'never'], (vm) =>
    vm === 'never' ? { observed: 'unsupported', hash: '' } : undefined,
  );
  expect(readSections('info', payload).sections).toEqual([
    ['unknown', { observed: 'unavailable', hash: '' }],
    ['never', { observed: 'unsupported', hash: '' }],
  ]);
});

it('a document keeps members of any name and depth that are allowed', () => {
  const content = { name: 'web', nested: { list: [{ deep: [1, null, 'x'] }] } };
  const payload = writeSections(head, ['vm'], () => ({ observed: 'ok', hash, content }));
  expect(readSections('config', payload).sections).toEqual([['vm', { observed: 'ok', hash, content }]]);
});

it('conditions are those known, sorted, each once; of a newer agent others are left out', () => {
  const content = { conditions: ['watchdog', 'haunted', 'io_error', 'watchdog'], pauseCode: 'EIO' };
  const payload = writeSections(head, ['vm'], () => ({ observed: 'ok', hash, content }));
  expect(readSections('status', payload).sections[0]?.[1].content).toEqual({
    conditions: ['io_error', 'watchdog'],
    pauseCode: 'EIO',
  });
});

function reply(section: object): Buffer {
  return Buffer.from(JSON.stringify({ ...head, sections: [{ vmId: 'vm', ...section }], missing: [] }));
}

const address = { address: '10.0.0.7', family: 'ipv4', scope: 'private', mac: '', interface: '', source: 'agent' };
const details = { addresses: [], os: '', hostname: '', apps: [] };

it.each([
  ['ok without content', { observed: 'ok', hash }, '/sections/0'],
  ['ok without a hash', { observed: 'ok', content: details }, '/sections/0'],
  ['unavailable with content', { observed: 'unavailable', hash, content: details }, '/sections/0'],
  ['an observation that is none', { observed: 'maybe' }, '/sections/0/observed'],
  ['no observation', {}, '/sections/0/observed'],
  [
    'apps that are no texts',
    { observed: 'ok', hash, content: { ...details, apps: [1] } },
    '/sections/0/content/apps/0',
  ],
  [
    'addresses out of order',
    { observed: 'ok', hash, content: { ...details, addresses: [address, { ...address, address: '10.0.0.6' }] } },
    '/sections/0/content/addresses/1',
  ],
  ['a reserved key', { observed: 'ok', hash, content: JSON.parse('{"__proto__":1}') }, '/sections/0/content/__proto__'],
])('I9: %s is refused, with its place', (_, section, path) => {
  expect(() => readSections('guest', reply(section))).toThrow(
    expect.objectContaining({ code: 'VDT_FETCHER_MALFORMED', path }),
  );
});

it('N1: a document nested without end is refused', () => {
  const deep = Buffer.from(`{"sections":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
  expect(() => readSections('guest', deep)).toThrow(expect.objectContaining({ code: 'VDT_FETCHER_MALFORMED' }));
});

const sample: DeviceSample = { vcpus: [], memory: { rssBytes: 1 }, disks: [], interfaces: [] };

it('S11: devices go in pages, one of them too large is left out', () => {
  const huge: DeviceSample = { ...sample, disks: Array.from({ length: 100 }, () => ({ device: 'vda', path: 'x' })) };
  const all = ['a', 'b', 'c', 'd'].map((vm) => [vm, vm === 'c' ? huge : sample] as const);
  const came: string[] = [];
  for (let page: string | undefined = ''; page !== undefined; ) {
    const after: string = page;
    const payload = writeDeviceStats(
      head,
      all.filter(([vm]) => vm > after),
      400,
    );
    expect(payload.length).toBeLessThanOrEqual(400);
    const read = readDocument(DeviceStatsReply, payload);
    came.push(...read.samples.map(({ vmId }) => vmId));
    page = read.next;
  }
  expect(came).toEqual(['a', 'b', 'd']);
});

it('members that a newer agent adds are taken out, wherever the model has a closed shape', () => {
  const newer = { ...sample, temperature: 40, memory: { rssBytes: 1, colour: 'blue' } };
  const payload = Buffer.from(JSON.stringify({ ...head, samples: [{ vmId: 'vm', sample: newer, why: 'x' }] }));
  expect(readDocument(DeviceStatsReply, payload).samples).toEqual([{ vmId: 'vm', sample }]);
});

it('an agent that tells more of itself than we know is understood', () => {
  const hello = {
    ...head,
    agent: { name: 'other', version: '9', protocol: 2, motto: 'x' },
    verbs: ['hello', 'dance'],
    delta: false,
    hints: false,
    heartBeatMs: 0,
    guestAgent: false,
  };
  expect(readDocument(HelloReply, Buffer.from(JSON.stringify(hello)))).toMatchObject({ verbs: ['hello', 'dance'] });
});

it.each([
  ['getAllRuntimeStats', { since: { boot: 'b', rev: -1 } }, '/since/rev'],
  ['getStatus', { vmIds: 'vm' }, '/vmIds'],
  ['getStatus', {}, '/vmIds'],
  ['start', { vmId: 'vm', intentId: 'i', notAfter: 'tomorrow' }, '/notAfter'],
] as const)('I9: an agent refuses a wrong question of %s, with its place', (verb, question, path) => {
  expect(() => readQuestion(verb, Buffer.from(JSON.stringify(question)))).toThrow(
    expect.objectContaining({ code: 'VDT_FETCHER_MALFORMED', path }),
  );
});
