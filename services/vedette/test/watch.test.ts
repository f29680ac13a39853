import { eventually } from '@vedette/testbed';
import { describe, expect, test } from 'vitest';
import { Answering, CommandWorld, type Started } from './world.ts';

async function scene() {
  const world = await CommandWorld.make();
  const process = await Answering.in(world);
  const kvm1 = await process.host('kvm1');
  const kvm2 = await process.host('kvm2', { name: 'second', realm: 'r2' });
  await process.relay();
  const stop = async (): Promise<void> => {
    await process[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  };
  return { world, process, kvm1, kvm2, of: ['--store', process.storePath], [Symbol.asyncDispose]: stop };
}

/** Starts a watch and waits until it hears. */
async function watching({ world, process }: Awaited<ReturnType<typeof scene>>, args: string[]): Promise<Started> {
  const before = process.streams;
  const started = world.start(['watch', ...args]);
  await eventually(() => expect(process.streams).toBe(before + 1));
  return started;
}

const lines = (started: Started): string[] => started.out().split('\n').filter(Boolean);

async function linesOf(started: Started, count: number): Promise<string[]> {
  await eventually(() => expect(lines(started)).toHaveLength(count));
  return lines(started);
}

async function ended(started: Started): Promise<void> {
  started.interrupt();
  expect((await started.done).code).toBe(0);
}

describe('watch', () => {
  test('one line an event, until Ctrl-C, which is an end and no error', async () => {
    await using given = await scene();
    const { process, kvm1, kvm2, of } = given;
    const started = await watching(given, of);
    await process.apply(kvm1.state('3f2a9c4e-0001', 'running'), kvm1.config('3f2a9c4e-0001', 'web-1', '1'));
    await process.apply(kvm1.state('3f2a9c4e-0001', 'stopped', { reason: 'shut down' }));
    await process.apply(kvm2.hostState('non_responsive', { reason: 'timeout' }));
    await process.relay();
    const told = await linesOf(started, 4);
    expect(`\n${told.join('\n')}\n`).toBe(`
12:00:00.000  discovered   3f2a9c4e            running, on kvm1
12:00:00.000  config       web-1               on kvm1, name was unknown
12:00:00.000  stopped      web-1               running → stopped, on kvm1, shut down
12:00:00.000  host         second              up → non_responsive, timeout, 0 VMs
`);
    await ended(started);
  });

  test('filters by VM, host (by name too), realm and kind of event', async () => {
    await using given = await scene();
    const { process, kvm1, kvm2, of } = given;
    await process.apply(kvm1.state('3f2a9c4e-0001', 'running'), kvm1.config('3f2a9c4e-0001', 'web-1', '1'));
    await process.relay();
    const all = [
      await watching(given, ['--vm', 'web-1', ...of]),
      await watching(given, ['--host', 'second', ...of]),
      await watching(given, ['--realm', 'r2', ...of]),
      await watching(given, ['--event', 'HostChanged', ...of]),
    ];
    await process.apply(kvm1.state('3f2a9c4e-0001', 'stopped'), kvm2.state('other', 'running'));
    await process.apply(kvm2.hostState('non_operational'));
    await process.relay();
    const [byVM, byHost, byRealm, byEvent] = all as [Started, Started, Started, Started];
    await linesOf(byVM, 1);
    await linesOf(byHost, 2);
    await linesOf(byRealm, 2);
    await linesOf(byEvent, 1);
    for (const started of all) await ended(started);
  });

  test('--json is the event itself, one a line; --observers adds what observers saw', async () => {
    await using given = await scene();
    const { process, kvm1, of } = given;
    const started = await watching(given, ['--json', '--observers', ...of]);
    const seen = kvm1.state('a', 'running');
    await process.publish(seen);
    await process.apply(seen);
    await process.relay();
    const told = (await linesOf(started, 2)).map((line) => JSON.parse(line));
    const types = told.map(({ type }) => type);
    expect(new Set(types)).toEqual(new Set(['vedette.VMChanged.v1', 'vedette.VMStateChanged.v1']));
    await ended(started);
  });

  test('--since begins after a position that status tells', async () => {
    await using given = await scene();
    const { world, process, kvm1, of } = given;
    const { out } = await world.run(['status', '--json', ...of]);
    const { position } = JSON.parse(out);
    await process.apply(kvm1.state('a', 'running'));
    await process.relay();
    const started = await watching(given, ['--since', position, ...of]);
    await linesOf(started, 1);
    await ended(started);
  });

  test('a position that is none, or of another store, ends it with a clear error', async () => {
    await using given = await scene();
    const none = await given.world.run(['watch', '--since', 'yesterday', ...given.of]);
    expect(none.code).toBe(2);
    expect(none.err).toContain('It has to be a stream position');
    const other = await given.world.run(['watch', '--since', 'another-store-5', ...given.of]);
    expect(other.code).toBe(1);
    expect(other.err).toContain('position of another store');
  });

  test('when the process goes away it waits, says so once, and goes on where it was', async () => {
    await using given = await scene();
    const { world, process, kvm1, of } = given;
    const started = await watching(given, of);
    await process.apply(kvm1.state('a', 'running'));
    await process.relay();
    await linesOf(started, 1);
    await process.goAway();
    await eventually(() => expect(started.err()).toBe('the process is stopping; waiting for it\n'));
    await process.apply(kvm1.state('b', 'running'));
    await process.relay();
    await process.serve();
    await eventually(async () => {
      await world.clock.advance(1_000);
      expect(lines(started)).toHaveLength(2);
    });
    expect(lines(started).map((line) => line.split(/\s+/)[2])).toEqual(['a', 'b']);
    expect(started.err()).toContain('connected again');
    await ended(started);
  });

  test('a VM or host that is not there ends it at once', async () => {
    await using given = await scene();
    expect((await given.world.run(['watch', '--vm', 'nobody', ...given.of])).code).toBe(3);
    expect((await given.world.run(['watch', '--host', 'nobody', ...given.of])).code).toBe(3);
  });
});
