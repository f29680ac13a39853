import { VedetteError } from '@vedette/runtime';
import { expect, test } from 'vitest';
import { RemoteError } from '../src/index.ts';
import { describeFault } from '../src/remote-error.ts';

test('a VedetteError keeps its code, message, action, path and retryable flag on the way', () => {
  const thrown = new VedetteError('VDT_BUS_BUSY', {
    message: 'too much',
    action: 'wait',
    path: '/a',
    cause: new Error('x'),
  });
  const received = new RemoteError(describeFault(thrown));
  expect(received).toBeInstanceOf(VedetteError);
  expect(received).toMatchObject({
    code: 'VDT_BUS_REMOTE',
    remoteCode: 'VDT_BUS_BUSY',
    message: 'too much',
    action: 'wait',
    path: '/a',
    retryable: true,
  });
  expect(received.cause).toBe(undefined);
});

test('an error that was remote already names the code where it began', () => {
  const first = new RemoteError(describeFault(new VedetteError('VDT_BUS_FULL')));
  expect(describeFault(first)).toMatchObject({ code: 'VDT_BUS_FULL', retryable: true });
});

test.each([
  [new TypeError('x is undefined'), 'x is undefined'],
  ['just a text', 'just a text'],
  [undefined, 'undefined'],
])('anything else (%s) has a message only and is not retryable', (thrown, message) => {
  expect(describeFault(thrown)).toMatchObject({ code: undefined, message, retryable: false });
});
