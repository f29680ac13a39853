import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { RunGroup, type RunPart } from '../src/run-group.ts';
import { type ProcessHooks, runUntilSignal } from '../src/run-until-signal.ts';
import { SimulatedClock } from '../src/simulated-clock.ts';

/** A process that only the test ends. */
class FakeProcess extends EventEmitter implements ProcessHooks {
  readonly exits: number[] = [];

  exit(code: number): void {
    this.exits.push(code);
  }
}

function groupOf(part: Partial<RunPart>): { group: RunGroup; clock: SimulatedClock } {
  const clock = new SimulatedClock();
  const nothing = (): Promise<void> => Promise.resolve();
  const parts = [{ name: 'a', start: nothing, stop: nothing, ...part }];
  return { group: new RunGroup({ clock, parts }), clock };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('runUntilSignal', () => {
  it.each(['SIGINT', 'SIGTERM'])('stops in order at the first %s and leaves no listener behind', async (signal) => {
    const hooks = new FakeProcess();
    const running = runUntilSignal(groupOf({}).group, { hooks });
    await turn();
    hooks.emit(signal);
    await expect(running).resolves.toMatchObject({ state: 'stopped', error: undefined });
    expect(hooks.exits).toEqual([]);
    expect(hooks.eventNames()).toEqual([]);
  });

  it('stops in order when the signal arrives during the start', async () => {
    const hooks = new FakeProcess();
    const start: RunPart['start'] = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const running = runUntilSignal(groupOf({ start }).group, { hooks });
    hooks.emit('SIGTERM');
    await expect(running).resolves.toMatchObject({ state: 'stopped', error: undefined });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('exits at once at a second signal: %s with %i', async (signal, code) => {
    const hooks = new FakeProcess();
    const told: string[] = [];
    const { group, clock } = groupOf({ stop: () => new Promise(() => undefined) });
    const onSignal = (name: string, effect: string): void => void told.push(`${name} ${effect}`);
    const running = runUntilSignal(group, { hooks, onSignal });
    await turn();
    hooks.emit('SIGINT');
    await turn();
    expect(hooks.exits).toEqual([]);
    hooks.emit(signal);
    expect(hooks.exits).toEqual([code]);
    expect(told).toEqual(['SIGINT stop', `${signal} exit`]);
    await clock.advance(20_000);
    await running;
  });

  it('ends with the error of a part that fails, without any signal', async () => {
    const hooks = new FakeProcess();
    const broken = new Error('port taken');
    const running = runUntilSignal(groupOf({ start: () => Promise.reject(broken) }).group, { hooks });
    await expect(running).resolves.toMatchObject({ state: 'failed', error: broken, part: 'a' });
    expect(hooks.eventNames()).toEqual([]);
  });

  it('lets a real process stop in order at SIGTERM, run by plain node', async () => {
    const child = spawn(process.execPath, [new URL('programs/runner.ts', import.meta.url).pathname], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output === 'started\n') child.kill('SIGTERM');
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(output).toBe('started\nstopped\nended: stopped\n');
    expect(code).toBe(0);
  });
});
