import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hints } from './hints.ts';
import { listings } from './listings.ts';
import { sections } from './sections.ts';
import { starts } from './starts.ts';
import { answersAgain, type Subject, undone } from './subject.ts';
import { unanswered } from './unanswered.ts';
import type { FetcherUnderTest } from './under-test.ts';

/**
 * What the host port promises (H1-H4), tested of one driver. The driver's test file calls it and supplies the host.
 *
 * @param setup makes the host, once for all tests; each test leaves it as it was, but for states changed
 * @param options `skip`: why it cannot run here; every test is then shown as skipped, with the reason
 */
export function hostFetcherConformance(
  name: string,
  setup: () => Promise<FetcherUnderTest>,
  options: { readonly skip?: string } = {},
): void {
  describe(`host fetcher: ${name}`, () => {
    let on: FetcherUnderTest;
    const subject: Subject = {
      get on() {
        return on;
      },
      open: () => on.driver.open(on.host),
    };

    beforeAll(async () => {
      if (options.skip === undefined) on = await setup();
    });
    afterAll(async () => {
      if (options.skip === undefined) await on[Symbol.asyncDispose]();
    });
    beforeEach((ctx) => {
      if (options.skip !== undefined) ctx.skip(options.skip);
    });

    describe('opening', () => opening(subject));
    describe('listings', () => listings(subject));
    describe('sections', () => sections(subject));
    describe('a host that does not answer', () => unanswered(subject));
    describe('hints', () => hints(subject));
    describe('starts', () => starts(subject));
  });
}

function opening(subject: Subject): void {
  it('does no I/O: a host that is not there can be opened, and closed', async () => {
    const undo = await undone(subject.on.refuse());
    await using fetcher = subject.open();
    expect(fetcher.capabilities).toMatchObject({ start: expect.any(Boolean), push: expect.any(Boolean) });
    await fetcher.close();
    await undo();
    await using later = subject.open();
    await answersAgain(subject.on, later);
  });

  it('a URL that it cannot use is refused, not retryable', () => {
    for (const url of subject.on.badUrls) {
      const error = errorOf(() => subject.on.driver.open({ id: 'wrong', url }));
      expect(error, url).toMatchObject({ code: 'VDT_FETCHER_URL', retryable: false });
    }
  });
}

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
