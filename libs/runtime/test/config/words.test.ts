import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flagName, variableName } from '../../src/config/names.ts';
import { nearest } from '../../src/config/nearest.ts';
import { byteSize, duration, parseQuantity, quantityPattern, suggestQuantity } from '../../src/config/units.ts';
import { expandVariables } from '../../src/config/variables.ts';

describe('durations and sizes', () => {
  it.each([
    ['0ms', 0],
    ['500ms', 500],
    ['3s', 3_000],
    ['1.5h', 5_400_000],
    ['0.1s', 100],
    ['2d', 172_800_000],
  ])('%s is %i ms', (text, ms) => expect(parseQuantity(duration, text)).toBe(ms));

  it.each([
    ['1B', 1],
    ['1.5KiB', 1_536],
    ['64MiB', 67_108_864],
    ['2TiB', 2_199_023_255_552],
  ])('%s is %i bytes', (text, bytes) => expect(parseQuantity(byteSize, text)).toBe(bytes));

  it.each([
    '3',
    '',
    's',
    '3 s',
    '-3s',
    '3S',
    '0.5ms',
    '1e3s',
    '3sec',
    '99999999999999999d',
    '3__proto__',
    '3constructor',
  ])('%j is no duration', (text) => expect(parseQuantity(duration, text)).toBeUndefined());

  it.each(['1', '1KB', '1kib', '0.3B', '1 MiB'])('%j is no size', (text) => {
    expect(parseQuantity(byteSize, text)).toBeUndefined();
  });

  it('accepts nothing that the published pattern does not', () => {
    const text = fc.tuple(
      fc.double({ min: 0, noNaN: true }),
      fc.constantFrom('ms', 's', 'm', 'h', 'd', 'KiB', 'x', ''),
    );
    fc.assert(
      fc.property(text, ([value, unit]) => {
        const written = `${value}${unit}`;
        const accepted = parseQuantity(duration, written) !== undefined;
        if (accepted) expect(written).toMatch(new RegExp(quantityPattern(duration)));
      }),
    );
  });

  it.each([
    ['3 minuts', '3m'],
    ['3 minutes', '3m'],
    ['3MIN', '3m'],
    ['5 secs', '5s'],
    ['5 S', '5s'],
    ['1 hour', '1h'],
    ['250 millis', '250ms'],
    ['3 weeks', undefined],
    ['3', undefined],
    ['soon', undefined],
    ['0.5 ms', undefined],
  ])('for the duration %j it suggests %s', (text, suggestion) => {
    expect(suggestQuantity(duration, text)).toBe(suggestion);
  });

  it.each([
    ['256kb', '256KiB'],
    ['1 MB', '1MiB'],
    ['1g', '1GiB'],
    ['3 bytes', '3B'],
    ['3 m', '3MiB'],
    ['3 minutes', undefined],
  ])('for the size %j it suggests %s', (text, suggestion) => {
    expect(suggestQuantity(byteSize, text)).toBe(suggestion);
  });
});

describe('nearest', () => {
  const keys = ['pollInterval', 'grace', 'concurrency', 'url'];

  it.each([
    ['poll_interval', 'pollInterval'],
    ['pollinterval', 'pollInterval'],
    ['garce', 'grace'],
    ['uri', 'url'],
    ['conc', 'concurrency'],
    ['colour', undefined],
    ['x', undefined],
    ['', undefined],
  ])('%j may mean %s', (word, key) => expect(nearest(word, keys)).toBe(key));

  it('does not choose between two that begin the same', () => {
    expect(nearest('time', ['timeoutOfPolls', 'timeoutOfCalls'])).toBeUndefined();
  });
});

describe('names', () => {
  it.each([
    [['monitor', 'pollInterval'], 'VEDETTE_MONITOR_POLL_INTERVAL', 'monitor-poll-interval'],
    [['log', 'level'], 'VEDETTE_LOG_LEVEL', 'log-level'],
    [['api', 'httpURLPath'], 'VEDETTE_API_HTTP_URL_PATH', 'api-http-url-path'],
    [['store', 'ipv6Only'], 'VEDETTE_STORE_IPV6_ONLY', 'store-ipv6-only'],
  ])('%j are %s and --%s', (path, variable, flag) => {
    expect([variableName(path), flagName(path)]).toEqual([variable, flag]);
  });
});

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the notation under test
describe('expandVariables', () => {
  const env = { HOST: 'h1', EMPTY: '', NESTED: '${HOST}' };
  const expand = (text: string) => expandVariables(text, env, () => undefined);

  it.each([
    ['plain', 'plain', false],
    ['${HOST}', 'h1', true],
    ['a-${HOST}-${HOST}', 'a-h1-h1', true],
    ['${EMPTY}', '', true],
    ['${NONE:-x}', 'x', true],
    ['${EMPTY:-x}', 'x', true],
    ['${HOST:-x}', 'h1', true],
    ['${NONE:-}', '', true],
    ['$${HOST}', '${HOST}', false],
    ['$HOST $ {HOST}', '$HOST $ {HOST}', false],
    ['${NESTED}', '${HOST}', true],
  ])('%s -> %j', (text, expanded, replaced) => expect(expand(text)).toEqual({ text: expanded, replaced }));

  it.each(['${', '${}', '${1A}', '${A-B}', '${A:x}', '${HOST'])('refuses %s', (text) => {
    expect(expand(text)).toHaveProperty('malformed');
  });

  it('names what is missing, and does not look into the prototype of the environment', () => {
    expect(expand('${HOST}${NONE}')).toEqual({ missing: 'NONE' });
    expect(expand('${toString}')).toEqual({ missing: 'toString' });
  });

  it('tells every name that is referred to', () => {
    const names: string[] = [];
    expandVariables('${A:-1}${B:-2}$${C}', {}, (name) => names.push(name));
    expect(names).toEqual(['A', 'B']);
  });
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: the notation under test
