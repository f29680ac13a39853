import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { defineErrors, VedetteError } from '@vedette/runtime';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import { describe, expect, it } from 'vitest';
import { createLogger, type Logger, type LoggerOptions, silentLogger } from '../src/index.ts';

defineErrors({ VDT_LOGTEST_LOST: { summary: 'it is lost', action: 'look for it', retryable: true } });

interface Capture {
  readonly logger: Logger;
  readonly lines: string[];
  readonly last: () => Record<string, unknown>;
}

function capture(options: Partial<LoggerOptions> = {}): Capture {
  const lines: string[] = [];
  const clock = new SimulatedClock({ wallStartMs: Date.UTC(2026, 0, 1, 12, 30, 15, 7) });
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ clock, destination, level: 'trace', ...options });
  const last = () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
  return { logger, lines, last };
}

describe('createLogger', () => {
  it('writes one JSON line per entry: time from the clock, level by name, base and own fields, message', () => {
    const { logger, lines } = capture({ base: { service: 'monitor' } });
    logger.info({ host: 'h1', vms: 40 }, 'polled');
    expect(lines).toEqual([
      '{"level":"info","time":"2026-01-01T12:30:15.007Z","service":"monitor","host":"h1","vms":40,"msg":"polled"}\n',
    ]);
  });

  it('gives the fields of a part to each of its lines', () => {
    const { logger, last } = capture();
    logger.child({ component: 'poller' }).child({ host: 'h1' }).warn('late');
    expect(last()).toMatchObject({ level: 'warn', component: 'poller', host: 'h1', msg: 'late' });
  });

  it('leaves out what is below its level', () => {
    const { logger, lines } = capture({ level: 'warn' });
    logger.info('no');
    logger.child({ component: 'x' }).debug('no');
    logger.error('yes');
    expect(lines.length).toBe(1);
    silentLogger().fatal('to nobody');
  });

  it('tells an error with code, path, action, whether a retry can help, and its causes', () => {
    const { logger, last } = capture();
    const cause = new Error('outer cause', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
    logger.error({ err: new VedetteError('VDT_LOGTEST_LOST', { path: '/hosts/0', cause }) }, 'gone');
    expect(last()).toMatchObject({
      msg: 'gone',
      err: {
        name: 'VedetteError',
        message: 'it is lost',
        code: 'VDT_LOGTEST_LOST',
        path: '/hosts/0',
        action: 'look for it',
        retryable: true,
        cause: { message: 'outer cause', cause: { message: 'refused', code: 'ECONNREFUSED' } },
        stack: expect.stringContaining('logger.test.ts'),
      },
    });
  });

  it('takes an error alone, under another name, in a list, or as an aggregate', () => {
    const { logger, last } = capture();
    logger.error(new Error('alone'));
    expect(last()).toMatchObject({ msg: 'alone', err: { message: 'alone' } });
    logger.error({ reason: new Error('named'), failures: [new Error('listed'), 1] }, 'x');
    expect(last()).toMatchObject({ reason: { message: 'named' }, failures: [{ message: 'listed' }, 1] });
    logger.error({ err: new AggregateError([new Error('one'), 'two'], 'all') }, 'x');
    expect(last()).toMatchObject({ err: { message: 'all', errors: [{ message: 'one' }, 'two'] } });
  });

  it('ends a chain of causes that goes round, and shortens a message that fills the log', () => {
    const { logger, last, lines } = capture();
    const round = new Error('round');
    round.cause = round;
    logger.error({ err: round }, 'x');
    expect(lines[0]?.match(/"message":"round"/g)?.length).toBe(6);
    logger.error({ err: new Error('y'.repeat(1_000_000)) }, 'x');
    expect(lines[1]?.length).toBeLessThan(20_000);
    expect(last()).toMatchObject({ err: { message: expect.stringContaining('(1000000 characters)') } });
    logger.error({ err: new Error('x', { cause: { toJSON: () => 1n } }) }, 'x');
    expect(last()).toMatchObject({ err: { cause: expect.stringContaining('cannot be shown') } });
  });

  it('frees every line of secrets: own fields, fields of parts, messages, errors', () => {
    const { logger, lines } = capture({ base: { token: 'hunter2' } });
    const part = logger.child({ component: 'bus', credentials: { user: 'u', pass: 'hunter2' } });
    part.info({ options: { password: 'hunter2' } }, 'connecting to redis://u:hunter2@h');
    part.error({ err: new Error('no answer from nats://u:hunter2@h') }, 'x');
    part.info('header %s', 'Bearer hunter2hunter2');
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.length).toBe(3);
  });
});

