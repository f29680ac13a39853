import type { VedetteError } from '@vedette/runtime';
import { expect, it } from 'vitest';
import { answersAgain, codesOfSilence, LONG, outcomes, SHORT, type Subject, undone } from './subject.ts';

/** What becomes of calls to a host that does not answer (H1, H2). */
export function unanswered(subject: Subject): void {
  it('H2: every call ends at its own deadline, retryable; and the host is read again once it answers', async () => {
    await using fetcher = subject.open();
    const { rows } = await subject.on.settle(fetcher.runtimeStats(LONG));
    const vms = rows.map(({ vm }) => vm);
    const undo = await undone(subject.on.stick());
    const outcome = await outcomes(subject.on, [
      fetcher.runtimeStats(SHORT),
      fetcher.deviceStats(SHORT),
      fetcher.hostStats(SHORT),
      fetcher.describe(SHORT),
    ]);
    for (const error of outcome) expect(error).toMatchObject({ code: 'VDT_FETCHER_TIMEOUT', retryable: true });
    const [poll] = await outcomes(subject.on, [fetcher.runtimeStats(SHORT)]);
    expect(codesOfSilence, 'a later poll waits for no earlier one').toContain((poll as VedetteError).code);
    await undo();
    await answersAgain(subject.on, fetcher);
    const sections = await subject.on.settle(fetcher.config(vms, LONG));
    expect(sections.size).toBe(vms.length);
  });

  it('H2: an abort ends a call at once, with its reason', async () => {
    await using fetcher = subject.open();
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const undo = await undone(subject.on.stick());
    const controller = new AbortController();
    const pending = fetcher.runtimeStats({ ...LONG, signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    const [error] = await outcomes(subject.on, [pending]);
    expect(error).toMatchObject({ message: 'changed my mind' });
    await undo();
    await answersAgain(subject.on, fetcher);
    const before = fetcher.runtimeStats({ ...LONG, signal: AbortSignal.abort(new Error('too late')) });
    await expect(subject.on.settle(before)).rejects.toMatchObject({ message: 'too late' });
  });

  it('a closed fetcher rejects what is under way and what comes after, and closing again does nothing', async () => {
    const fetcher = subject.open();
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const undo = await undone(subject.on.stick());
    const pending = [fetcher.runtimeStats(LONG), fetcher.hostStats(LONG)];
    const ended = outcomes(subject.on, pending);
    await fetcher.close();
    for (const error of await ended) expect(error).toMatchObject({ code: 'VDT_FETCHER_CLOSED', retryable: false });
    await undo();
    await fetcher.close();
    await expect(fetcher.runtimeStats(LONG)).rejects.toMatchObject({ code: 'VDT_FETCHER_CLOSED' });
    await expect(fetcher.info([], LONG)).rejects.toMatchObject({ code: 'VDT_FETCHER_CLOSED' });
  });

  it('H1: one that takes no connection is an error, never an empty listing', async () => {
    await using fetcher = subject.open();
    await subject.on.settle(fetcher.runtimeStats(LONG));
    const undo = await undone(subject.on.refuse());
    await using another = subject.open();
    for (const error of await outcomes(subject.on, [fetcher.runtimeStats(SHORT), another.runtimeStats(SHORT)])) {
      expect(codesOfSilence).toContain((error as VedetteError).code);
      expect(error).toMatchObject({ retryable: true });
    }
    await undo();
    await answersAgain(subject.on, fetcher);
    await answersAgain(subject.on, another);
  });
}
