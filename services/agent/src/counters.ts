/** The counters of all agents of one process; plain numbers on the hot path. */
export class AgentCounters {
  /** Requests begun, those that failed, and those refused because too many of one host were under way. */
  requests = 0;
  requestFailures = 0;
  requestsRefused = 0;
  /** Readings of the source, and those that failed. */
  readings = 0;
  readingFailures = 0;
  /** Hints; those told without rows, because they were too large; those that the bus did not take. */
  hints = 0;
  hintsCut = 0;
  hintsDropped = 0;
  heartBeats = 0;
  /** Heart-beats that were due and not sent: the source was not read lately, or the bus was away. */
  heartBeatsWithheld = 0;
  /** New runs of a source or other hosts behind it. */
  sourceRuns = 0;
  /** Bytes of replies and of hints. */
  replyBytes = 0;
  hintBytes = 0;
}
