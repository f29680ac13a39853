import { defineErrors } from '@vedette/runtime';

defineErrors({
  VDT_MONITOR_SUPERSEDED: {
    summary: 'another run of this observer has been opened since',
    action: 'nothing: the observer opens anew; if it goes on, two processes watch the same host',
    retryable: true,
  },
  VDT_MONITOR_NO_DRIVER: {
    summary: 'no driver serves the scheme of this host URL',
    action: 'correct the URL of the host; the message names the schemes that are served',
    retryable: false,
  },
  VDT_MONITOR_REQUEST: {
    summary: 'a request to an observer is malformed',
    action: 'correct the request as the message says',
    retryable: false,
  },
});
