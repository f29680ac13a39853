import { expect, it } from 'vitest';
import { LONG, type Subject } from './subject.ts';

const IN_TIME = '2999-01-01T00:00:00Z';
const TOO_LATE = '2000-01-01T00:00:00Z';
let asked = 0;

/** What starting leaves alone (I8); that it starts, each driver shows for itself. */
export function starts(subject: Subject): void {
  it('what starts nothing says so', async (ctx) => {
    await using fetcher = subject.open();
    if (fetcher.capabilities.start) ctx.skip('the driver declares start');
    const request = { vm: 'any', intentId: newIntent(), notAfter: IN_TIME };
    await expect(subject.on.settle(fetcher.start(request, LONG))).rejects.toMatchObject({
      code: 'VDT_FETCHER_UNSUPPORTED',
      retryable: false,
    });
  });

  it('a VM that is not down is left as it is, and the same intent gets the same answer', async (ctx) => {
    await using fetcher = subject.open();
    if (!fetcher.capabilities.start) ctx.skip('the driver does not declare start');
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const before = await subject.on.truth();
    const vm = [...before].find(([, state]) => state === 'running')?.[0] ?? '';
    const request = { vm, intentId: newIntent(), notAfter: IN_TIME };
    for (let times = 0; times < 2; times++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await subject.on.settle(fetcher.start(request, LONG))).toMatchObject({ outcome: 'active' });
    }
    expect(await subject.on.truth()).toEqual(before);
  });

  it('what is asked too late, or of a VM that is not there, is not begun', async (ctx) => {
    await using fetcher = subject.open();
    if (!fetcher.capabilities.start) ctx.skip('the driver does not declare start');
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const before = await subject.on.truth();
    const [vm = ''] = before.keys();
    const late = { vm, intentId: newIntent(), notAfter: TOO_LATE };
    expect(await subject.on.settle(fetcher.start(late, LONG))).toMatchObject({ outcome: 'expired' });
    const unknown = { vm: '00000000-dead-4bad-8bad-000000000000', intentId: newIntent(), notAfter: IN_TIME };
    const refused = await subject.on.settle(fetcher.start(unknown, LONG));
    expect(refused).toEqual({ outcome: 'refused', detail: expect.stringMatching(/./) });
    expect(await subject.on.truth()).toEqual(before);
  });
}

/** Never used before, on whatever host: hosts remember. */
function newIntent(): string {
  return `conformance-${process.pid}-${performance.timeOrigin}-${++asked}`;
}
