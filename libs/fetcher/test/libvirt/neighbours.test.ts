import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RealClock } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { eventually } from '@vedette/testbed';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NeighbourReader, parseIpNeigh, parseProcArp } from '../../src/drivers/libvirt/neighbours.ts';

const mac = '52:54:00:aa:bb:cc';

/** What a real host said. */
const recorded = JSON.parse(await readFile(new URL('./fixtures/libvirt-9.0.0.json', import.meta.url), 'utf8')) as {
  readonly neighbours: unknown;
  readonly arp: string;
};

describe('the output of ip', () => {
  it('of a real host', () => {
    expect(parseIpNeigh(JSON.stringify(recorded.neighbours))).toEqual({
      entries: [
        { address: '192.168.122.8', mac: '52:54:00:2a:2a:d4', device: 'virbr0', worth: 'stale', confirmedS: 60 },
      ],
      ipv6: true,
    });
  });

  it.each([
    ['REACHABLE', 'confirmed'],
    ['PERMANENT', 'confirmed'],
    ['STALE', 'stale'],
    ['DELAY', 'stale'],
    ['PROBE', 'stale'],
  ])('an entry that is %s is %s', (state, worth) => {
    const row = { dst: '10.0.0.2', dev: 'br0', lladdr: mac.toUpperCase(), confirmed: 5, state: [state] };
    const entries = [{ address: '10.0.0.2', mac, device: 'br0', worth, confirmedS: 5 }];
    expect(parseIpNeigh(JSON.stringify([row]))?.entries).toEqual(entries);
  });

  it('trap: a failed entry has no MAC, and says just that', () => {
    const row = { dst: 'FD00:0::1', dev: 'eth0', state: ['FAILED'] };
    const entries = [{ address: 'fd00::1', mac: '', device: 'eth0', worth: 'failed', confirmedS: undefined }];
    expect(parseIpNeigh(JSON.stringify([row]))?.entries).toEqual(entries);
  });

  it.each([
    { dst: '10.0.0.2', dev: 'br0', state: ['INCOMPLETE'] },
    { dst: '10.0.0.2', dev: 'br0', lladdr: mac, state: ['NOARP'] },
    { dst: '10.0.0.2', dev: 'br0', lladdr: mac, state: [] },
    { dst: '10.0.0.2', dev: 'br0', lladdr: mac },
    { dst: '10.0.0.2', dev: 'br0', lladdr: '00:00:00:00:00:00', state: ['REACHABLE'] },
    { dst: '10.0.0.2', dev: 'br0', lladdr: '10.0.0.1', state: ['REACHABLE'] },
    { dst: '10.0.0.2', dev: 'br0', state: ['STALE'] },
    { dst: 'nobody', dev: 'br0', lladdr: mac, state: ['REACHABLE'] },
    { dst: 5, lladdr: mac, state: ['constructor'] },
    null,
    'text',
    [],
  ])('%j says nothing', (row) => {
    expect(parseIpNeigh(JSON.stringify([row]))).toEqual({ entries: [], ipv6: true });
  });

  it.each(['', '{}', 'null', 'Usage: ip [ OPTIONS ] OBJECT', '[{'])('%j is none', (output) => {
    expect(parseIpNeigh(output)).toBeUndefined();
  });
});

describe('/proc/net/arp', () => {
  it('of a real host', () => {
    expect(parseProcArp(recorded.arp)).toEqual({
      entries: [
        {
          address: '192.168.122.8',
          mac: '52:54:00:2a:2a:d4',
          device: 'virbr0',
          worth: 'confirmed',
          confirmedS: undefined,
        },
      ],
      ipv6: false,
    });
  });

  it('an entry that is not complete says nothing; a permanent one is complete', () => {
    const header = 'IP address       HW type     Flags       HW address            Mask     Device\n';
    const lines = [
      `10.0.0.2         0x1         0x0         00:00:00:00:00:00     *        br0`,
      `10.0.0.3         0x1         0x0         ${mac}     *        br0`,
      `10.0.0.4         0x1         0x6         ${mac}     *        br0`,
      'broken',
    ];
    expect(parseProcArp(`${header}${lines.join('\n')}`)?.entries.map(({ address }) => address)).toEqual(['10.0.0.4']);
  });

  it.each(['', 'nonsense'])('%j is none', (text) => {
    expect(parseProcArp(text)).toBeUndefined();
  });
});

