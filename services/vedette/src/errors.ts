import { defineErrors } from '@vedette/runtime';

/** What ends a command of the command line; exit-codes.ts has the exit code of each. */
export const commandErrors = defineErrors({
  VDT_COMMAND_USAGE: {
    summary: 'the command line is wrong',
    action: 'see the help of the command: vedette help COMMAND',
    retryable: false,
  },
  VDT_COMMAND_NO_HOSTS: {
    summary: 'there is no host to watch',
    action: 'try `vedette demo`, or write a configuration that names a host and give it with --config',
    retryable: false,
  },
  VDT_COMMAND_REAL_STORE: {
    summary: 'the store belongs to real hosts',
    action: 'give the simulated fleet another store: --store FILE, or none',
    retryable: false,
  },
  VDT_COMMAND_NOTHING_RUNS: {
    summary: 'no process of Vedette is running that could answer',
    action: 'start one: `vedette up` watches your hosts, `vedette demo` a simulated fleet',
    retryable: true,
  },
  VDT_COMMAND_SEVERAL_RUN: {
    summary: 'several processes of Vedette are running',
    action: 'say which: --store FILE',
    retryable: false,
  },
  VDT_COMMAND_NOT_FOUND: {
    summary: 'there is no such VM or host',
    action: 'list what there is: vedette vms, vedette hosts',
    retryable: false,
  },
  VDT_COMMAND_AMBIGUOUS: {
    summary: 'the name or id stands for several VMs',
    action: 'give the id, or more of it',
    retryable: false,
  },
  VDT_COMMAND_REPLY: {
    summary: 'the process gave a reply that cannot be read',
    action: 'check that both are of the same release, and that the socket is that of Vedette',
    retryable: false,
  },
  VDT_COMMAND_SERVER: {
    summary: 'the process refused the request',
    action: 'do as the message says',
    retryable: false,
  },
});
