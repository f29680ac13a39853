import type { Bus, Subscription } from '@vedette/bus';
import type { Clock } from '@vedette/runtime';
import { hintPattern, hintSubject } from '../../agent-protocol/index.ts';

const retryAfterMs = 1_000;

/** Whoever follows the hints of a host; must be quick and must not throw. */
export type HintFollower = (payload: Uint8Array) => void;

/**
 * The hints of all hosts over one subscription, handed out by subject. It costs a look-up for every hint of a host that
 * nobody here follows, and spares a subscription for each of thousands of hosts: at the broker, in this process, and
 * anew after every reconnection. Open while anybody follows.
 */
export class HintHub {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #followers = new Map<string, readonly HintFollower[]>();
  #subscribing: { readonly ended: AbortController } | undefined;

  constructor(bus: Bus, clock: Clock) {
    this.#bus = bus;
    this.#clock = clock;
  }

  /** Hands `follower` the hints of a host from now on, until the returned function is called. */
  follow(host: string, follower: HintFollower): () => void {
    const subject = hintSubject(host);
    this.#followers.set(subject, [...(this.#followers.get(subject) ?? []), follower]);
    if (this.#subscribing === undefined) {
      this.#subscribing = { ended: new AbortController() };
      void this.#subscribe(this.#subscribing.ended.signal);
    }
    return () => this.#leave(subject, follower);
  }

  #leave(subject: string, follower: HintFollower): void {
    const others = (this.#followers.get(subject) ?? []).filter((other) => other !== follower);
    if (others.length > 0) this.#followers.set(subject, others);
    else this.#followers.delete(subject);
    if (this.#followers.size > 0) return;
    this.#subscribing?.ended.abort();
    this.#subscribing = undefined;
  }

  /** Never rejects. Hints are a shortcut: while there is no subscription, polls tell. */
  async #subscribe(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one try after the other
        const subscription = await this.#bus.subscribe({
          patterns: [hintPattern],
          handler: (subject, payload) => this.#handOut(subject, payload),
        });
        closeAt(ended, subscription);
        return;
      } catch {
        // oxlint-disable-next-line no-await-in-loop -- as above
        await this.#clock.sleep(retryAfterMs, { signal: ended }).catch(() => undefined); // nobody follows any more
      }
    }
  }

  #handOut(subject: string, payload: Uint8Array): void {
    const followers = this.#followers.get(subject);
    if (followers === undefined) return;
    for (const follower of followers) follower(payload);
  }
}

function closeAt(ended: AbortSignal, subscription: Subscription): void {
  if (ended.aborted) void subscription.close();
  else ended.addEventListener('abort', () => void subscription.close(), { once: true });
}
