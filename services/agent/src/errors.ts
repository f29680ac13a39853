import { defineErrors } from '@vedette/runtime';

defineErrors({
  VDT_AGENT_NO_HOST: {
    summary: 'this agent does not serve that host',
    action: 'correct the host id at the monitor, or in the configuration of the agent',
    retryable: false,
  },
  VDT_AGENT_BUSY: {
    summary: 'too many requests to this host are under way',
    action: 'nothing if it happens once: ask again later; otherwise look at why the hypervisor is slow',
    retryable: true,
  },
  VDT_AGENT_STATE_FILE: {
    summary: 'the state file of the agent cannot be used',
    action: 'check that its folder is there and that this user may write it',
    retryable: false,
  },
  VDT_AGENT_STARTS_FULL: {
    summary: 'as many starts are remembered as the agent may remember, and none is too old to be repeated',
    action: 'start less at once, or give starts an earlier notAfter',
    retryable: true,
  },
});
