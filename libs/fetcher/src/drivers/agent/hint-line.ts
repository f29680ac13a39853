import { isHeartBeat, readHint } from '../../agent-protocol/index.ts';
import type { Hint } from '../../host-port.ts';
import type { KnownRows } from './known-rows.ts';

const alive: Hint = Object.freeze({ kind: 'alive' });

/**
 * What the hints of one host lead to: rows, a poll, a sign of life, or nothing.
 *
 * L1. A hint at or below what was told is ignored; one of another boot, or that does not follow on it (a gap), leads to a
 *     poll; of a gap its rows are told all the same, for they merge by revision.
 * L2. VMs that left lead to a poll: they are not gone before a listing says so (I2).
 * L3. `alive` says that all is told: only for a heart-beat of this boot that names the stateRev of what was told.
 */
export class HintLine {
  readonly #known: KnownRows;
  readonly #offer: (hint: Hint) => void;
  /** A poll was asked for and has not been answered since; heart-beats repeat it, hints do not. */
  #pollOwed = false;
  #silent = false;

  constructor(known: KnownRows, offer: (hint: Hint) => void) {
    this.#known = known;
    this.#offer = offer;
  }

  /** The host answered a poll. */
  answered(): void {
    this.#pollOwed = false;
    this.#silent = false;
  }

  /** A poll failed because nobody answered: whatever is heard next leads to another. */
  unanswered(): void {
    this.#silent = true;
  }

  /** Takes in what came on the host's hint subject, whatever it is. */
  take(payload: Uint8Array): void {
    const known = this.#known;
    let hint: ReturnType<typeof readHint>;
    try {
      hint = readHint(payload, (boot) => known.layoutOf(boot));
    } catch {
      this.#poll('a hint could not be read'); // the poll finds out whether that is all that is wrong
      return;
    }
    if (this.#silent) {
      this.#silent = false;
      this.#poll('the agent is heard again', true);
      return;
    }
    if (hint.boot !== known.boot) {
      this.#poll(known.boot === '' ? 'nothing was listed yet' : 'the agent has restarted', isHeartBeat(hint));
      return;
    }
    if (isHeartBeat(hint)) this.#heartBeat(hint.stateRev);
    else if (hint.stateRev > known.stateRev) this.#hint(hint);
  }

  #heartBeat(stateRev: number): void {
    const told = this.#known.stateRev;
    if (stateRev === told) this.#offer(alive);
    else if (stateRev > told) this.#poll('a hint was lost on the way', true);
  }

  #hint({ prev, stateRev, rows, left }: ReturnType<typeof readHint>): void {
    const gap = prev > this.#known.stateRev;
    const isAll = !gap && left.length === 0 && rows.length > 0;
    this.#known.takeHinted(rows, isAll ? stateRev : undefined);
    if (rows.length > 0) this.#offer({ kind: 'rows', rows });
    if (gap) this.#poll('a hint was lost on the way');
    else if (left.length > 0) this.#poll(`no longer there: ${left.slice(0, 10).join(', ')}`, true);
    else if (rows.length === 0) this.#poll('something changed', true);
  }

  #poll(reason: string, again = false): void {
    if (this.#pollOwed && !again) return;
    this.#pollOwed = true;
    this.#offer({ kind: 'poll', reason });
  }
}
