import { type Clock, sleepOn, type Timer } from './clock.ts';

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  /** Undefined once fired or cancelled. */
  callback: (() => void) | undefined;
}

/**
 * A clock that moves only when told to. Timers fire in the order of their due time, then of their setting; between
 * two instants every promise that became ready runs to its next wait, so a test sees what a patient machine would do.
 *
 * It cannot wait for real I/O (sockets, worker threads): tests on it use in-memory drivers.
 */
export class SimulatedClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  readonly #heap: Entry[] = [];
  #pending = 0;

  constructor(options: { readonly wallStartMs?: number } = {}) {
    this.#wallOffsetMs = options.wallStartMs ?? Date.UTC(2026, 0, 1);
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  /** Number of timers still to fire; what a leak test looks at. */
  get pendingTimers(): number {
    return this.#pending;
  }

  /** Makes the wall clock jump by `byMs` (negative: back) while monotonic time goes on untouched (scenario F8). */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const entry: Entry = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    pushEntry(this.#heap, entry);
    this.#pending++;
    return {
      cancel: () => {
        if (entry.callback !== undefined) this.#pending--;
        entry.callback = undefined;
      },
    };
  }

  sleep(delayMs: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return sleepOn(this, delayMs, options.signal);
  }

  /** Moves time forward by `byMs`, firing everything that falls due on the way, and settles promises in between. */
  async advance(byMs: number): Promise<void> {
    const targetMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#peek(); next !== undefined && next.dueMs <= targetMs; next = this.#peek()) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#fireDue();
      await settle();
    }
    this.#nowMs = Math.max(this.#nowMs, targetMs); // two advances may overlap; time goes back for neither
  }

  /** Advances in steps of `stepMs` until `condition` holds; throws after `limitMs` of simulated time. */
  async advanceUntil(condition: () => boolean, options: { stepMs?: number; limitMs?: number } = {}): Promise<void> {
    const { stepMs = 100, limitMs = 600_000 } = options;
    const endMs = this.#nowMs + limitMs;
    await settle();
    while (!condition()) {
      if (this.#nowMs >= endMs) throw new Error(`condition did not hold within ${limitMs} simulated ms`);
      await this.advance(stepMs);
    }
  }

  #fireDue(): void {
    const nowMs = this.#nowMs;
    const lastOrder = this.#order;
    for (let next = this.#peek(); next !== undefined && next.dueMs <= nowMs; next = this.#peek()) {
      if (next.order >= lastOrder) return; // set by a callback of this very instant: promises go first
      popEntry(this.#heap);
      const { callback } = next;
      next.callback = undefined;
      this.#pending--;
      callback?.();
    }
  }

  #peek(): Entry | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.callback !== undefined) return first;
      popEntry(this.#heap);
    }
    return undefined;
  }
}

/** Lets every ready promise run: microtasks, and the few turns that a chain through setImmediate needs. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

function before(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function pushEntry(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt] as Entry;
    if (!before(entry, parent)) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = entry;
}

function popEntry(heap: Entry[]): Entry | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let childAt = 2 * at + 1;
    if (childAt >= heap.length) break;
    if (childAt + 1 < heap.length && before(heap[childAt + 1] as Entry, heap[childAt] as Entry)) childAt++;
    const child = heap[childAt] as Entry;
    if (!before(child, last)) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = last;
  return first;
}
