import { defineErrors } from '@vedette/runtime';

/** Why a load could not be made or measured. */
export const loadgenErrors = defineErrors({
  VDT_LOADGEN_USAGE: {
    summary: 'the command line is wrong',
    action: 'see the help: scripts/node services/loadgen/src/main.ts --help',
    retryable: false,
  },
  VDT_LOADGEN_PROCESS: {
    summary: 'a process of the run ended before the run did',
    action: 'read its output above; give it more memory, or less load',
    retryable: false,
  },
  VDT_LOADGEN_ROLE: {
    summary: 'a part of the run failed',
    action: 'read the message, which is the words of that part',
    retryable: false,
  },
  VDT_LOADGEN_LIMIT: {
    summary: 'this machine does not allow what the load needs',
    action: 'raise the limit named, or ask for less',
    retryable: false,
  },
});
