import { defineErrors } from './errors.ts';

/** The error codes of this package: concurrency and lifecycle (`VDT_RUNTIME_*`), configuration (`VDT_CONFIG_*`). */
export const runtimeErrors = defineErrors({
  VDT_RUNTIME_DEADLINE: {
    summary: 'a call did not finish within its deadline',
    action: 'look at the health of what was called; raise the deadline only if it is known to be that slow',
    retryable: true,
  },
  VDT_RUNTIME_QUEUE_FULL: {
    summary: 'a bounded queue is full and its policy is to reject',
    action: 'send less, or wait until its consumer has caught up; look at why the consumer is slow',
    retryable: true,
  },
  VDT_RUNTIME_QUEUE_CLOSED: {
    summary: 'a queue was closed and accepts nothing more',
    action: 'nothing to do while its owner is stopping; otherwise the sender outlived the queue',
    retryable: false,
  },
  VDT_RUNTIME_TOO_MANY_WAITING: {
    summary: 'a semaphore has as many callers waiting as it allows',
    action: 'start less at once, or look at why the holders of its permits are slow',
    retryable: true,
  },
  VDT_RUNTIME_PART_ENDED: {
    summary: 'a part of the process ended although nobody had asked it to',
    action: 'read the log lines of that part; the whole process was stopped because it is incomplete without it',
    retryable: false,
  },
  VDT_RUNTIME_START_ABORTED: {
    summary: 'the start was broken off because a stop was asked for',
    action: 'nothing to do: what had been started was stopped again',
    retryable: false,
  },
  VDT_RUNTIME_STOP_INCOMPLETE: {
    summary: 'some parts did not stop within the shutdown deadline',
    action: 'look at what the named parts were waiting for; raise the shutdown deadline if they need longer',
    retryable: false,
  },
  VDT_CONFIG_INVALID: {
    summary: 'the configuration has faults',
    action: 'correct the faults listed and start again; nothing was started',
    retryable: false,
  },
  VDT_CONFIG_UNREADABLE: {
    summary: 'the configuration file cannot be read',
    action: 'check the path, that it is a regular file in UTF-8, and that this user may read it',
    retryable: false,
  },
  VDT_CONFIG_TOO_LARGE: {
    summary: 'the configuration is larger, deeper or expands to more values than is allowed',
    action: 'make it smaller: a file of at most 4 MiB, 32 levels deep, standing for at most 500,000 values',
    retryable: false,
  },
  VDT_CONFIG_SYNTAX: {
    summary: 'the configuration file is not well-formed YAML 1.2',
    action: 'correct the line named',
    retryable: false,
  },
  VDT_CONFIG_DUPLICATE_KEY: {
    summary: 'a key is given twice in the same section',
    action: 'remove one of the two lines',
    retryable: false,
  },
  VDT_CONFIG_FORBIDDEN_KEY: {
    summary: 'a key is reserved by the language runtime and refused everywhere',
    action: 'remove the key',
    retryable: false,
  },
  VDT_CONFIG_UNKNOWN_KEY: {
    summary: 'a key is not known',
    action: 'use one of the keys listed',
    retryable: false,
  },
  VDT_CONFIG_MISSING_KEY: {
    summary: 'a key that has no default is missing',
    action: 'set it in the file, by its environment variable or by its flag',
    retryable: false,
  },
  VDT_CONFIG_BAD_VALUE: {
    summary: 'a value is of the wrong kind, unit or range',
    action: 'write a value of the kind named',
    retryable: false,
  },
  VDT_CONFIG_MISSING_VARIABLE: {
    summary: 'an environment variable that the file refers to is not set',
    action: `set the variable, or give a default in the file: \${NAME:-default}`,
    retryable: false,
  },
  VDT_CONFIG_UNKNOWN_VARIABLE: {
    summary: 'an environment variable starting with VEDETTE_ belongs to no key',
    action: 'correct its name or unset it',
    retryable: false,
  },
  VDT_CONFIG_UNKNOWN_FLAG: {
    summary: 'a command line flag belongs to no key',
    action: 'correct its name or leave it out',
    retryable: false,
  },
});
