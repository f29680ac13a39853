import { defineErrors } from '@vedette/runtime';

defineErrors({
  VDT_TESTBED_NEVER_HELD: {
    summary: 'a condition waited for did not hold in time',
    action: 'read the last failure, which is the cause of this error',
    retryable: false,
  },
  VDT_TESTBED_START: {
    summary: 'a test server did not become ready',
    action: 'read the end of its output, which is part of this message',
    retryable: false,
  },
  VDT_TESTBED_COMMAND: {
    summary: 'a command of the test bed failed',
    action: 'read its error output, which is part of this message',
    retryable: false,
  },
  VDT_TESTBED_UNAVAILABLE: {
    summary: 'this machine cannot run the test server',
    action: 'run `make setup` as root on a machine with apt, or let the test skip with this reason',
    retryable: false,
  },
});
