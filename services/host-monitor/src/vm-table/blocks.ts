/** Sizes are whole numbers of these. */
const unitBytes = 8;
const slabUnits = 8192;
const slabShift = 13;
const inSlab = slabUnits - 1;
const mostUnits = 255;

/** Longest content of one block, in bytes: what 255 units hold beside their length. */
export const mostBlockBytes = mostUnits * unitBytes - 1;

/**
 * Short runs of bytes, by number; 0 is none. Each takes its length and one byte, rounded up to 8.
 *
 * B1. A block never moves and never shares a byte with another; its number is good until it is freed or written anew.
 * B2. A freed block is given out again for content of its size, or cut for smaller content before a new slab is made.
 *     Neighbours that are free are not joined: their room serves content of their sizes only.
 */
export class Blocks {
  readonly #slabs: Buffer[] = [];
  /** By size in units: the first that is free; each has the next one's number in its second word. */
  readonly #free: number[] = new Array<number>(mostUnits + 1).fill(0);
  /** Never given out yet, in units; the first is none. */
  #next = 1;
  #usedUnits = 0;

  /** Bytes of all slabs. */
  get bytes(): number {
    return this.#slabs.length * slabUnits * unitBytes;
  }

  /** Bytes of all blocks in use. */
  get usedBytes(): number {
    return this.#usedUnits * unitBytes;
  }

  /** The slab in which a block lies; it begins at {@link contentOf}. Good until the next write. */
  slabOf(block: number): Buffer {
    return this.#slabs[block >>> slabShift] as Buffer;
  }

  /** Keeps a copy of the first `length` bytes, at most {@link mostBlockBytes}; 0 for none. */
  write(content: Uint8Array, length: number): number {
    if (length === 0) return 0;
    const units = unitsOf(length);
    const block = this.#take(units);
    this.#fill(block, units, content, length);
    return block;
  }

  /** Has a block hold other content; returns its number, another one if the size is. */
  rewrite(block: number, content: Uint8Array, length: number): number {
    if (block !== 0 && length > 0 && this.#sizeOf(block) === unitsOf(length)) {
      this.#fill(block, unitsOf(length), content, length);
      return block;
    }
    if (block !== 0) this.free(block);
    return this.write(content, length);
  }

  free(block: number): void {
    const units = this.#sizeOf(block);
    this.#usedUnits -= units;
    this.#release(block, units);
  }

  #fill(block: number, units: number, content: Uint8Array, length: number): void {
    const slab = this.slabOf(block);
    const at = contentOf(block);
    slab[at - 1] = units;
    slab.set(length === content.length ? content : content.subarray(0, length), at);
  }

  #sizeOf(block: number): number {
    return this.slabOf(block)[contentOf(block) - 1] as number;
  }

  #take(units: number): number {
    this.#usedUnits += units;
    const free = this.#pop(units);
    if (free !== 0) return free;
    const left = this.#leftInSlab();
    if (left < units) {
      const cut = this.#cut(units);
      if (cut !== 0) return cut;
      if (left > 0) this.#release(this.#next, left);
      this.#next = Math.max(1, this.#slabs.length * slabUnits);
      this.#slabs.push(Buffer.alloc(slabUnits * unitBytes));
    }
    const block = this.#next;
    this.#next += units;
    return block;
  }

  /** Units of the last slab that were never given out. */
  #leftInSlab(): number {
    return this.#slabs.length * slabUnits - this.#next;
  }

  /** Takes the first units of a larger block that is free; 0 where there is none. */
  #cut(units: number): number {
    for (let size = units + 1; size <= mostUnits; size++) {
      const block = this.#pop(size);
      if (block === 0) continue;
      this.#release(block + units, size - units);
      return block;
    }
    return 0;
  }

  #pop(units: number): number {
    const block = this.#free[units] as number;
    if (block !== 0) this.#free[units] = this.slabOf(block).readUInt32LE(contentOf(block) + 3);
    return block;
  }

  #release(block: number, units: number): void {
    this.slabOf(block).writeUInt32LE(this.#free[units] as number, contentOf(block) + 3);
    this.#free[units] = block;
  }
}

/** Where a block's content begins in its slab. */
export function contentOf(block: number): number {
  return (block & inSlab) * unitBytes + 1;
}

function unitsOf(length: number): number {
  return Math.ceil((length + 1) / unitBytes);
}
