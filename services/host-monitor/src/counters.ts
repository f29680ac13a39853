/** The counters of one monitor process, shared by its host actors; plain numbers on the hot path. */
export class MonitorCounters {
  polls = 0;
  pollFailures = 0;
  pollsSkipped = 0;
  pollsPutOff = 0;
  heartBeats = 0;
  heartBeatsMissed = 0;
  blindnesses = 0;
  blindFailures = 0;
  hints = 0;
  hintsLost = 0;
  sectionFetches = 0;
  sectionFailures = 0;
  samplesSent = 0;
  sampleFailures = 0;
  samplesSkipped = 0;
  events = 0;
  publishFailures = 0;
  refused = 0;
  unmappedStates = 0;
  identityConflicts = 0;
}
