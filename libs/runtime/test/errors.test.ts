import { describe, expect, it } from 'vitest';
import { runtimeErrors } from '../src/error-codes.ts';
import { definedErrors, defineErrors, VedetteError } from '../src/errors.ts';

defineErrors({
  VDT_TEST_BUSY: { summary: 'it is busy', action: 'wait a little', retryable: true },
  VDT_TEST_BROKEN: { summary: 'it is broken', action: 'mend it', retryable: false },
});

describe('VedetteError', () => {
  it('takes its text, its action and whether a retry can help from its definition', () => {
    const error = new VedetteError('VDT_TEST_BUSY');
    expect(error).toMatchObject({ message: 'it is busy', action: 'wait a little', retryable: true, path: undefined });
    expect(error.name).toBe('VedetteError');
    expect(error).toBeInstanceOf(Error);
  });

  it('says what happened this time, where, and why', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new VedetteError('VDT_TEST_BROKEN', {
      message: 'h1 is broken',
      path: '/hosts/0',
      action: 'do',
      cause,
    });
    expect(error).toMatchObject({ message: 'h1 is broken', path: '/hosts/0', action: 'do', cause, retryable: false });
  });

  it('has no cause of its own when none is given', () => {
    expect('cause' in new VedetteError('VDT_TEST_BUSY')).toBe(false);
  });

  it('is told apart by its code', () => {
    const error = new VedetteError('VDT_TEST_BUSY');
    expect(VedetteError.is(error)).toBe(true);
    expect(VedetteError.is(error, 'VDT_TEST_BUSY')).toBe(true);
    expect(VedetteError.is(error, 'VDT_TEST_BROKEN')).toBe(false);
    expect(VedetteError.is(Object.assign(new Error('x'), { code: 'VDT_TEST_BUSY' }))).toBe(false);
    expect(VedetteError.is(undefined)).toBe(false);
  });

  it('refuses a code that nobody has defined', () => {
    expect(() => new VedetteError('VDT_TEST_NOBODY')).toThrow('VDT_TEST_NOBODY is not defined');
  });
});

describe('defineErrors', () => {
  it('refuses a second definition of a code', () => {
    expect(() => defineErrors({ VDT_TEST_BUSY: { summary: '', action: '', retryable: false } })).toThrow(
      'VDT_TEST_BUSY is defined twice',
    );
  });

  it('lists what is defined, sorted, with the codes of this package', () => {
    const codes = [...definedErrors().keys()];
    expect(codes).toEqual(codes.toSorted());
    expect(codes).toEqual(expect.arrayContaining(Object.keys(runtimeErrors)));
  });

  it('has a sentence to say what happened and one to say what to do for every code of this package', () => {
    for (const [code, { summary, action }] of Object.entries(runtimeErrors)) {
      expect(code).toMatch(/^VDT_(RUNTIME|CONFIG)_[A-Z_]+$/);
      expect(summary.length).toBeGreaterThan(10);
      expect(action.length).toBeGreaterThan(10);
    }
  });
});
