import { eventually } from '@vedette/testbed';
import { natsAvailable, startNats } from '@vedette/testbed/nats';
import { beforeEach, expect, it } from 'vitest';
import { chainFaults, repetitions } from './history.ts';
import { NatsSpine } from './spine.ts';

const available = await natsAvailable();
const patient = { timeoutMs: 30_000 };

beforeEach((ctx) => {
  if (!available.ok) ctx.skip(available.reason);
});

it('N8: the monitor loses its bus and its hosts: MonitorBlind, no host and no VM is told of, and no storm follows', async () => {
  await using server = await startNats();
  await using spine = await NatsSpine.begin([server], { hosts: 12, vmsPerHost: 5 });
  const { mark } = spine;
  const fault = { kind: 'refuse' } as const;
  const hosts = spine.fleet.hostIds();
  for (const host of hosts) spine.script({ kind: 'fault', atMs: spine.fleetMs, host, fault });
  await spine.cutMonitor();
  await eventually(() => expect(spine.monitor.blind?.why).toContain('bus_disconnected'), patient);
  await spine.clock.sleep(4_000); // four times the grace of a host, and short of what calls a monitor lost
  expect(spine.monitor.counters.pollFailures).toBeGreaterThan(3 * hosts.length);
  for (const host of hosts) spine.script({ kind: 'recover', atMs: spine.fleetMs, host });
  await spine.healMonitor();
  const pollsBefore = spine.monitor.counters.polls;
  const healedMs = spine.clock.now();
  await eventually(() => expect(spine.told('MonitorBlind', mark).at(-1)?.data.until).toBeDefined(), patient);
  await spine.agree();
  const { polls } = spine.monitor.counters;
  const intervals = (spine.clock.now() - healedMs) / 500;
  expect(polls - pollsBefore).toBeLessThan(hosts.length * (intervals + 3));
  expect(new Set(spine.since(mark).map(({ type }) => type))).toEqual(new Set(['vedette.MonitorBlind.v1']));
  expect(spine.told('MonitorBlind', mark).map(({ data }) => [data.member, data.hosts])).toContainEqual(['m1', 12]);
}, 120_000);

it('N8: what changed while the monitor had no bus is told when it has one again, and nothing else', async () => {
  await using server = await startNats();
  await using spine = await NatsSpine.begin([server], { hosts: 3, vmsPerHost: 5 });
  const { mark } = spine;
  await spine.cutMonitor();
  spine.setState(1, spine.vm(1, 2), 'paused');
  spine.setState(2, spine.vm(2, 4), 'stopped');
  await spine.clock.sleep(3_000);
  await spine.healMonitor();
  await spine.agree();
  const told = spine.told('VMStateChanged', mark).map(({ data }) => `${data.vm} ${data.from}>${data.to}`);
  expect(told.sort()).toEqual([`${spine.vm(1, 2)} running>paused`, `${spine.vm(2, 4)} running>stopped`].sort());
  expect(spine.told('HostStateChanged', mark)).toEqual([]);
}, 120_000);

it('F12: a publish in doubt because it never arrived, then the VM changes again: both arrive, in order, once', async () => {
  await using server = await startNats();
  await using spine = await NatsSpine.begin([server], { hosts: 2, vmsPerHost: 3 });
  const [vm, { mark }] = [spine.vm(0, 0), spine];
  const { publishFailures } = spine.monitor.counters;
  await spine.stallMonitor();
  spine.setState(0, vm, 'paused');
  await eventually(() => expect(spine.monitor.counters.publishFailures).toBeGreaterThan(publishFailures), patient);
  spine.setState(0, vm, 'stopped');
  await spine.clock.sleep(1_000);
  expect(spine.since(mark)).toEqual([]);
  await spine.cutMonitor(); // what was held on the way is lost with the connection
  await spine.healMonitor();
  await spine.agree();
  expect(spine.transitions(vm, mark)).toEqual(['running>paused', 'paused>stopped']);
  expect(repetitions(spine.kept)).toEqual([]);
}, 120_000);

it('F12: a publish in doubt although it arrived, then the VM changes again: both arrive, in order, once', async () => {
  const config = { publishTimeoutMs: 300 };
  await using server = await startNats();
  await using spine = await NatsSpine.begin([server], { hosts: 2, vmsPerHost: 3, config });
  const [vm, { mark }] = [spine.vm(0, 0), spine];
  const { publishFailures } = spine.monitor.counters;
  spine.delayMonitor(600); // the stream has it long before the monitor knows
  spine.setState(0, vm, 'paused');
  await eventually(() => expect(spine.monitor.counters.publishFailures).toBeGreaterThan(publishFailures), patient);
  spine.setState(0, vm, 'stopped');
  await eventually(() => expect(spine.transitions(vm, mark)).toEqual(['running>paused']), patient);
  spine.delayMonitor(0);
  await spine.agree();
  expect(spine.transitions(vm, mark)).toEqual(['running>paused', 'paused>stopped']);
  expect(chainFaults(spine)).toEqual([]);
  expect(repetitions(spine.kept)).toEqual([]);
}, 120_000);
