import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import { Accounting } from '../src/harness/accounting.ts';
import { cpuMsOf, machineBusyMs, memoryOf, openFilesLimitOf } from '../src/harness/processes.ts';
import { judge } from '../src/harness/saturation.ts';
import { SocketMeter } from '../src/harness/sockets.ts';

describe('what processes cost', () => {
  it('is told apart by process, as shares of the whole machine, with what others took', async () => {
    const clock = new SimulatedClock();
    const usedMs = new Map([
      [process.pid, 1_000],
      [process.ppid, 5_000],
    ]);
    let busyMs = 90_000;
    const pids = new Map([
      ['monitor', process.pid],
      ['broker', process.ppid],
    ]);
    const accounting = new Accounting(clock, pids, {
      cpuMsOf: (pid) => usedMs.get(pid) ?? Number.NaN,
      machineBusyMs: () => busyMs,
      cores: 2,
    });
    accounting.begin();
    await clock.advance(10_000);
    usedMs.set(process.pid, 3_000).set(process.ppid, 6_000);
    busyMs += 8_000;
    const cost = accounting.end();
    expect(cost.seconds).toBe(10);
    expect(cost.processes.map(({ name, cpuMs, share }) => [name, cpuMs, share])).toEqual([
      ['monitor', 2_000, 0.1],
      ['broker', 1_000, 0.05],
    ]);
    expect(cost.share).toBeCloseTo(0.15);
    expect(cost.foreignShare).toBeCloseTo(0.25);
  });

  it('is read of a real process: processor time that it used, memory that it has', async () => {
    const spent = process.cpuUsage();
    const before = cpuMsOf(process.pid);
    while (process.cpuUsage(spent).user < 100_000) Math.sqrt(Math.random());
    const { user, system } = process.cpuUsage(spent);
    const readMs = cpuMsOf(process.pid) - before;
    // The scheduler's own figures are brought up to date at its ticks.
    expect(readMs).toBeGreaterThan((user + system) / 1_000 - 50);
    expect(readMs).toBeLessThan((user + system) / 1_000 + 200);
    const { rssMiB, peakRssMiB } = memoryOf(process.pid);
    expect(rssMiB).toBeGreaterThan(10);
    expect(peakRssMiB).toBeGreaterThanOrEqual(rssMiB * 0.9);
    expect(openFilesLimitOf(process.pid)).toBeGreaterThan(100);
    expect(machineBusyMs()).toBeGreaterThan(0);
  });

  it('cannot be read of a process that has ended, and says so', async () => {
    const child = fork(import.meta.filename, { execArgv: ['--version'], stdio: 'ignore' });
    const { pid = 0 } = child;
    await once(child, 'exit');
    expect(() => cpuMsOf(pid)).toThrow(VedetteError);
    expect(() => memoryOf(pid)).toThrow(`process ${pid} has ended`);
  });
});

describe('bytes at the sockets', () => {
  it('are those of the client sockets opened since, both ways, closed ones too, ignored ones not', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.end('answer'))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { readonly port: number };
    const exchange = async (): Promise<void> => {
      const socket = connect(port, '127.0.0.1');
      socket.write('question!');
      socket.resume();
      await once(socket, 'close');
    };
    using meter = new SocketMeter();
    await exchange();
    await meter.ignoring(exchange);
    await exchange();
    expect(meter.bytes).toEqual({ sent: 2 * 'question!'.length, received: 2 * 'answer'.length });
    expect(meter.sockets).toBe(0);
    server.close();
  });
});

describe('the verdict on the generator itself', () => {
  it('is: saturated, when its event loop stands still, or when an open loop has no processor left', () => {
    const calm = { loopDelayP99Ms: 2, cpuShareOfOneCore: 0.4, loop: 'open' } as const;
    expect(judge(calm)).toEqual({ saturated: false, reason: '' });
    expect(judge({ ...calm, loopDelayP99Ms: 35 })).toMatchObject({
      saturated: true,
      reason: expect.stringContaining('35.0 ms'),
    });
    expect(judge({ ...calm, cpuShareOfOneCore: 0.99 })).toMatchObject({
      saturated: true,
      reason: expect.stringContaining('99 %'),
    });
    expect(judge({ ...calm, cpuShareOfOneCore: 0.99, loop: 'closed' })).toMatchObject({ saturated: false });
  });
});
