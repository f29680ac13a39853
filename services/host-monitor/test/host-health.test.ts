import { describe, expect, it } from 'vitest';
import { defaultMonitorConfig, graceMs } from '../src/config.ts';
import { HostHealth } from '../src/host-health.ts';
import { HostIdentityGuard } from '../src/identity.ts';

const config = defaultMonitorConfig;

describe('the state of a host', () => {
  it('the grace is 60 s and half a second a VM, at most 180 s', () => {
    expect([0, 40, 240, 5_000].map((vms) => graceMs(config, vms))).toEqual([60_000, 80_000, 180_000, 180_000]);
  });

  it('is up at the first answer, and a restart of the monitor announces nothing new', () => {
    expect(new HostHealth(config, undefined, 0).answered(1)).toEqual({ from: undefined, to: 'up', reason: '' });
    expect(new HostHealth(config, 'up', 0).answered(1)).toBeUndefined();
  });

  it('N6: one outage is one event: non-responsive after more than two failures and the grace, up on return', () => {
    const health = new HostHealth(config, 'up', 0);
    const told = [];
    for (let nowMs = 3_000; nowMs <= 300_000; nowMs += 3_000) told.push(health.failed(nowMs, 'refused: no', 40));
    const changes = told.filter((change) => change !== undefined);
    expect(changes).toEqual([{ from: 'up', to: 'non_responsive', reason: 'refused: no' }]);
    expect(told.indexOf(changes[0])).toBe(80_000 / 3_000 - ((80_000 / 3_000) % 1));
    expect(health.answered(301_000)).toEqual({ from: 'non_responsive', to: 'up', reason: '' });
  });

  it('is connecting, unannounced, from the first missed answer on', () => {
    const health = new HostHealth(config, 'up', 0);
    expect(health.failed(3_000, 'timeout: slow', 1)).toBeUndefined();
    expect(health.state).toBe('connecting');
    expect(health.answered(6_000)).toBeUndefined();
    expect(health.state).toBe('up');
  });

  it('was never reached: the first failure is announced, with what is wrong, and no other before the grace', () => {
    const health = new HostHealth(config, undefined, 0);
    const reason = 'refused: nobody listens';
    expect(health.failed(10, reason, 0)).toEqual({ from: undefined, to: 'connecting', reason });
    expect(health.failed(20, 'timeout: slow', 0)).toBeUndefined();
    expect(health.answered(30)).toEqual({ from: 'connecting', to: 'up', reason: '' });
  });

  it('two failures are never enough, however long the silence', () => {
    const health = new HostHealth(config, 'up', 0);
    expect(health.failed(1_000_000, 'timeout', 1)).toBeUndefined();
    expect(health.failed(2_000_000, 'timeout', 1)).toBeUndefined();
    expect(health.failed(2_000_001, 'timeout', 1)?.to).toBe('non_responsive');
  });

  it('I2: what fails while we are blind is no attempt, and no silence: a full grace begins when we see again', () => {
    const health = new HostHealth(config, 'up', 0);
    health.failed(1_000, 'timeout', 0);
    health.failed(2_000, 'timeout', 0);
    for (let turn = 0; turn < 100; turn++) health.failedUnseen();
    expect(health.failures).toBe(102);
    const sightedMs = 500_000;
    const told = [10_000, 59_000, 60_000, 60_001].map((agoMs) => health.failed(sightedMs + agoMs, 'x', 0, sightedMs));
    expect(told.map((change) => change?.to)).toEqual([undefined, undefined, undefined, 'non_responsive']);
  });

  it('I2: two failures after we see again are not enough, whatever went before', () => {
    const health = new HostHealth(config, 'up', 0);
    for (let turn = 0; turn < 10; turn++) health.failed(turn, 'x', 0);
    const told = [200_000, 300_000, 400_000].map((nowMs) => health.failed(nowMs, 'x', 0, 100_000));
    expect(told.map((change) => change?.to)).toEqual([undefined, undefined, 'non_responsive']);
  });

  it('heart-beats are signs of life: no silence while they come, however many questions fail', () => {
    const health = new HostHealth(config, 'up', 0);
    for (let nowMs = 0; nowMs < 600_000; nowMs += 3_000) {
      health.alive(nowMs);
      expect(health.failed(nowMs + 1_000, 'x', 0)).toBeUndefined();
    }
    expect(health.failed(700_000, 'x', 0)?.to).toBe('non_responsive');
  });

  it('is non-operational while it answers but is unfit, with the reason, once a reason', () => {
    const health = new HostHealth(config, 'up', 0);
    expect(health.judged('kvm: missing', 1)).toMatchObject({ to: 'non_operational', reason: 'kvm: missing' });
    expect(health.judged('kvm: missing', 2)).toBeUndefined();
    expect(health.judged('version: too old', 3)?.reason).toBe('version: too old');
    expect(health.judged('', 4)).toMatchObject({ from: 'non_operational', to: 'up' });
  });
});

describe('the identity of a host', () => {
  const as = (hostUuid: string, boot: string) => ({ hostUuid, boot });
  const kinds = (guard: HostIdentityGuard, boots: string, hostUuid = 'u1') =>
    Array.from(boots).map((boot) => guard.check(as(hostUuid, boot)).kind);

  it('a new boot of the same host is believed when it has answered twice', () => {
    expect(kinds(new HostIdentityGuard('u1'), 'aabbb')).toEqual([
      'believe',
      'believe',
      'ask-again',
      'believe',
      'believe',
    ]);
  });

  it('N1: two agents that answer in turn are a conflict, before the second one was ever believed', () => {
    const guard = new HostIdentityGuard('u1');
    expect(kinds(guard, 'ababab')).toEqual(['believe', 'ask-again', 'conflict', 'conflict', 'conflict', 'conflict']);
    const verdict = guard.check(as('u1', 'a'));
    expect(verdict).toMatchObject({ kind: 'conflict', reason: expect.stringContaining('in turn') });
  });

  it('N1: the conflict ends when one of them is alone for three answers', () => {
    const guard = new HostIdentityGuard('u1');
    kinds(guard, 'abab');
    expect(kinds(guard, 'bbbb')).toEqual(['conflict', 'conflict', 'believe', 'believe']);
  });

  it("N1: another host's answer is a conflict with one reason, and never becomes the known identity", () => {
    const guard = new HostIdentityGuard(undefined);
    expect(kinds(guard, 'a')).toEqual(['believe']);
    expect(new Set(kinds(guard, 'zzzzzzzz', 'u2'))).toEqual(new Set(['conflict']));
    expect(guard.hostUuid).toBe('u1');
    const back = [1, 2, 3].map(() => guard.check(as('u1', 'a')));
    expect(back.map((verdict) => verdict.kind)).toEqual(['conflict', 'conflict', 'believe']);
    expect(back[0]).toMatchObject({ reason: expect.stringContaining('u2') });
  });
});
