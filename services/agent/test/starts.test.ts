import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StartOutcome } from '@vedette/fetcher';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { intentFile } from '../src/index.ts';
import { Intents } from '../src/intents/intents.ts';
import { Scene } from './scene.ts';

const request = { vm: 'vm-1', intentId: 'intent-1', notAfter: '2026-01-01T00:01:00Z' };
const nowMs = Date.UTC(2026, 0, 1);
const started: StartOutcome = { outcome: 'started', detail: '' };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vedette-agent-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function path(): string {
  return join(folder, 'starts.json');
}

async function intents(limit = 100): Promise<Intents> {
  const made = new Intents(intentFile(path()), limit);
  await made.load();
  return made;
}

describe('a start', () => {
  it('is answered again for the same intent and not repeated, also by an agent that was restarted meanwhile', async () => {
    let carriedOut = 0;
    const carryOut = () => {
      carriedOut++;
      return Promise.resolve(started);
    };
    for (let runs = 0; runs < 3; runs++) {
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      const run = await intents();
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect(await run.answer('host', request, nowMs, carryOut)).toEqual(started);
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect(await run.answer('host', request, nowMs, carryOut)).toEqual(started);
    }
    expect(carriedOut).toBe(1);
    expect(await readdir(folder), 'nothing is left beside the file').toEqual(['starts.json']);
  });

  it('is carried out once for many who ask at the same time, and is another one for another host', async () => {
    const run = await intents();
    const held = Promise.withResolvers<StartOutcome>();
    let carriedOut = 0;
    const carryOut = () => {
      carriedOut++;
      return held.promise;
    };
    const asked = [1, 2, 3].map(() => run.answer('host', request, nowMs, carryOut));
    const elsewhere = run.answer('another host', request, nowMs, carryOut);
    held.resolve(started);
    expect(await Promise.all([...asked, elsewhere])).toEqual([started, started, started, started]);
    expect(carriedOut).toBe(2);
  });

  it('that was begun when the agent died is never begun again, and says to look', async () => {
    const run = await intents();
    const never = new Promise<StartOutcome>(() => undefined);
    void run.answer('host', request, nowMs, () => never);
    await expect.poll(() => readFile(path(), 'utf8').catch(() => '')).toContain('intent-1');
    const next = await intents();
    const outcome = await next.answer('host', request, nowMs, () => Promise.reject(new Error('began again')));
    expect(outcome).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('look') });
  });

  it('is not begun after its time, nor with a time that is none', async () => {
    const run = await intents();
    const carryOut = () => Promise.reject(new Error('was begun'));
    for (const notAfter of ['2025-12-31T23:59:59Z', 'tomorrow']) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await run.answer('host', { ...request, notAfter }, nowMs, carryOut)).toMatchObject({ outcome: 'expired' });
    }
  });

  it('that the source rejected is forgotten: who asks again has it tried again', async () => {
    const run = await intents();
    await expect(run.answer('host', request, nowMs, () => Promise.reject(new Error('broken off')))).rejects.toThrow(
      'broken off',
    );
    expect(await run.answer('host', request, nowMs, () => Promise.resolve(started))).toEqual(started);
  });

  it('of one intent for another VM is refused', async () => {
    const run = await intents();
    await run.answer('host', request, nowMs, () => Promise.resolve(started));
    const other = await run.answer('host', { ...request, vm: 'vm-2' }, nowMs, () => Promise.resolve(started));
    expect(other).toMatchObject({ outcome: 'refused' });
  });

  it('that cannot be written down is not begun', async () => {
    const run = new Intents(intentFile(join(folder, 'missing', 'starts.json')), 100);
    await run.load();
    let begun = false;
    const answered = run.answer('host', request, nowMs, () => {
      begun = true;
      return Promise.resolve(started);
    });
    await expect(answered).rejects.toMatchObject({ code: 'VDT_AGENT_STATE_FILE' });
    expect(begun).toBe(false);
  });
});

describe('what is remembered of starts', () => {
  it('is bounded: those past their time make room, and where there is none a new start is refused', async () => {
    const run = await intents(2);
    const carryOut = () => Promise.resolve(started);
    const early = { ...request, notAfter: '2026-01-01T00:00:10Z' };
    await run.answer('host', { ...early, intentId: 'a' }, nowMs, carryOut);
    await run.answer('host', { ...request, intentId: 'b' }, nowMs, carryOut);
    const third = { ...request, intentId: 'c' };
    await expect(run.answer('host', third, nowMs, carryOut)).rejects.toMatchObject({
      code: 'VDT_AGENT_STARTS_FULL',
      retryable: true,
    });
    expect(await run.answer('host', third, nowMs + 11_000, carryOut)).toEqual(started);
    expect(await run.answer('host', { ...early, intentId: 'a' }, nowMs + 11_000, carryOut)).toMatchObject({
      outcome: 'expired',
    });
  });

  it('D1: is never overwritten where the file is not ours', async () => {
    await writeFile(path(), '{"version": 1, "intents": [{"host": 7}]}');
    await expect(intents()).rejects.toMatchObject({
      code: 'VDT_AGENT_STATE_FILE',
      message: expect.stringContaining('starts.json'),
    });
    await writeFile(path(), 'no JSON at all');
    await expect(intents()).rejects.toMatchObject({ code: 'VDT_AGENT_STATE_FILE' });
    expect(await readFile(path(), 'utf8')).toBe('no JSON at all');
  });
});

describe('start over the bus', () => {
  it('goes on when who asked gives up, and is answered when he asks again', async () => {
    await using scene = new Scene();
    await scene.serve();
    await using monitor = scene.monitor();
    await scene.poll(monitor);
    const held = Promise.withResolvers<StartOutcome>();
    scene.host.onStart = () => held.promise;
    const asked = { ...request, notAfter: '2027-01-01T00:00:00Z' };
    expect(await scene.failure(monitor.start(asked, { timeoutMs: 1_000 }))).toMatchObject({
      code: 'VDT_FETCHER_TIMEOUT',
    });
    held.resolve(started);
    expect(await scene.settle(monitor.start(asked, { timeoutMs: 1_000 }))).toEqual(started);
    expect(scene.host.calls.start).toBe(1);
  });

  it('is not offered, and refused, where the source cannot', async () => {
    await using scene = new Scene();
    scene.host.capabilities = { ...scene.host.capabilities, start: false };
    await scene.serve();
    await using monitor = scene.monitor();
    await scene.settle(monitor.describe({ timeoutMs: 1_000 }));
    expect(monitor.capabilities.start).toBe(false);
    const failure = await scene.failure(monitor.start(request, { timeoutMs: 1_000 }));
    expect(failure).toMatchObject({ code: 'VDT_FETCHER_UNSUPPORTED' });
  });
});