describe('pretty lines', () => {
  const pretty = (options: Partial<LoggerOptions> = {}): Capture =>
    capture({ format: 'pretty', terminal: true, ...options });

  it('are for people: time of day, level, component, host, message, the other fields', () => {
    const { logger, lines } = pretty();
    logger.child({ component: 'poller', host: 'h1' }).info({ vms: 40, note: 'two words', list: [1, 'a'] }, 'polled');
    expect(lines).toEqual(['12:30:15.007 INFO  poller: [h1] polled vms=40 note="two words" list=[1,"a"]\n']);
  });

  it('tell an error in the same line: what, code, where, why, what to do; and where in our code when it has no code', () => {
    const { logger, lines } = pretty();
    const err = new VedetteError('VDT_LOGTEST_LOST', { path: '/hosts/0', cause: new Error('refused') });
    logger.error({ err }, 'gone');
    logger.error(err);
    logger.error({ err: new TypeError('x is undefined') }, 'gone');
    expect(lines[0]).toBe(
      '12:30:15.007 ERROR gone err="it is lost" code=VDT_LOGTEST_LOST path=/hosts/0 cause=refused action="look for it"\n',
    );
    expect(lines[1]).toBe(
      '12:30:15.007 ERROR it is lost code=VDT_LOGTEST_LOST path=/hosts/0 cause=refused action="look for it"\n',
    );
    expect(lines[2]).toMatch(/^12:30:15\.007 ERROR gone err="x is undefined" at=.*logger\.test\.ts.*\n$/);
  });

  it('stay one line each and leave the terminal alone, whatever comes from outside', () => {
    const { logger, lines } = pretty();
    const nasty = 'vm\n2026 ERROR forged \u001b[2J\u009b1A\u202e\u2028';
    logger.child({ component: nasty, host: nasty }).info({ [nasty]: nasty }, nasty);
    const text = lines.join('');
    expect(text.indexOf('\n')).toBe(text.length - 1);
    expect(text.slice(0, -1)).toMatch(/^[ -~]*$/);
    expect(text).toContain('vm\\u000a2026 ERROR forged \\u001b[2J');
  });

  it('are coloured only when asked', () => {
    const { logger, lines } = pretty({ colour: true });
    logger.warn('hot');
    expect(lines).toEqual(['12:30:15.007 \u001b[33mWARN \u001b[0m hot\n']);
  });

  it('are freed of secrets as well', () => {
    const { logger, lines } = pretty();
    logger.info({ password: 'hunter2' }, 'redis://u:hunter2@h');
    expect(lines).toEqual(['12:30:15.007 INFO  redis://[redacted]@h password="[redacted]"\n']);
  });

  it('are not written where there is no terminal', () => {
    const { logger, last } = capture({ format: 'pretty', terminal: false });
    logger.info('for a program');
    expect(last()).toMatchObject({ msg: 'for a program' });
  });
});

describe('the default destination', () => {
  it('F7: holds nobody up when its reader is slow; what does not fit is dropped and counted', async () => {
    const program = new URL('programs/slow-reader.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [said] = (await once(child.stdout, 'data')) as [Buffer]; // nobody has read a line of its log yet
    let read = 0;
    for await (const chunk of child.stderr) {
      read += String(chunk).split('\n').length - 1;
      const { dropped } = JSON.parse(String(said)) as { dropped: number };
      expect(dropped).toBeGreaterThan(1_000);
      if (read + dropped === 8_193) child.kill('SIGTERM');
    }
  });

  it('is standard error, and loses nothing that was logged right before the exit', () => {
    const program = new URL('programs/exit-at-once.ts', import.meta.url).pathname;
    const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    const lines = stderr.trim().split('\n');
    expect(lines.length).toBe(1_000);
    expect(lines.map((line) => (JSON.parse(line) as { at: number }).at)).toEqual(lines.map((_, at) => at));
  });
});
