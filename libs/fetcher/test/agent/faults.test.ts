/** N1, N8: what goes wrong between monitor and agent, in the words of the port. */
import type { HostFetcher } from '@vedette/fetcher';
import { agentDriver } from '@vedette/fetcher/agent';
import { agentVerbs, writeDocument } from '@vedette/fetcher/agent-protocol';
import { VedetteError } from '@vedette/runtime';
import { expect, it } from 'vitest';
import { bench, LONG } from './support/bench.ts';

const START = { vm: 'a', intentId: 'i-1', notAfter: '2026-01-02T00:00:00Z' };

/** Every question of the port. */
const everyQuestion: ReadonlyArray<readonly [string, (fetcher: HostFetcher) => Promise<unknown>]> = [
  ['runtimeStats', (fetcher) => fetcher.runtimeStats(LONG)],
  ['info', (fetcher) => fetcher.info(['a'], LONG)],
  ['config', (fetcher) => fetcher.config(['a'], LONG)],
  ['status', (fetcher) => fetcher.status(['a'], LONG)],
  ['guestDetails', (fetcher) => fetcher.guestDetails(['a'], LONG)],
  ['deviceStats', (fetcher) => fetcher.deviceStats(LONG)],
  ['hostStats', (fetcher) => fetcher.hostStats(LONG)],
  ['describe', (fetcher) => fetcher.describe(LONG)],
  ['start', (fetcher) => fetcher.start(START, LONG)],
];

it.each(everyQuestion)('N8: %s over a bus that is away says that it is ours', async (_, ask) => {
  const { broker, clock, fetcher } = await bench();
  broker.disconnect('monitor');
  const asked = ask(fetcher).catch((error: unknown) => error);
  await clock.advance(11_000);
  expect(await asked).toMatchObject({ code: 'VDT_FETCHER_BUS_AWAY', retryable: true });
});

it.each(everyQuestion)('N1: %s of an agent that is not there says so, at once', async (_, ask) => {
  const { bus, clock } = await bench();
  await using fetcher = agentDriver({ bus, clock }).open({ id: 'other', url: 'agent:other' });
  await expect(ask(fetcher)).rejects.toMatchObject({ code: 'VDT_FETCHER_REFUSED', retryable: true });
});

it.each(everyQuestion)('N1: garbage in reply to %s is refused, and harms nothing', async (_, ask) => {
  const { agent, fetcher, poll, settle } = await bench();
  for (const garbage of ['', 'nonsense', '{"rows":[', '{}', '{"rows":[[]]}', '[1]', '{"hostUuid":7}']) {
    for (const verb of agentVerbs) agent.answers[verb] = () => Buffer.from(garbage);
    // oxlint-disable-next-line no-await-in-loop -- one fault after the other
    await expect(settle(ask(fetcher)), garbage).rejects.toMatchObject({ code: 'VDT_FETCHER_MALFORMED' });
  }
  for (const verb of agentVerbs) delete agent.answers[verb];
  expect((await poll()).rows).toHaveLength(3);
});

it("an error that the agent had with its own hypervisor counts as the host's", async () => {
  const { agent, fetcher, settle } = await bench();
  agent.answers.getAllRuntimeStats = () => {
    throw new VedetteError('VDT_FETCHER_AUTH', { message: 'libvirtd did not admit us' });
  };
  await expect(settle(fetcher.runtimeStats(LONG))).rejects.toMatchObject({
    code: 'VDT_FETCHER_AUTH',
    message: 'the agent of host: libvirtd did not admit us',
    retryable: false,
  });
});

it.each(['VDT_FETCHER_BUS_AWAY', 'VDT_FETCHER_CLOSED', 'VDT_BUS_FULL'])(
  'what an agent has with its own bus or itself (%s) is no fault of ours',
  async (code) => {
    const { agent, fetcher, settle } = await bench();
    agent.answers.getAllRuntimeStats = () => {
      throw new VedetteError(code);
    };
    await expect(settle(fetcher.runtimeStats(LONG))).rejects.toMatchObject({ code: 'VDT_FETCHER_FAILED' });
  },
);