describe('reading', () => {
  let dir = '';
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-neighbours-'));
    await mkdir(join(dir, 'proc/1/net'), { recursive: true });
  });
  afterEach(() => rm(dir, { recursive: true }));

  const LONG = { timeoutMs: 15_000 };
  const listing = JSON.stringify([{ dst: '10.0.0.2', dev: 'br0', lladdr: mac, state: ['REACHABLE'] }]);

  /** Stands in for `nsenter ... ip ...`. */
  async function program(script: string): Promise<string> {
    const path = join(dir, 'program');
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  async function readerOf(script: string): Promise<NeighbourReader> {
    return new NeighbourReader({ clock: new RealClock(), hostRoot: dir, nsenter: await program(script) });
  }

  it('enters the network of the other root, and asks for ages and JSON', async () => {
    const reader = await readerOf(`echo "$@" >'${dir}/asked'; echo '${listing}'`);
    expect(await reader.read(LONG)).toMatchObject({ entries: [{ address: '10.0.0.2' }], ipv6: true });
    const asked = await readFile(join(dir, 'asked'), 'utf8');
    expect(asked.trim()).toBe(`--net=${dir}/proc/1/ns/net -- ip -s -j neigh show`);
  });

  it('without another root it is the network of this process, without entering anything', async () => {
    const ip = await program(`echo "$@" >'${dir}/asked'; echo '${listing}'`);
    const reader = new NeighbourReader({ clock: new RealClock(), ip, nsenter: '/nonexistent' });
    expect(await reader.read(LONG)).toMatchObject({ entries: [{ address: '10.0.0.2' }] });
    expect((await readFile(join(dir, 'asked'), 'utf8')).trim()).toBe('-s -j neigh show');
  });

  it.each([
    ['an ip that fails', 'exit 1'],
    ['an ip that knows no JSON', 'echo "10.0.0.9 dev br0 lladdr 52:54:00:aa:bb:cc REACHABLE"'],
    ['an ip that writes without end', 'yes'],
  ])('%s: /proc/net/arp is read instead', async (_, script) => {
    await writeFile(join(dir, 'proc/1/net/arp'), recorded.arp);
    const reader = await readerOf(script);
    expect(await reader.read(LONG)).toMatchObject({ entries: [{ address: '192.168.122.8' }], ipv6: false });
  });

  it('a machine without ip: /proc/net/arp is read instead', async () => {
    await writeFile(join(dir, 'proc/1/net/arp'), recorded.arp);
    const reader = new NeighbourReader({ clock: new RealClock(), hostRoot: dir, nsenter: join(dir, 'none') });
    expect(await reader.read(LONG)).toMatchObject({ ipv6: false });
  });

  it('I2: where nothing can be read it is undefined, not empty', async () => {
    expect(await (await readerOf('exit 1')).read(LONG)).toBeUndefined();
    await writeFile(join(dir, 'proc/1/net/arp'), '');
    expect(await (await readerOf('exit 1')).read(LONG)).toBeUndefined();
  });

  it('an ip that hangs is killed at the deadline, whatever it thinks of that, and nothing is known', async () => {
    const clock = new SimulatedClock();
    const nsenter = await program(`trap '' TERM; echo $$ >'${dir}/pid'; exec sleep 600`);
    const read = new NeighbourReader({ clock, hostRoot: dir, nsenter }).read({ timeoutMs: 1_000 });
    const pid = await eventually(async () => {
      const text = await readFile(join(dir, 'pid'), 'utf8');
      expect(text).toMatch(/^\d+\n$/);
      return Number(text);
    }, LONG);
    await clock.advance(1_000);
    expect(await read).toBeUndefined();
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), LONG);
  });

  it('a caller that gives up is told so', async () => {
    const reader = await readerOf('exec sleep 600');
    const abort = new AbortController();
    const read = reader.read({ ...LONG, signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
  });
});
