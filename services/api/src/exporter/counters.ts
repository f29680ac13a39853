/** Counts of the samples taken in; plain numbers, for metrics. */
export class SampleCounters {
  messages = 0;
  /** Messages that were no samples: changed nothing. */
  messagesRefused = 0;
  /** Samples of VMs left out because as many are held as may be. */
  vmsLeftOut = 0;
  hostsLeftOut = 0;
}

/** Counts of the scrapes answered. */
export class ScrapeCounters {
  scrapes = 0;
  /** Scrapes turned away because as many were under way as may be. */
  scrapesRefused = 0;
  /** Scrapes cut: at their deadline, or to make room because their reader had not read for a while. */
  scrapesCut = 0;
  bytes = 0;
}
