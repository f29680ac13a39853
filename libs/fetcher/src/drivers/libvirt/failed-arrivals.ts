import type { VMState } from '@vedette/model';
import type { RuntimeRow } from '../../host-port.ts';

/** After a move that failed, libvirt removes the domain at the destination within milliseconds; here with room. */
const removedWithinMs = 2_000;

/**
 * A move that fails leaves its domain at the destination for a moment, off because it could not be started (5/6) or
 * because its QEMU ended (5/3), before libvirt removes it. Nothing failed there: the VM runs on where it came from.
 *
 * Such a row is kept back where the VM was told last as arriving, or was not there at all before, and told if it is still
 * so after {@link removedWithinMs}: then it is a domain that has really failed.
 */
export class FailedArrivals {
  readonly #told = new WeakMap<object, VMState>();
  readonly #sinceMs = new WeakMap<object, number>();

  /** @param domain one object for each domain, for as long as it is listed */
  keepsBack(domain: object, row: RuntimeRow, nowMs: number): boolean {
    const told = this.#told.get(domain) ?? 'migrating_in';
    if (row.state !== 'failed' || told !== 'migrating_in') {
      this.#sinceMs.delete(domain);
      return false;
    }
    const sinceMs = this.#sinceMs.get(domain) ?? nowMs;
    this.#sinceMs.set(domain, sinceMs);
    return nowMs - sinceMs < removedWithinMs;
  }

  wasTold(domain: object, { state }: Pick<RuntimeRow, 'state'>): void {
    this.#told.set(domain, state);
  }

  /** It was there when the host was listed for the first time: nobody knows that it came. */
  wasThere(domain: object): void {
    this.#told.set(domain, 'absent');
  }
}
