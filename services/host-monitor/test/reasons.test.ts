import '@vedette/bus';
import '@vedette/fetcher';
import { VedetteError } from '@vedette/runtime';
import { describe, expect, it } from 'vitest';
import { isBusAway } from '../src/reasons.ts';

describe('why an attempt failed', () => {
  const away = new VedetteError('VDT_BUS_DISCONNECTED');

  it.each([
    ['the bus itself says so', away],
    ['the driver says so', new VedetteError('VDT_FETCHER_BUS_AWAY', { cause: new VedetteError('VDT_BUS_DEADLINE') })],
    ['it is in the causes', new VedetteError('VDT_FETCHER_FAILED', { cause: new Error('x', { cause: away }) })],
  ])('I2: our own bus was away: %s', (_, error) => expect(isBusAway(error)).toBe(true));

  it.each([
    new VedetteError('VDT_FETCHER_REFUSED', { cause: new VedetteError('VDT_BUS_NO_RESPONDERS') }),
    new VedetteError('VDT_FETCHER_TIMEOUT', { cause: new VedetteError('VDT_BUS_DEADLINE') }),
    new Error('VDT_BUS_DISCONNECTED'),
    undefined,
    'VDT_BUS_DISCONNECTED',
  ])('the host itself, or nobody knows: %s', (error) => expect(isBusAway(error)).toBe(false));

  it('a chain of causes that never ends is given up', () => {
    const endless = new Error('x');
    endless.cause = endless;
    expect(isBusAway(endless)).toBe(false);
  });
});
