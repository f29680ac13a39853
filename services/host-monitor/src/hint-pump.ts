import type { ActorContext } from '@vedette/actor';
import type { Hint, HostFetcher } from '@vedette/fetcher';
import type { MonitorCounters } from './counters.ts';
import type { HostMessage } from './host-messages.ts';

/** Hints that may wait in the mailbox; beyond it they are dropped, and one poll stands for all of them. */
const maxWaiting = 256;
/**
 * After hints broke off: the driver reconnects by itself, this only keeps a broken one from spinning. Twice as long each
 * time, until one comes again.
 */
const restartAfterMs = 1_000;
const longestRestartMs = 60_000;

/** Hands a host's hints to its actor for as long as the actor lives. Never rejects. */
export function pumpHints(fetcher: HostFetcher, context: ActorContext<HostMessage>, counters: MonitorCounters): void {
  if (!fetcher.capabilities.push) return;
  void pump(fetcher, context, counters);
}

async function pump(
  fetcher: HostFetcher,
  context: ActorContext<HostMessage>,
  counters: MonitorCounters,
): Promise<void> {
  const { self, signal, clock } = context;
  let waitMs = restartAfterMs;
  while (!signal.aborted) {
    try {
      for await (const hint of fetcher.hints({ signal })) {
        waitMs = restartAfterMs;
        offer(self, hint, counters);
      }
    } catch {
      // Whatever broke the hints shows in the polls too; hints are only ever a shortcut (A3).
    }
    if (signal.aborted) return;
    self.offer({ kind: 'hint', hint: { kind: 'poll', reason: 'hints broke off' } });
    await clock.sleep(waitMs, { signal }).catch(() => undefined);
    waitMs = Math.min(2 * waitMs, longestRestartMs);
  }
}

function offer(self: ActorContext<HostMessage>['self'], hint: Hint, counters: MonitorCounters): void {
  if (self.mailbox.depth < maxWaiting) {
    self.offer({ kind: 'hint', hint });
    return;
  }
  if (hint.kind === 'alive') return; // nothing is lost with it: the next one proves as much
  counters.hintsLost++;
  if (self.mailbox.depth < 2 * maxWaiting)
    self.offer({ kind: 'hint', hint: { kind: 'poll', reason: 'hints overflowed' } });
}
