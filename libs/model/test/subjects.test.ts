import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  channels,
  escapeToken,
  isIdentifier,
  isPattern,
  isSubject,
  matchSubject,
  maxSubjectBytes,
  maxTokenBytes,
  subjectPatterns,
  subjects,
  unescapeToken,
} from '../src/index.ts';

const anyText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
const token = fc.string({ unit: fc.constantFrom('a', 'b', '~', '-', '_', '7'), minLength: 1, maxLength: 3 });
const wildToken = fc.oneof({ weight: 3, arbitrary: token }, { weight: 1, arbitrary: fc.constant('*') });

describe('subject tokens', () => {
  it('D2: any well-formed text is escaped to one token and comes back unchanged', () => {
    fc.assert(
      fc.property(anyText, (id) => {
        const escaped = escapeToken(id);
        expect(escaped).toMatch(/^[A-Za-z0-9_~-]+$/);
        expect(unescapeToken(escaped)).toBe(id);
      }),
    );
  });

  it('D2: dots, stars, spaces and Unicode never reach a subject as they are', () => {
    expect(escapeToken('a.b *>é')).toBe('a~2eb~20~2a~3e~c3~a9');
    expect(subjects.vmState('h.1', 'v *')).toBe('vedette.v1.vm.state.h~2e1.v~20~2a');
  });

  it('different texts have different tokens', () => {
    fc.assert(fc.property(anyText, anyText, (a, b) => (a === b) === (escapeToken(a) === escapeToken(b))));
  });

  it.each(['', '~', '~2', '~2E', '~zz', 'a.b', 'a b', '~61', '~ff', '~c3'])(
    'refuses %j: nothing escapes to it',
    (text) => {
      expect(unescapeToken(text)).toBeUndefined();
    },
  );

  it('unescapes nothing that it does not escape to the same again', () => {
    const almostToken = fc.string({ unit: fc.constantFrom('~', '2', 'e', 'c', '3', 'a', '9', 'E', '.'), maxLength: 8 });
    fc.assert(
      fc.property(almostToken, (text) => {
        const id = unescapeToken(text);
        if (id !== undefined) expect(escapeToken(id)).toBe(text);
      }),
    );
  });
});

describe('identifiers', () => {
  it('D2: what is an identifier fits into every subject', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 90 }),
        fc.string({ unit: 'grapheme', maxLength: 90 }),
        (a, b) => {
          fc.pre(isIdentifier(a) && isIdentifier(b));
          const all = [
            subjects.vmState(a, b),
            subjects.vmCondition(a, b),
            subjects.hostSnapshot(a),
            subjects.coverage(a),
            subjects.observer(a, 'superseded'),
            subjects.fleetVm(a),
          ];
          for (const subject of all) expect(isSubject(subject)).toBe(true);
        },
      ),
    );
  });

  it('D2: the longest identifiers give subjects within the limit', () => {
    const longest = 'x'.repeat(maxTokenBytes);
    expect(isIdentifier(longest)).toBe(true);
    expect(subjects.vmCondition(longest, longest).length).toBeLessThanOrEqual(maxSubjectBytes);
    expect(isIdentifier('.'.repeat(26))).toBe(true);
  });

  it.each([
    ['empty', ''],
    ['300 bytes', 'x'.repeat(300)],
    ['81 bytes', 'x'.repeat(81)],
    ['81 bytes once escaped', '.'.repeat(27)],
    ['a control character', 'a\nb'],
    ['DEL', 'a\x7f'],
    ['half a character', '\ud800'],
    ['no text', 7],
    ['nothing', undefined],
    ['a reserved key', '__proto__'],
    ['another reserved key', 'constructor'],
  ])('D2: %s is refused', (_, id) => {
    expect(isIdentifier(id)).toBe(false);
  });
});

describe('subject matching', () => {
  /** NATS' rules said by splitting: the oracle. */
  function matches(pattern: string, subject: string): boolean {
    const wanted = pattern.split('.');
    const given = subject.split('.');
    const open = wanted.at(-1) === '>';
    if (open) wanted.pop();
    if (open ? given.length <= wanted.length : given.length !== wanted.length) return false;
    return wanted.every((part, at) => part === '*' || part === given[at]);
  }

  const subject = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'));
  const pattern = fc
    .tuple(fc.array(wildToken, { maxLength: 4 }), fc.boolean())
    .filter(([tokens, open]) => tokens.length > 0 || open)
    .map(([tokens, open]) => [...tokens, ...(open ? ['>'] : [])].join('.'));

  it('agrees with the rules of NATS', () => {
    fc.assert(
      fc.property(pattern, subject, (wanted, given) => {
        expect(isPattern(wanted)).toBe(true);
        expect(isSubject(given)).toBe(true);
        expect(matchSubject(wanted, given)).toBe(matches(wanted, given));
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees on patterns made from the subject itself', () => {
    const related = subject.chain((text) =>
      fc.tuple(
        fc.constant(text),
        fc.tuple(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), fc.nat(5)).map(([wild, cut]) => {
          const tokens = text.split('.').map((part, at) => (wild[at] === true ? '*' : part));
          return (cut < tokens.length ? [...tokens.slice(0, cut), '>'] : tokens).join('.');
        }),
      ),
    );
    fc.assert(
      fc.property(related, ([given, wanted]) => {
        expect(matchSubject(wanted, given)).toBe(matches(wanted, given));
      }),
    );
  });

  it.each([
    ['a.>', 'a', false],
    ['>', 'a', true],
    ['*', 'a.b', false],
    ['a.*', 'a.', false],
    ['a.*.c', 'a.b.c', true],
    ['a.b', 'a.b.c', false],
    ['ab', 'a', false],
  ])('%s and %s: %s', (wanted, given, expected) => {
    expect(matchSubject(wanted, given)).toBe(expected);
  });

  it.each(['', '.', 'a.', '.a', 'a..b', 'a.>.b', '>.a', 'a*', 'a b', '>>', 'a.*>', 'é', 'x'.repeat(201)])(
    'nobody subscribes to %j',
    (text) => expect(isPattern(text)).toBe(false),
  );

  it.each(['', '.', 'a.', '.a', 'a..b', 'a.*', '>', 'a b', 'é', 'x'.repeat(201)])('nobody publishes to %j', (text) =>
    expect(isSubject(text)).toBe(false),
  );

  it('every observer event falls under the patterns of observer events, and no other event does', () => {
    const observerEvents = Object.entries(channels).map(([name, { address }]) => {
      const subject = address.replaceAll(/\{\w+\}/g, 'x');
      return [name, subjectPatterns.observerEvents.some((wanted) => matchSubject(wanted, subject))];
    });
    expect(observerEvents.filter(([, matched]) => matched).map(([name]) => name)).toEqual([
      'VMStateChanged',
      'IPChanged',
      'VMConfigChanged',
      'VMGuestChanged',
      'VMConditionChanged',
      'HostSnapshot',
      'HostStateChanged',
    ]);
    expect(matchSubject(subjectPatterns.fleet, subjects.fleetVm('v'))).toBe(true);
    expect(matchSubject(subjectPatterns.coverage, subjects.coverage('m'))).toBe(true);
    expect(matchSubject(subjectPatterns.mark, subjects.mark())).toBe(true);
    expect(matchSubject(subjectPatterns.everything, subjects.vmStats('h'))).toBe(true);
  });
});
