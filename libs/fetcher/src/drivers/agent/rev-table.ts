/** Slots of the smallest table; always a power of two. */
const MIN_SLOTS = 8;

/**
 * Revisions by id, without the ids: 26 bytes a VM, of which there are a million, where a Map and its strings took 100.
 *
 * An id is known by 53 bits of its hash. Two ids of one host that share them (once in 10^9 fleets of a million) would
 * make a checksum differ, and the host be listed whole, at every poll.
 */
export class RevTable {
  /** Of each slot the key, 0 where it is free, and the revision. Linear probing; at most three quarters are taken. */
  #cells = new Float64Array(2 * MIN_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The revision; -1 where there is none. */
  get(id: string): number {
    const slot = this.#slotOf(keyOf(id));
    return this.#cells[2 * slot] === 0 ? -1 : (this.#cells[2 * slot + 1] ?? -1);
  }

  /** Sets the revision unless a higher one is held. Returns the one held before; -1: there was none. */
  raise(id: string, rev: number): number {
    const key = keyOf(id);
    const slot = this.#slotOf(key);
    const cell = 2 * slot;
    if (this.#cells[cell] === 0) {
      this.#add(key, slot, rev);
      return -1;
    }
    const held = this.#cells[cell + 1] ?? -1;
    if (rev > held) this.#cells[cell + 1] = rev;
    return held;
  }

  delete(id: string): void {
    const slot = this.#slotOf(keyOf(id));
    if (this.#cells[2 * slot] === 0) return;
    this.#size--;
    this.#closeGap(slot);
  }

  /** Forgets everything. @param expected how many are to follow */
  clear(expected = 0): void {
    let slots = MIN_SLOTS;
    while (4 * expected > 3 * slots) slots *= 2;
    if (slots === this.#slots) this.#cells.fill(0);
    else this.#cells = new Float64Array(2 * slots);
    this.#size = 0;
  }

  #add(key: number, free: number, rev: number): void {
    let slot = free;
    if (4 * (this.#size + 1) > 3 * this.#slots) {
      this.#resize(2 * this.#slots);
      slot = this.#slotOf(key);
    }
    this.#size++;
    this.#cells[2 * slot] = key;
    this.#cells[2 * slot + 1] = rev;
  }

  get #slots(): number {
    return this.#cells.length / 2;
  }

  /** Where the key is, or the free slot where it would go. */
  #slotOf(key: number): number {
    const cells = this.#cells;
    const mask = cells.length / 2 - 1;
    let slot = (key | 0) & mask;
    for (;;) {
      const held = cells[2 * slot];
      if (held === key || held === 0) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** Moves up what stands behind a slot that became free, so that every search still ends where it should. */
  #closeGap(freed: number): void {
    const cells = this.#cells;
    const mask = this.#slots - 1;
    let gap = freed;
    for (let slot = (gap + 1) & mask; cells[2 * slot] !== 0; slot = (slot + 1) & mask) {
      const home = ((cells[2 * slot] ?? 0) | 0) & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue; // it would stand before its home
      cells[2 * gap] = cells[2 * slot] ?? 0;
      cells[2 * gap + 1] = cells[2 * slot + 1] ?? 0;
      gap = slot;
    }
    cells[2 * gap] = 0;
  }

  #resize(slots: number): void {
    const before = this.#cells;
    this.#cells = new Float64Array(2 * slots);
    for (let at = 0; at < before.length; at += 2) {
      const key = before[at] ?? 0;
      if (key === 0) continue;
      const slot = this.#slotOf(key);
      this.#cells[2 * slot] = key;
      this.#cells[2 * slot + 1] = before[at + 1] ?? 0;
    }
  }
}

/** 53 bits of two multiplicative hashes, finished as MurmurHash3's; never 0. `key | 0` is the low lane. */
function keyOf(id: string): number {
  let high = 0x2545f491;
  let low = 0x4f6cdd1d;
  for (let at = 0; at < id.length; at++) {
    const unit = id.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  const key = (finish(high ^ id.length) >>> 11) * 0x1_0000_0000 + (finish(low) >>> 0);
  return key === 0 ? 1 : key;
}

function finish(lane: number): number {
  let mixed = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
