/** docs/agent-protocol.md: every example in it is one. */
import { readFileSync } from 'node:fs';
import {
  agentSubject,
  CapabilitiesReply,
  DeviceStatsReply,
  HelloReply,
  HostStatsReply,
  isHeartBeat,
  questions,
  type RowLayout,
  readDocument,
  readHint,
  readLayout,
  readQuestion,
  readRuntimeStats,
  readSections,
  rowFields,
  StartReply,
  writeDeltaReply,
  writeHint,
} from '@vedette/fetcher/agent-protocol';
import { SetChecksum } from '@vedette/model';
import { expect, it } from 'vitest';

const text = readFileSync(new URL('../../../../docs/agent-protocol.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/^```json ([^\n]+)\n(.*?)^```$/gms)].map(([, title = '', body = '']) => ({
  title,
  payload: Buffer.from(body),
}));
const layout: RowLayout = readLayout(rowFields);

const readers: Readonly<Record<string, (payload: Buffer) => unknown>> = {
  'reply hello': (payload) => readDocument(HelloReply, payload),
  'reply getAllRuntimeStats': (payload) => readRuntimeStats(payload, () => undefined),
  'reply getAllRuntimeStats delta': (payload) => readRuntimeStats(payload, () => layout),
  'reply getGuestDetails': (payload) => readSections('guest', payload),
  'reply getStatus': (payload) => readSections('status', payload),
  'reply getAllDeviceStats': (payload) => readDocument(DeviceStatsReply, payload),
  'reply getStats': (payload) => readDocument(HostStatsReply, payload),
  'reply getCapabilities': (payload) => readDocument(CapabilitiesReply, payload),
  'reply start': (payload) => readDocument(StartReply, payload),
  hint: (payload) => readHint(payload, () => layout),
  'hint heart-beat': (payload) => readHint(payload, () => layout),
};

function reading(title: string): ((payload: Buffer) => unknown) | undefined {
  const verb = /^question (.*)$/.exec(title)?.[1];
  if (verb !== undefined && verb in questions)
    return (payload) => readQuestion(verb as keyof typeof questions, payload);
  return readers[title];
}

it.each(examples.map(({ title, payload }) => [title, payload] as const))(
  'the example "%s" can be read',
  (title, payload) => {
    const read = reading(title);
    expect(read, `"${title}" is no title of an example`).toBeDefined();
    expect(() => read?.(payload)).not.toThrow();
  },
);

it('there is an example of every reply and of hints', () => {
  expect(new Set(examples.map(({ title }) => title))).toEqual(
    new Set([...Object.keys(readers), ...titlesOfQuestions()]),
  );
});

function titlesOfQuestions(): readonly string[] {
  return ['getAllRuntimeStats', 'getGuestDetails', 'start'].map((verb) => `question ${verb}`);
}

function example(title: string): Buffer {
  const found = examples.find((candidate) => candidate.title === title);
  if (found === undefined) throw new Error(`no example "${title}"`);
  return found.payload;
}

it('the checksums of the examples are those of their rows', () => {
  for (const title of ['reply getAllRuntimeStats', 'reply getAllRuntimeStats delta']) {
    const { rows, checksum } = readRuntimeStats(example(title), () => layout);
    const computed = new SetChecksum();
    for (const { vm, rev } of rows) computed.add(vm, rev);
    expect(checksum, title).toBe(computed.toString());
  }
  const worked = new SetChecksum();
  worked.add('a', 1);
  expect(text).toContain(`(\`a\`, 1) is \`${worked.toString()}\``);
  worked.add('b', 2);
  expect(text).toContain(`(\`b\`, 2) is \`${worked.toString()}\``);
});

it('the delta, the hint and the heart-beat are what our own agent would write', () => {
  const delta = readRuntimeStats(example('reply getAllRuntimeStats delta'), () => layout);
  const hint = readHint(example('hint'), () => layout);
  expect(writeDeltaReply(delta, delta)).toEqual(compact(example('reply getAllRuntimeStats delta')));
  expect(writeHint(hint)).toEqual(compact(example('hint')));
  expect(isHeartBeat(hint)).toBe(false);
  expect(isHeartBeat(readHint(example('hint heart-beat'), () => layout))).toBe(true);
});

function compact(payload: Buffer): Buffer {
  return Buffer.from(JSON.stringify(JSON.parse(payload.toString())));
}

it('subjects are written as it says', () => {
  expect(agentSubject('kvm-01.example', 'hello')).toBe('vedette.v1.agent.kvm-01~2eexample.hello');
});
