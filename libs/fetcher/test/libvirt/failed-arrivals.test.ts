import type { VMState } from '@vedette/model';
import { describe, expect, it } from 'vitest';
import { FailedArrivals } from '../../src/drivers/libvirt/failed-arrivals.ts';
import type { RuntimeRow } from '../../src/host-port.ts';

function row(state: VMState, raw: string): RuntimeRow {
  const [rawState = '', reason = ''] = raw.split('/');
  return { vm: 'vm', state, reason: '', raw: { state: rawState, reason }, hashes: {}, rev: 0 };
}
const failed = row('failed', '5/6');

describe('M2: what a failed move leaves at its destination', () => {
  it('is kept back while libvirt may still remove it, whether it was told as arriving or not at all', () => {
    for (const before of [undefined, row('migrating_in', '3/2')]) {
      for (const off of [failed, row('failed', '5/3')]) {
        const [arrivals, domain] = [new FailedArrivals(), {}];
        if (before !== undefined) arrivals.wasTold(domain, before);
        expect([100, 1_000, 2_099].map((nowMs) => arrivals.keepsBack(domain, off, nowMs))).toEqual([true, true, true]);
      }
    }
  });

  it('is told where it stays: a domain that could not be started', () => {
    const [arrivals, domain] = [new FailedArrivals(), {}];
    expect(arrivals.keepsBack(domain, failed, 100)).toBe(true);
    expect(arrivals.keepsBack(domain, failed, 2_100)).toBe(false);
  });

  it('a VM that was told before as anything else has failed, at once', () => {
    const [arrivals, domain] = [new FailedArrivals(), {}];
    arrivals.wasTold(domain, row('stopped', '5/0'));
    expect(arrivals.keepsBack(domain, failed, 100)).toBe(false);
  });

  it('one that had failed before the host was listed for the first time is told at once', () => {
    const [arrivals, domain] = [new FailedArrivals(), {}];
    arrivals.wasThere(domain);
    expect(arrivals.keepsBack(domain, row('failed', '5/3'), 100)).toBe(false);
  });

  it('no other state is kept back, and one in between begins anew', () => {
    const [arrivals, domain] = [new FailedArrivals(), {}];
    expect(arrivals.keepsBack(domain, failed, 100)).toBe(true);
    for (const other of [row('stopped', '5/0'), row('running', '1/2')])
      expect(arrivals.keepsBack(domain, other, 2_000)).toBe(false);
    expect(arrivals.keepsBack(domain, failed, 2_200)).toBe(true);
  });
});
