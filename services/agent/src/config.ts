import { heartBeatIntervalMs, maxReplyBytes } from '@vedette/fetcher/agent-protocol';

/** How agents read their hosts and speak; durations in milliseconds. */
export interface AgentsConfig {
  /** False: nothing is told by itself, neither hints nor heart-beats; monitors poll. */
  readonly tellHints: boolean;
  /** Between two heart-beats of a host, and between two readings of its source that nobody asked for. */
  readonly intervalMs: number;
  /**
   * Whether the source is read for each heart-beat. False only for sources that tell every change by themselves and
   * cannot be lost (simulated ones): then a host is read when it is asked, and once at first.
   */
  readonly readForHeartBeats: boolean;
  /**
   * How old the reading may be that answers a poll. 0: it is begun after the poll came, as the marks of the updater
   * ask; more only where hints leave nothing to read.
   */
  readonly maxAgeMs: number;
  /**
   * What one reading of the source may take, and one question for sections, samples or the description. Half of what a
   * monitor waits for a poll: one that comes while a reading hangs still gets its own.
   */
  readonly readTimeoutMs: number;
  /** What a start may take, from the request to its answer. */
  readonly startTimeoutMs: number;
  /** Changes within so short a time after a hint of the same host are put into the next one. */
  readonly hintGapMs: number;
  /** A hint with more rows, or of more bytes, is told without its rows: who hears it polls. */
  readonly maxHintRows: number;
  readonly maxHintBytes: number;
  /** Replies are cut into pages of at most so many bytes; one VM's part that is larger is told as unavailable. */
  readonly maxReplyBytes: number;
  /** How long samples of devices are kept for whoever fetches their further pages, from page to page. */
  readonly keepPagesMs: number;
  /** Requests of one host under way, waiting ones included; further ones are refused (VDT_AGENT_BUSY). */
  readonly maxRequestsPerHost: number;
  /** Questions for sections to one source at a time. */
  readonly sectionConcurrency: number;
  /** Movement of CPU or memory, in points of percent, that has a row recorded anew. */
  readonly deadBandPoints: number;
  /** Departures a host remembers for deltas; whoever is further behind gets a complete listing. */
  readonly leftLimit: number;
  /** Starts remembered. */
  readonly maxIntents: number;
}

export const defaultAgentsConfig: AgentsConfig = {
  tellHints: true,
  intervalMs: heartBeatIntervalMs,
  readForHeartBeats: true,
  maxAgeMs: 0,
  readTimeoutMs: 5_000,
  startTimeoutMs: 60_000,
  hintGapMs: 10,
  maxHintRows: 200,
  maxHintBytes: 64 * 1024,
  maxReplyBytes,
  keepPagesMs: 30_000,
  maxRequestsPerHost: 32,
  sectionConcurrency: 2,
  deadBandPoints: 5,
  leftLimit: 1_024,
  maxIntents: 4_096,
};
