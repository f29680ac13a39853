import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryBroker } from '@vedette/bus/memory';
import { connectNats } from '@vedette/bus/nats';
import { agentDriver } from '@vedette/fetcher/agent';
import { hintPattern, hintSubject } from '@vedette/fetcher/agent-protocol';
import { RealClock, VedetteError } from '@vedette/runtime';
import { loadConfig } from '@vedette/runtime/config';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { Metrics, silentLogger } from '@vedette/telemetry';
import { eventually } from '@vedette/testbed';
import { natsAvailable, startNats } from '@vedette/testbed/nats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AgentConfig, agentConfigSchema, createAgentProcess, publishedAgentConfigSchema } from '../src/index.ts';
import { settleOn } from './bench.ts';
import { FakeHost, fakeDriver } from './fake-host.ts';

const LONG = { timeoutMs: 10_000 };

function configOf(flags: Readonly<Record<string, string | readonly string[]>>): AgentConfig {
  const shared = { host: 'kvm-1', 'source-url': 'fake:a' };
  return loadConfig({ schema: agentConfigSchema, env: {}, flags: { ...shared, ...flags } as Record<string, string> })
    .config;
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vedette-agent-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the process of an agent', () => {
  it('waits for a bus that is not there yet, serves once it is, and stops in order', async () => {
    const clock = new SimulatedClock();
    const broker = createMemoryBroker({ clock });
    const host = new FakeHost(clock);
    host.vms.set('vm-1', { state: 'running' });
    let tries = 0;
    const metrics = new Metrics();
    const group = createAgentProcess(configOf({}), {
      ...{ clock, logger: silentLogger(), env: { STATE_DIRECTORY: folder }, metrics },
      driver: fakeDriver({ a: host }),
      connect: () => {
        if (++tries < 4) return Promise.reject(new VedetteError('VDT_BUS_DISCONNECTED'));
        return Promise.resolve(broker.connect({ name: 'agent' }));
      },
    });
    await settleOn(clock, group.start());
    expect(tries).toBe(4);
    const monitor = agentDriver({ bus: broker.connect({ name: 'monitor' }), clock }).open({
      id: 'k',
      url: 'agent:kvm-1',
    });
    expect((await settleOn(clock, monitor.runtimeStats(LONG))).rows).toHaveLength(1);
    expect(await metrics.render()).toMatch(/vedette_agent_vms 1\b/);
    expect(await settleOn(clock, group.stop())).toMatchObject({ state: 'stopped', notStopped: [] });
    await expect(settleOn(clock, monitor.runtimeStats(LONG))).rejects.toMatchObject({ code: 'VDT_FETCHER_REFUSED' });
    expect(clock.pendingTimers).toBe(0);
    await broker.close();
  });

  it('ends where trying again cannot help: wrong credentials, a source that cannot be used, a state file that is not ours', async () => {
    const clock = new SimulatedClock();
    const broker = createMemoryBroker({ clock });
    const shared = { clock, logger: silentLogger(), env: {}, driver: fakeDriver({ a: new FakeHost(clock) }) };
    const connect = () => Promise.resolve(broker.connect({ name: 'agent' }));
    const refused = () => Promise.reject(new VedetteError('VDT_BUS_REFUSED'));
    await writeFile(join(folder, 'starts.json'), 'something else');
    const ended = [
      createAgentProcess(configOf({}), { ...shared, connect: refused }),
      createAgentProcess(configOf({ 'source-url': 'fake:none' }), { ...shared, connect }),
      createAgentProcess(configOf({ 'state-path': join(folder, 'starts.json') }), { ...shared, connect }),
    ];
    const codes = ['VDT_BUS_REFUSED', 'VDT_FETCHER_URL', 'VDT_AGENT_STATE_FILE'];
    for (const [at, group] of ended.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect(settleOn(clock, group.start())).rejects.toMatchObject({ code: codes[at] });
    }
    await broker.close();
  });

  it('offers no starts where they could not be remembered', async () => {
    const clock = new SimulatedClock();
    const broker = createMemoryBroker({ clock });
    const offered: boolean[] = [];
    for (const env of [{}, { STATE_DIRECTORY: folder }]) {
      const group = createAgentProcess(configOf({}), {
        ...{ clock, logger: silentLogger(), env, driver: fakeDriver({ a: new FakeHost(clock) }) },
        connect: () => Promise.resolve(broker.connect({ name: 'agent' })),
      });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await settleOn(clock, group.start());
      const monitor = agentDriver({ bus: broker.connect({ name: 'm' }), clock }).open({ id: 'k', url: 'agent:kvm-1' });
      // oxlint-disable-next-line no-await-in-loop -- as above
      await settleOn(clock, monitor.describe(LONG));
      offered.push(monitor.capabilities.start);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await settleOn(clock, group.stop());
    }
    expect(offered).toEqual([false, true]);
    await broker.close();
  });

  it('has a configuration that needs nothing, and a published schema', () => {
    const { config } = loadConfig({ schema: agentConfigSchema, env: {} });
    expect(config).toMatchObject({
      source: { url: 'libvirt:///system?readonly=1', intervalMs: 3_000 },
      bus: { url: 'nats://127.0.0.1:4222' },
      limits: { replySizeBytes: 262_144 },
    });
    expect(publishedAgentConfigSchema()).toMatchObject({ title: 'Configuration of the Vedette agent' });
  });
});

describe('the process of an agent, on NATS', () => {
  it('needs no more rights there than its own subjects, and has no more with them', async (ctx) => {
    const available = await natsAvailable();
    if (!available.ok) ctx.skip(available.reason);
    const permissions = {
      publish: { allow: ['vedette.v1.hint.kvm-1', '_INBOX.>'] },
      subscribe: { allow: ['vedette.v1.agent.kvm-1.*', '_VDT.all.vedette.v1.agent.kvm-1.*', '_INBOX.agent.>'] },
    };
    await using server = await startNats({
      users: [
        { user: 'agent', password: 'a', permissions },
        { user: 'monitor', password: 'm' },
      ],
    });
    const clock = new RealClock();
    const host = new FakeHost(clock);
    host.vms.set('vm-1', { state: 'running' });
    const config = configOf({
      'bus-url': server.url,
      'bus-user': 'agent',
      'bus-password': 'a',
      'source-interval': '500ms',
    });
    const agent = createAgentProcess(config, {
      ...{ clock, logger: silentLogger(), env: {}, driver: fakeDriver({ a: host }) },
    });
    await agent.start();
    const auth = { user: 'monitor', password: 'm' };
    await using bus = await connectNats({ servers: [server.url], clock, name: 'monitor', stream: false, auth });
    const heard: string[] = [];
    await bus.subscribe({ patterns: [hintPattern], handler: (subject) => heard.push(subject) });
    await using monitor = agentDriver({ bus, clock }).open({ id: 'k', url: 'agent:kvm-1' });
    expect((await monitor.runtimeStats(LONG)).rows).toHaveLength(1);
    await eventually(() => expect(heard).toContain(hintSubject('kvm-1')), { timeoutMs: 15_000 });
    // D3: the same credentials speak for no other host.
    const spoofAuth = { user: 'agent', password: 'a' };
    await using spoof = await connectNats({
      ...{ servers: [server.url], clock, name: 'spoof', stream: false, auth: spoofAuth, inboxPrefix: '_INBOX.agent' },
    });
    spoof.send(hintSubject('kvm-2'), Buffer.from('{}'));
    await clock.sleep(300);
    expect(heard).not.toContain(hintSubject('kvm-2'));
    expect(await agent.stop()).toMatchObject({ state: 'stopped' });
  });
});
