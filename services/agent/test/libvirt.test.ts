import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Bus } from '@vedette/bus';
import { createMemoryBroker } from '@vedette/bus/memory';
import { connectNats } from '@vedette/bus/nats';
import type { Hint, HostFetcher, RuntimeStats } from '@vedette/fetcher';
import { agentDriver } from '@vedette/fetcher/agent';
import { hintPattern } from '@vedette/fetcher/agent-protocol';
import { libvirtDriver } from '@vedette/fetcher/libvirt';
import { RealClock, VedetteError } from '@vedette/runtime';
import { loadConfig } from '@vedette/runtime/config';
import { silentLogger } from '@vedette/telemetry';
import { eventually } from '@vedette/testbed';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { natsAvailable, startNats } from '@vedette/testbed/nats';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AgentConfig, agentConfigSchema, createAgents } from '../src/index.ts';

const available = libvirtAvailable();
vi.setConfig({ testTimeout: 90_000, hookTimeout: 120_000 });

const clock = new RealClock();
const LONG = { timeoutMs: 10_000 };
let libvirt: PrivateLibvirt;

beforeAll(async () => {
  if (!available.ok) return;
  libvirt = await startLibvirt();
  await libvirt.startBiosGuest('first');
  await libvirt.startBiosGuest('second');
  await libvirt.virsh('destroy', 'second');
});
afterAll(async () => {
  if (available.ok) await libvirt.stop();
});
beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

/** Polls until the host answers: a daemon that was restarted takes its time. */
function polled(fetcher: HostFetcher, since?: RuntimeStats): Promise<RuntimeStats> {
  return eventually(() => fetcher.runtimeStats(since === undefined ? LONG : { ...LONG, since }), { timeoutMs: 30_000 });
}

function collect(fetcher: HostFetcher, signal: AbortSignal): readonly Hint[] {
  const hints: Hint[] = [];
  const read = async (): Promise<void> => {
    for await (const hint of fetcher.hints({ signal })) hints.push(hint);
  };
  void read();
  return hints;
}

describe('an agent over a real libvirtd', () => {
  it('S9: a libvirtd that is restarted with the same content is the same run: no row is told but of QEMUs that have not answered it yet', async () => {
    await using broker = createMemoryBroker({ clock });
    const agents = createAgents({
      bus: broker.connect({ name: 'agent' }),
      driver: libvirtDriver({ clock }),
      hosts: [{ id: 'kvm-1', url: `libvirt:///system?socket=${libvirt.socketPath}` }],
      clock,
      logger: silentLogger(),
      config: { intervalMs: 1_000 },
    });
    await agents.start({ signal: new AbortController().signal });
    const monitor = agentDriver({ bus: broker.connect({ name: 'monitor' }), clock }).open({
      id: 'k',
      url: 'agent:kvm-1',
    });
    const ended = new AbortController();
    const hints = collect(monitor, ended.signal);
    await eventually(async () => {
      const { rows } = await polled(monitor);
      expect(rows.find(({ name }) => name === 'first')).not.toHaveProperty('unproved');
    });
    const before = await polled(monitor);
    await libvirt.daemon.stop('SIGKILL');
    const failure: unknown = await eventually(async () => {
      const error: unknown = await monitor.runtimeStats(LONG).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(VedetteError);
      return error;
    });
    expect(['VDT_FETCHER_REFUSED', 'VDT_FETCHER_RESET', 'VDT_FETCHER_TIMEOUT']).toContain(
      (failure as VedetteError).code,
    );
    const alives = hints.filter(({ kind }) => kind === 'alive').length;
    await clock.sleep(3_000);
    expect(hints.filter(({ kind }) => kind === 'alive').length, 'no sign of life of a host that is not read').toBe(
      alives,
    );
    await libvirt.daemon.start();
    const after = await polled(monitor, before);
    expect(after).toMatchObject({ hostUuid: before.hostUuid, boot: before.boot, agrees: true, left: [] });
    for (const row of after.rows) {
      expect(row.state, 'what it forgot is known here').toBe('running');
      expect(row.hashes, 'the same documents').toEqual({});
    }
    await libvirt.virsh('suspend', 'first');
    await eventually(() => {
      const told = hints.flatMap((hint) => (hint.kind === 'rows' ? hint.rows : []));
      expect(told.some(({ state }) => state === 'paused')).toBe(true);
    });
    await libvirt.virsh('resume', 'first');
    ended.abort();
    await monitor.close();
    await agents.stop({ deadlineMs: clock.now() + 2_000, signal: new AbortController().signal });
  });

  it('N1: another host behind its socket is told as another', async () => {
    await using broker = createMemoryBroker({ clock });
    await using other = await startLibvirt();
    const agents = createAgents({
      bus: broker.connect({ name: 'agent' }),
      driver: libvirtDriver({ clock }),
      hosts: [{ id: 'kvm-1', url: `libvirt:///system?socket=${other.socketPath}` }],
      clock,
      logger: silentLogger(),
    });
    await agents.start({ signal: new AbortController().signal });
    await using monitor = agentDriver({ bus: broker.connect({ name: 'monitor' }), clock }).open({
      id: 'k',
      url: 'agent:kvm-1',
    });
    const before = await polled(monitor);
    await other.becomeAnotherHost();
    await eventually(async () => {
      const after = await monitor.runtimeStats({ ...LONG, since: before });
      expect(after.hostUuid).not.toBe(before.hostUuid);
      expect(after).toMatchObject({ complete: true });
      expect(after.boot).not.toBe(before.boot);
    });
    await agents.stop({ deadlineMs: clock.now() + 2_000, signal: new AbortController().signal });
  });
});

