import {
  type AgentVerb,
  agentSubject,
  agentVerbs,
  protocolVersion,
  readQuestion,
} from '@vedette/fetcher/agent-protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRuntimeQuestion } from '../src/runtime-question.ts';
import { Scene } from './scene.ts';

const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

async function asked(scene: Scene, verb: string, payload: Uint8Array): Promise<unknown> {
  const bus = scene.broker.connect({ name: 'asker' });
  const subject = agentSubject('a', verb as AgentVerb);
  const reply = await scene.settle(bus.call(subject, payload, { timeoutMs: 10_000 }));
  return JSON.parse(Buffer.from(reply).toString());
}

function codeOf(scene: Scene, verb: string, payload: Uint8Array): Promise<unknown> {
  return asked(scene, verb, payload).then(
    () => undefined,
    (error: unknown) => (error as { remoteCode?: string }).remoteCode,
  );
}

function outcomeOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

describe('monitors one version older and newer', () => {
  it('are understood: members and verbs that this agent does not know spoil nothing', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' });
    await scene.serve({ version: '1.2.3' });
    const hello = await asked(scene, 'hello', text({ protocol: protocolVersion + 1, wishes: ['compression'] }));
    expect(hello).toMatchObject({
      agent: { name: 'vedette-agent', version: '1.2.3', protocol: protocolVersion },
      verbs: agentVerbs,
      heartBeatMs: 3_000,
    });
    const listing = await asked(scene, 'getAllRuntimeStats', text({ columns: ['vmId'], page: undefined }));
    expect(listing).toMatchObject({ complete: true, protocol: protocolVersion });
    expect(await codeOf(scene, 'getTheWeather', text({}))).toBe('VDT_FETCHER_UNSUPPORTED');
  });

  it('a host that is not served here is told as that', async () => {
    await using scene = new Scene();
    await scene.serve({ subscriptions: 'all' });
    await using monitor = scene.monitor('somewhere-else');
    const failure = await scene.failure(monitor.runtimeStats({ timeoutMs: 1_000 }));
    expect(failure).toMatchObject({ message: expect.stringContaining('does not serve that host') });
  });
});

describe('D1: what is asked', () => {
  it('is refused whole where it is malformed, with a code, and the agent goes on', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' });
    await scene.serve();
    const bad: ReadonlyArray<readonly [AgentVerb, Uint8Array]> = [
      ['getAllRuntimeStats', Buffer.from('')],
      ['getAllRuntimeStats', Buffer.from('[]')],
      ['getAllRuntimeStats', text({ since: { boot: 'x', rev: -1 } })],
      ['getAllRuntimeStats', text({ since: { rev: 1 } })],
      ['getConfig', text({})],
      ['getConfig', text({ vmIds: 'vm-1' })],
      ['getConfig', Buffer.from('{"__proto__": {"vmIds": []}, "vmIds": []}')],
      ['getGuestDetails', text({ vmIds: Array.from({ length: 5_000 }, (_, vm) => `vm-${vm}`) })],
      ['start', text({ vmId: 'vm-1', intentId: '', notAfter: 'never' })],
    ];
    for (const [verb, payload] of bad) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const code = await codeOf(scene, verb, payload);
      expect(code, `${verb} ${Buffer.from(payload).toString().slice(0, 60)}`).toBe('VDT_FETCHER_MALFORMED');
    }
    await asked(scene, 'getAllRuntimeStats', text({}));
  });

  it('may be anything at all', async () => {
    await using scene = new Scene();
    await scene.serve();
    await scene.clock.advance(1);
    const bus = scene.broker.connect({ name: 'asker' });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...agentVerbs),
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((json) => Buffer.from(json)),
        ),
        async (verb, payload) => {
          const failure = await scene.failure(bus.call(agentSubject('a', verb), payload, { timeoutMs: 1_000 }));
          if (failure !== undefined)
            expect(failure).toMatchObject({ code: 'VDT_BUS_REMOTE', remoteCode: expect.any(String) });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('a poll is read by the short way as by the long one', () => {
    const since = fc.record({
      boot: fc.oneof(fc.constantFrom('b', 'run-1.a_b', 'ö', '"', 'x'.repeat(130)), fc.string()),
      rev: fc.oneof(fc.nat(), fc.constantFrom(2 ** 53 - 1, 2 ** 53, -1, 1.5, 1e21)),
    });
    fc.assert(
      fc.property(fc.oneof(fc.record({ since }), fc.record({ page: fc.string() }), fc.constant({})), (question) => {
        const payload = text(question);
        expect(outcomeOf(() => readRuntimeQuestion(payload))).toEqual(
          outcomeOf(() => readQuestion('getAllRuntimeStats', payload)),
        );
      }),
    );
  });

  it('a since from nowhere, or from the future, is answered with everything', async () => {
    await using scene = new Scene();
    scene.host.vms.set('vm-1', { state: 'running' });
    await scene.serve();
    const { boot, rev } = (await asked(scene, 'getAllRuntimeStats', text({}))) as { boot: string; rev: number };
    for (const since of [
      { boot: 'another', rev },
      { boot, rev: rev + 1_000 },
      { boot, rev: 0 },
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await asked(scene, 'getAllRuntimeStats', text({ since }))).toMatchObject({ complete: true });
    }
    const delta = await asked(scene, 'getAllRuntimeStats', text({ since: { boot, rev } }));
    expect(delta).toMatchObject({ complete: false, rows: [], left: [] });
  });
});