it("sections of another run than was listed are refused: they may be another agent's", async () => {
  const { agent, fetcher, poll, settle } = await bench();
  await poll();
  agent.restart();
  await expect(settle(fetcher.config(['a'], LONG))).rejects.toMatchObject({ code: 'VDT_FETCHER_IDENTITY' });
  await expect(settle(fetcher.hostStats(LONG))).rejects.toMatchObject({ code: 'VDT_FETCHER_IDENTITY' });
  await poll();
  expect((await settle(fetcher.config(['a'], LONG))).get('a')?.observed).toBe('ok');
});

it('S11: sections that came before the deadline count; without any, the call fails', async () => {
  const { agent, clock, fetcher, settle } = await bench();
  agent.answers.getConfInfo = async () => {
    await clock.sleep(100);
    const sections = [{ vmId: 'a', observed: 'unsupported' }];
    return writeDocument({ ...agent.head(), sections, missing: ['b', 'c'] });
  };
  const some = await settle(fetcher.info(['a', 'b', 'c'], { timeoutMs: 150 }));
  expect([...some]).toEqual([['a', { observed: 'unsupported', hash: '' }]]);
  await expect(settle(fetcher.info(['a'], { timeoutMs: 50 }))).rejects.toMatchObject({ code: 'VDT_FETCHER_TIMEOUT' });
});

it('S11: an agent that answers nothing of what is asked is given up', async () => {
  const { agent, fetcher, settle } = await bench();
  agent.answers.getConfInfo = () => writeDocument({ ...agent.head(), sections: [], missing: ['a'] });
  await expect(settle(fetcher.info(['a'], LONG))).rejects.toMatchObject({ code: 'VDT_FETCHER_PARTIAL' });
});

// ---- Description and start -----------------------------------------------------------------------------------

it('what the agent says that it can do counts once it was asked', async () => {
  const { agent, fetcher, settle } = await bench();
  expect(fetcher.capabilities).toMatchObject({ delta: true, push: true, heartBeats: true, start: true });
  agent.answers.hello = () =>
    writeDocument({
      ...agent.head(),
      agent: { name: 'plain', version: '3', protocol: 1 },
      ...{ verbs: ['hello', 'getAllRuntimeStats'], delta: false, hints: true, heartBeatMs: 0, guestAgent: false },
    });
  const description = await settle(fetcher.describe(LONG));
  expect(description).toMatchObject({
    hostname: 'test.example',
    unfit: '',
    capabilities: { hypervisor: 'none', agent: { name: 'plain', version: '3' } },
  });
  expect(fetcher.capabilities).toEqual({
    delta: false,
    push: true,
    heartBeats: false,
    start: false,
    guestAgent: false,
  });
});

it('an agent too far from our version makes its host unfit, with the reason', async () => {
  const { agent, fetcher, settle } = await bench();
  agent.answers.hello = () =>
    writeDocument({
      ...agent.head(),
      agent: { name: 'future', version: '9', protocol: 3 },
      ...{ verbs: [], delta: true, hints: true, heartBeatMs: 3_000, guestAgent: false },
    });
  expect((await settle(fetcher.describe(LONG))).unfit).toMatch(/future 9.* version 3/);
});

it('start is handed to the agent with its intent, and its outcome comes back', async () => {
  const { agent, fetcher, settle } = await bench();
  const asked: unknown[] = [];
  agent.answers.start = ({ payload }) => {
    asked.push(JSON.parse(Buffer.from(payload).toString()));
    return writeDocument({ ...agent.head(), outcome: 'refused', detail: 'no space' });
  };
  expect(await settle(fetcher.start(START, LONG))).toEqual({ outcome: 'refused', detail: 'no space' });
  expect(asked).toEqual([{ vmId: 'a', intentId: 'i-1', notAfter: START.notAfter }]);
});

it('an agent that starts nothing says so', async () => {
  const { agent, fetcher, settle } = await bench();
  agent.answers.start = () => {
    throw new VedetteError('VDT_FETCHER_UNSUPPORTED');
  };
  await expect(settle(fetcher.start(START, LONG))).rejects.toMatchObject({
    code: 'VDT_FETCHER_UNSUPPORTED',
    retryable: false,
  });
});
