import { type Condition, type ConditionsValue, contentHash } from '@vedette/model';
import type { Section, StatusDocument } from '../../host-port.ts';

/**
 * What is wrong with one domain (S12).
 *
 * Q1. libvirt tells of a watchdog, an I/O error and broken memory once, by an event, and never that it is over: what ends
 *     them is a guest that begins anew (reboot, reset, stop, start), and for an I/O error also that the guest runs again
 *     after it was paused for it, or that its disks report none.
 * Q2. A state that says the same (paused by a watchdog or an I/O error) raises it too: its event may have been missed.
 * Q3. `nic` is no event but read: an interface whose link is down in the definition of the running domain.
 * Q4. Nothing is cleared for want of an answer (I2).
 */
export class ConditionSet {
  readonly #raised = new Set<Condition>();
  #section = sectionOf(this.#raised);

  get section(): Section<StatusDocument> {
    return this.#section;
  }

  has(condition: Condition): boolean {
    return this.#raised.has(condition);
  }

  /** Returns whether that is news. */
  raise(condition: Condition): boolean {
    if (this.#raised.has(condition)) return false;
    this.#raised.add(condition);
    this.#section = sectionOf(this.#raised);
    return true;
  }

  /** Returns whether that is news. */
  clear(...conditions: readonly Condition[]): boolean {
    const cleared = conditions.filter((condition) => this.#raised.delete(condition));
    if (cleared.length > 0) this.#section = sectionOf(this.#raised);
    return cleared.length > 0;
  }

  /** Returns whether that is news. */
  set(condition: Condition, holds: boolean): boolean {
    return holds ? this.raise(condition) : this.clear(condition);
  }

  /** Q1: the guest begins anew. Returns whether that is news. */
  beginAnew(): boolean {
    return this.clear('watchdog', 'io_error', 'memory');
  }
}

function sectionOf(raised: ReadonlySet<Condition>): Section<StatusDocument> {
  const conditions: ConditionsValue = [...raised].sort();
  const content = { conditions };
  return { observed: 'ok', hash: contentHash(content), content };
}
