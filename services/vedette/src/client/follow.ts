import { Backoff, type Clock, seededRandom, VedetteError } from '@vedette/runtime';
import { type ApiClient, type Query, remoteError } from './api-client.ts';
import { type SseEvent, SseParser } from './sse-parser.ts';

export interface FollowOptions {
  readonly client: ApiClient;
  readonly query: Query;
  /** The position to follow from; undefined: from now. */
  readonly after: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The stream was cut and will be resumed where it ended. */
  readonly onCut: (error: VedetteError) => void;
  readonly onResumed: () => void;
  /** Events were missed for good while the stream was cut; it goes on from now. */
  readonly onMissed: () => void;
}

const backoff = { initialMs: 250, maxMs: 5_000 };

/**
 * The events of a process, over any number of connections: each event once, in order, from where it is asked for.
 * Ends when the signal aborts.
 *
 * @throws VedetteError what the first connection meets, VDT_API_POSITION_GONE among it, or a fault that does not pass
 */
export async function* follow(options: FollowOptions): AsyncGenerator<SseEvent, void> {
  const { clock, signal, onCut, onResumed, onMissed } = options;
  const waits = new Backoff(backoff, seededRandom(process.pid));
  const progress: Progress = { position: options.after, connected: false };
  while (!signal.aborted) {
    try {
      yield* connection(options, progress, () => {
        if (waits.failures > 0) onResumed();
        waits.reset();
      });
    } catch (error) {
      if (signal.aborted) return;
      const cut = asCut(error);
      if (progress.connected && cut.code === 'VDT_API_POSITION_GONE') {
        onMissed();
        progress.position = undefined;
        continue;
      }
      if (!progress.connected || !cut.retryable) throw cut;
      if (waits.failures === 0) onCut(cut);
      await clock.sleep(waits.nextDelayMs(), { signal }).catch(() => undefined); // aborted: the loop ends
    }
  }
}

interface Progress {
  position: string | undefined;
  /** Whether there ever was a connection. */
  connected: boolean;
}

/** The events of one connection, which ends by an error. */
async function* connection(
  { client, query }: FollowOptions,
  progress: Progress,
  onOpen: () => void,
): AsyncGenerator<SseEvent, void> {
  const { position } = progress;
  const stream = await client.open('/v1/events', query, position === undefined ? {} : { 'last-event-id': position });
  const parser = new SseParser();
  progress.connected = true;
  onOpen();
  try {
    for await (const text of stream as AsyncIterable<string>) {
      for (const event of parser.feed(text)) {
        if (event.name === 'end') throw remoteError(JSON.parse(event.data));
        yield event;
      }
    }
  } finally {
    progress.position = parser.lastEventId ?? progress.position;
    stream.destroy();
  }
  throw new VedetteError('VDT_COMMAND_NOTHING_RUNS', { message: 'the process closed the stream' });
}

function asCut(error: unknown): VedetteError {
  if (VedetteError.is(error)) return error;
  const message = `the stream was cut: ${error instanceof Error ? error.message : String(error)}`;
  return new VedetteError('VDT_COMMAND_NOTHING_RUNS', { message, cause: error });
}
