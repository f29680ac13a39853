import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '@vedette/runtime/config';
import { describe, expect, it } from 'vitest';
import { agentConfigSchema } from '../src/index.ts';

const folder = fileURLToPath(new URL('../../../deploy/systemd/', import.meta.url));

/** What a command said on both streams, and its exit code; undefined where there is no such command. */
function run(
  command: string,
  args: readonly string[],
): Promise<{ readonly said: string; readonly code: number } | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      resolve(typeof code === 'number' ? { said: stdout + stderr, code } : undefined);
    });
  });
}

describe('what deploy/systemd holds', () => {
  it('a unit that systemd has nothing to say against, and that is well locked up', async (ctx) => {
    const scratch = await mkdtemp(join(tmpdir(), 'vedette-unit-'));
    try {
      const unit = join(scratch, 'vedette-agent.service');
      const text = await readFile(join(folder, 'vedette-agent.service'), 'utf8');
      await writeFile(unit, text.replace('/usr/bin/vedette', process.execPath));
      const verified = await run('systemd-analyze', ['verify', unit]);
      if (verified === undefined) ctx.skip('systemd-analyze is not here');
      expect(verified).toEqual({ said: '', code: 0 });
      // Of 100; half of what is left is that it may use the network at all.
      const secured = await run('systemd-analyze', ['security', '--offline=true', '--threshold=25', unit]);
      expect(secured?.said).toContain('Overall exposure level');
      expect(secured?.code).toBe(0);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });

  it('D4: a configuration that can be read, and variables that are known', async () => {
    const file = { text: await readFile(join(folder, 'agent.yaml.example'), 'utf8'), path: 'agent.yaml' };
    const environment = await readFile(join(folder, 'agent.env.example'), 'utf8');
    const variables = environment.matchAll(/^# (VEDETTE_\w+)=(.*)$/gm);
    const env = Object.fromEntries(Array.from(variables, ([, name, value]) => [name, value]));
    expect(Object.keys(env).length).toBeGreaterThan(0);
    const { config } = loadConfig({
      schema: agentConfigSchema,
      file,
      env: { ...env, CREDENTIALS_DIRECTORY: '/run/c' },
    });
    expect(config).toMatchObject({ host: 'kvm1', bus: { credsFile: '/run/c/nats.creds' } });
  });
});
