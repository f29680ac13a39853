import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Compile } from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadSettings } from '../src/config/load.ts';
import { CommandWorld } from './world.ts';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const names = await readdir(fixtures);
const env = { HOME: '/home/somebody' };

function settings(file: string | undefined, flags: Record<string, string> = {}, more: Record<string, string> = {}) {
  return loadSettings({ file, env: { ...env, ...more }, flags, cwd: fixtures });
}

describe('a good configuration', () => {
  test('the first own host takes five lines', async () => {
    const { hosts, storePath, socketPath } = await settings('first-host.good.yaml');
    expect((await readFile(join(fixtures, 'first-host.good.yaml'), 'utf8')).trim().split('\n')).toHaveLength(5);
    expect(hosts).toEqual([{ id: 'kvm1', name: 'kvm1', realm: 'default', url: 'libvirt:///system' }]);
    expect(storePath).toBe(join(fixtures, 'vedette.sqlite'));
    expect(socketPath).toBe(join(fixtures, 'vedette.sock'));
  });

  test('every key can be set', async () => {
    const { hosts, member, storePath, socketPath, config } = await settings('everything.good.yaml');
    const grouped = hosts.filter(({ group }) => group !== undefined);
    expect(grouped.map(({ id, realm }) => `${id} ${realm}`)).toEqual([
      'rack1-a.example.org zone-b',
      'rack1-b.example.org zone-b',
      'rack2-a.example.org zone-b',
      'rack2-b.example.org zone-b',
      'edge1.example.org default',
      'edge2.example.org far',
      'edge3.example.org far',
      'kvm3 default',
      'printer default',
    ]);
    const others = hosts.filter(({ group }) => group === undefined);
    expect(others.map(({ id, name, realm }) => ({ id, name, realm }))).toEqual([
      { id: 'host-0001', name: 'kvm1.example.org', realm: 'zone-a' },
      { id: 'kvm2', name: 'kvm2', realm: 'default' },
    ]);
    expect({ member, storePath, socketPath }).toEqual({
      member: 'monitor-1',
      storePath: '/var/lib/vedette/store.sqlite',
      socketPath: '/run/vedette/api.sock',
    });
    expect(config.monitor).toMatchObject({ pollIntervalMs: 1_000, gracePerVmMs: 250, graceMaxMs: 90_000 });
    expect(config.monitor).toMatchObject({
      statsIntervalMs: 30_000,
      deviceStatsIntervalMs: 0,
      describeIntervalMs: 600_000,
    });
    expect(config.libvirt).toEqual({ agentIntervalMs: 60_000 });
  });

  test('without one, the store is where this user keeps state, and the socket beside it', async () => {
    const usual = await settings(undefined);
    expect(usual).toMatchObject({ hosts: [], member: hostname(), storeIsSet: false });
    expect(usual.storePath).toBe('/home/somebody/.local/state/vedette/store.sqlite');
    expect(usual.socketPath).toBe('/home/somebody/.local/state/vedette/store.sock');
    const xdg = await settings(undefined, {}, { XDG_STATE_HOME: '/state' });
    expect(xdg.storePath).toBe('/state/vedette/store.sqlite');
  });

  test('a flag wins over the environment, that over the file; outside the file paths are relative to the folder', async () => {
    const file = 'everything.good.yaml';
    const given = { VEDETTE_STORE_PATH: 'env.sqlite', VEDETTE_MONITOR_POLL_INTERVAL: '2s' };
    expect(await settings(file, {}, given)).toMatchObject({
      storePath: join(fixtures, 'env.sqlite'),
      config: { monitor: { pollIntervalMs: 2_000 } },
    });
    expect((await settings(file, { 'store-path': 'flag.sqlite' }, given)).storePath).toBe(
      join(fixtures, 'flag.sqlite'),
    );
  });

  test('in the file, paths are relative to the file, from wherever it is read', async () => {
    const { storePath } = await loadSettings({
      file: `fixtures/first-host.good.yaml`,
      env,
      flags: {},
      cwd: join(fixtures, '..'),
    });
    expect(storePath).toBe(join(fixtures, 'vedette.sqlite'));
  });

  test.each(names.filter((name) => name.endsWith('.good.yaml')))('vedette validate %s', async (name) => {
    await using world = await CommandWorld.make();
    const { code, out, err } = await world.run(['validate', name], { cwd: fixtures });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      new RegExp(`^${name} is valid: .*, store .*, API socket .*\n(  (group \\w+|no group): .*\n)*$`),
    );
  });
});

