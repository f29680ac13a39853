/** The counters of one updater; plain numbers on the hot path. */
export class UpdaterCounters {
  batches = 0;
  applied = 0;
  stale = 0;
  superseded = 0;
  unknownObserver = 0;
  /** Refused at the door, by validation. */
  refused = 0;
  applyFailures = 0;
  relayed = 0;
  relayFailures = 0;
  marks = 0;
  coverages = 0;
  documentRequests = 0;
  documentRequestsFailed = 0;
}
