import { defineErrors } from '@vedette/runtime';

/** What can go wrong at the door of the metrics. */
export const exporterErrors = defineErrors({
  VDT_API_METRICS_ADDRESS: {
    summary: 'the address to serve metrics at is malformed',
    action: 'write it as HOST:PORT, as 127.0.0.1:9177 or [::1]:9177',
    retryable: false,
  },
  VDT_API_METRICS_LISTEN: {
    summary: 'the metrics cannot be served at this address',
    action: 'stop what listens there, or set another address (metrics.listen)',
    retryable: false,
  },
});
