/** Counts of one API since it was made; plain numbers, for metrics. */
export class ApiCounters {
  requests = 0;
  /** Requests answered with a problem of the client's making (4xx). */
  refused = 0;
  /** Requests answered with a problem of ours (5xx). */
  failed = 0;
  streamsOpened = 0;
  /** Streams closed because their client did not read (scenario F7). */
  streamsTooSlow = 0;
  eventsSent = 0;
  /** Messages of the bus that were no events. */
  messagesRefused = 0;
}
