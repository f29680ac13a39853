import type { VMState } from '@vedette/model';
import type { RuntimeRow } from '../../host-port.ts';

/** After a move that failed, libvirt removes the domain at the destination within milliseconds; here with room. */
const removedWithinMs = 2_000;

/**
 * A move that fails leaves its domain at the destination for a moment, off because it could not be started (5/6), before
 * libvirt removes it. Nothing failed there: the VM runs on where it came from.
 *
 * Such a row is kept back where the VM was not told before, or as arriving, and told if it is still so after
 * {@link removedWithinMs}: then it is a domain that could really not be started.
 */
export class FailedArrivals {
  readonly #told = new WeakMap<object, VMState>();
  readonly #sinceMs = new WeakMap<object, number>();

  /** @param domain one object for each domain, for as long as it is listed */
  keepsBack(domain: object, row: RuntimeRow, nowMs: number): boolean {
    const told = this.#told.get(domain) ?? 'migrating_in';
    const failedToStart = row.raw.state === '5' && row.raw.reason === '6';
    if (!failedToStart || told !== 'migrating_in') {
      this.#sinceMs.delete(domain);
      return false;
    }
    const sinceMs = this.#sinceMs.get(domain) ?? nowMs;
    this.#sinceMs.set(domain, sinceMs);
    return nowMs - sinceMs < removedWithinMs;
  }

  wasTold(domain: object, { state }: RuntimeRow): void {
    this.#told.set(domain, state);
  }
}