describe('D4: a bad configuration ends with exit 2, the key, the file and the line, and what is allowed', () => {
  const expected: Readonly<Record<string, RegExp>> = {
    'unknown-key.bad.yaml': /unknown-key\.bad\.yaml:5:3: monitor\.pollInterva1: .*pollInterval/,
    'wrong-unit.bad.yaml': /wrong-unit\.bad\.yaml:4:17: monitor\.pollInterval: .*3s/,
    'missing-variable.bad.yaml': /missing-variable\.bad\.yaml:2:10: hosts\[0\]\.url: .*NO_SUCH_VARIABLE/,
    'missing-url.bad.yaml': /missing-url\.bad\.yaml:2:5: hosts\[0\]\.url: /,
    'unknown-scheme.bad.yaml':
      /unknown-scheme\.bad\.yaml:5:10: hosts\[1\]\.url: no fetcher for "vpx:\/\/esx1\/".*libvirt:/,
    'same-name.bad.yaml': /same-name\.bad\.yaml:4:5: hosts\[1\]: has the same id as hosts\[0\]: "kvm1"/,
    'other-bus.bad.yaml': /other-bus\.bad\.yaml:2:8: bus\.url: .*memory:/,
    'not-yaml.bad.yaml': /not-yaml\.bad\.yaml:\d+:\d+: /,
    'too-many-rows.bad.yaml': /too-many-rows\.bad\.yaml:2:16: store\.historyRows: .*1000/,
    'control-character.bad.yaml': /control-character\.bad\.yaml:2:11: hosts\[0\]\.name: .*control characters/,
    'provider-name.bad.yaml': /provider-name\.bad\.yaml:2:11: hosts\[0\]\.name: must not begin with @/,
    'unknown-parameter.bad.yaml': /unknown-parameter\.bad\.yaml:3:10: hosts\[0\]\.url: .*unknown parameter sokcet/,
    'reserved-key.bad.yaml': /reserved-key\.bad\.yaml:1:1: .*__proto__/,
  };

  test('each fixture has an expectation', () => {
    expect(Object.keys(expected).sort()).toEqual(names.filter((name) => name.endsWith('.bad.yaml')).sort());
  });

  test.each(Object.keys(expected))('%s', async (name) => {
    await using world = await CommandWorld.make();
    for (const command of [
      ['validate', name],
      ['up', '--config', name],
    ]) {
      const { code, out, err } = await world.run(command, { cwd: fixtures });
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(expected[name] ?? /never/);
    }
  });

  test('a flag, a variable and a file that are wrong are named as they were written', async () => {
    await using world = await CommandWorld.make();
    const flag = await world.run(['up', '--monitor-poll-interval', 'often']);
    expect(flag).toMatchObject({ code: 2, err: expect.stringContaining('--monitor-poll-interval') });
    const variable = await world.run(['up'], { env: { VEDETTE_LOG_LEVL: 'debug' } });
    expect(variable).toMatchObject({ code: 2, err: expect.stringMatching(/VEDETTE_LOG_LEVL.*VEDETTE_LOG_LEVEL/) });
    const file = await world.run(['up', '--config', 'nowhere.yaml']);
    expect(file).toMatchObject({ code: 2, err: expect.stringMatching(/nowhere\.yaml.*there is no such file/) });
    const unknown = await world.run(['up', '--monitor-pol-interval', '3s']);
    expect(unknown).toMatchObject({ code: 2, err: expect.stringContaining("unknown option '--monitor-pol-interval'") });
  });
});

interface Described {
  readonly description?: string;
  readonly properties?: Record<string, Described>;
  readonly items?: Described;
}

describe('config schema', () => {
  test('accepts every good fixture and refuses what it can of the bad ones', async () => {
    await using world = await CommandWorld.make();
    const { code, out } = await world.run(['config', 'schema']);
    expect(code).toBe(0);
    const validator = Compile(JSON.parse(out));
    const accepts = async (name: string): Promise<boolean> => {
      return validator.Check(parse(await readFile(join(fixtures, name), 'utf8')) ?? {});
    };
    for (const name of names.filter((one) => one.endsWith('.good.yaml'))) expect(await accepts(name), name).toBe(true);
    for (const name of ['unknown-key', 'wrong-unit', 'missing-url', 'other-bus', 'too-many-rows']) {
      expect(await accepts(`${name}.bad.yaml`), name).toBe(false);
    }
  });

  test('describes every key', async () => {
    await using world = await CommandWorld.make();
    const { out } = await world.run(['config', 'schema']);
    const check = (properties: Record<string, Described>, path: string): void => {
      for (const [key, schema] of Object.entries(properties)) {
        const inner = schema.properties ?? schema.items?.properties;
        if (inner === undefined || schema.items !== undefined) expect(schema.description, `${path}${key}`).toBeTruthy();
        if (inner !== undefined) check(inner, `${path}${key}.`);
      }
    };
    check(JSON.parse(out).properties, '');
  });
});

test('a socket path that is too long is refused before anything is made there', async () => {
  await using world = await CommandWorld.make();
  const file = join(world.dir, 'long.yaml');
  await writeFile(file, `api:\n  socket: ./${'x'.repeat(120)}.sock\n`);
  const { code, err } = await world.run(['validate', basename(file)]);
  expect(code).toBe(2);
  expect(err).toMatch(/long\.yaml:2:\d+: api\.socket: .*107/);
});