describe('the agent as a process of a user without rights, over NATS', () => {
  it('reads the read-only socket, tells hints, goes on over a restart of the broker, and ends at SIGTERM', async (ctx) => {
    if (process.getuid?.() !== 0) ctx.skip('needs root, to become another user');
    const nats = await natsAvailable();
    if (!nats.ok) ctx.skip(nats.reason);
    await using server = await startNats();
    // What is private to this test's user is opened for the way to the socket, no further.
    for (const folder of ['', '/run', '/run/libvirt']) await chmod(`${libvirt.baseDir}${folder}`, 0o711);
    await using agent = startAgent(server.url);
    await using bus = await connectNats({ servers: [server.url], clock, name: 'monitor', stream: false });
    await using monitor = agentDriver({ bus, clock }).open({ id: 'k', url: 'agent:kvm-1' });
    const ended = new AbortController();
    const hints = collect(monitor, ended.signal);
    const heard = await heartBeatsOn(bus);
    const listing = await polled(monitor);
    expect(listing.rows.map(({ name, state }) => `${name} ${state}`).toSorted()).toEqual([
      'first running',
      'second stopped',
    ]);
    const description = await monitor.describe(LONG);
    expect(description.capabilities).toMatchObject({ agent: { name: 'vedette-agent', version: 'test' } });
    expect(monitor.capabilities).toMatchObject({ start: false, guestAgent: false, heartBeats: true });
    await libvirt.virsh('suspend', 'first');
    await eventually(() => {
      const told = hints.flatMap((hint) => (hint.kind === 'rows' ? hint.rows : []));
      expect(told.some(({ state }) => state === 'paused')).toBe(true);
    });
    await libvirt.virsh('resume', 'first');
    await server.restart();
    heard.length = 0;
    const after = await polled(monitor, listing);
    expect(after.boot, 'the same run').toBe(listing.boot);
    await eventually(() => expect(heard.length).toBeGreaterThan(0));
    ended.abort();
    expect(await agent.stop()).toBe(0);
  });
});

function configFor(natsUrl: string): AgentConfig {
  const { config } = loadConfig({
    schema: agentConfigSchema,
    env: {},
    flags: {
      host: 'kvm-1',
      'source-url': `libvirt:///system?socket=${libvirt.readOnlySocketPath}&readonly=1`,
      'source-interval': '1s',
      'bus-url': natsUrl,
    },
  });
  return config;
}

/** `nobody`: whoever that is here, it is in no group of libvirt's. */
const nobody = 65_534;

function startAgent(natsUrl: string) {
  const script = fileURLToPath(new URL('unprivileged-agent.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(configFor(natsUrl))], {
    uid: nobody,
    gid: nobody,
    cwd: '/',
    env: {},
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text: Buffer) => {
    log += text.toString();
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    const [code] = await exited;
    return code;
  };
  return {
    stop,
    get log() {
      return log;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null) await stop();
    },
  };
}

async function heartBeatsOn(bus: Bus): Promise<string[]> {
  const heard: string[] = [];
  await bus.subscribe({ patterns: [hintPattern], handler: (subject) => heard.push(subject) });
  return heard;
}
