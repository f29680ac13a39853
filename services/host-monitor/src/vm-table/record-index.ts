import { words } from './layout.ts';
import { placeOf, type Records } from './records.ts';

const headsPerChunk = 4096;
const chunkShift = 12;
const inChunk = headsPerChunk - 1;
/** Records a bucket, on average. */
const load = 2;
const fewestBuckets = 16;

/**
 * Finds records by host and id: linear hashing, chained through the records.
 *
 * X1. It grows and shrinks by one bucket at a time, with the set: no insertion moves more than one bucket's records.
 * X2. Every record in it is in the bucket of its host's and id's hash, exactly once.
 */
export class RecordIndex {
  readonly #records: Records;
  readonly #chunks: Uint32Array[] = [];
  #buckets = 0;
  /** The largest power of two that is not above the number of buckets. */
  #round = fewestBuckets;
  #size = 0;

  constructor(records: Records) {
    this.#records = records;
    while (this.#buckets < fewestBuckets) this.#addBucket();
  }

  /** The first record of the bucket in which a record of that hash would be; follow `nextInBucket`. */
  first(hash: number): number {
    return this.#head(this.#bucketOf(hash));
  }

  insert(row: number): void {
    this.#push(this.#bucketOf(this.#hashOf(row)), row);
    this.#size++;
    if (this.#size > load * this.#buckets) this.#split();
  }

  remove(row: number): void {
    const bucket = this.#bucketOf(this.#hashOf(row));
    const next = this.#next(row);
    let held = this.#head(bucket);
    if (held === row) this.#setHead(bucket, next);
    else {
      while (this.#next(held) !== row) held = this.#next(held);
      this.#setNext(held, next);
    }
    this.#size--;
    if (this.#buckets > fewestBuckets && this.#size < (load * this.#buckets) / 2) this.#merge();
  }

  #split(): void {
    const from = this.#buckets - this.#round;
    const rows = this.#takeAll(from);
    this.#addBucket();
    if (this.#buckets === 2 * this.#round) this.#round = this.#buckets;
    for (const row of rows) this.#push(this.#bucketOf(this.#hashOf(row)), row);
  }

  #merge(): void {
    const last = this.#buckets - 1;
    const rows = this.#takeAll(last);
    this.#buckets = last;
    if (this.#buckets < this.#round) this.#round /= 2;
    if ((last & inChunk) === 0) this.#chunks.pop();
    for (const row of rows) this.#push(this.#bucketOf(this.#hashOf(row)), row);
  }

  #addBucket(): void {
    if ((this.#buckets & inChunk) === 0) this.#chunks.push(new Uint32Array(headsPerChunk));
    this.#setHead(this.#buckets++, 0);
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (2 * this.#round - 1);
    return bucket < this.#buckets ? bucket : bucket - this.#round;
  }

  #hashOf(row: number): number {
    const held = this.#records.page(row);
    const at = placeOf(row);
    const id = at + words.id;
    return hashOfKey(
      held[at + words.host] as number,
      held[id] as number,
      held[id + 1] as number,
      held[id + 2] as number,
      held[id + 3] as number,
    );
  }

  #takeAll(bucket: number): number[] {
    const rows: number[] = [];
    for (let row = this.#head(bucket); row !== 0; row = this.#next(row)) rows.push(row);
    this.#setHead(bucket, 0);
    return rows;
  }

  #push(bucket: number, row: number): void {
    this.#setNext(row, this.#head(bucket));
    this.#setHead(bucket, row);
  }

  #head(bucket: number): number {
    return (this.#chunks[bucket >>> chunkShift] as Uint32Array)[bucket & inChunk] as number;
  }

  #setHead(bucket: number, row: number): void {
    (this.#chunks[bucket >>> chunkShift] as Uint32Array)[bucket & inChunk] = row;
  }

  #next(row: number): number {
    return this.#records.page(row)[placeOf(row) + words.nextInBucket] as number;
  }

  #setNext(row: number, next: number): void {
    this.#records.page(row)[placeOf(row) + words.nextInBucket] = next;
  }
}

/** 31 bits, well mixed: UUIDs of some sources differ in a few digits only. */
export function hashOfKey(host: number, a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(host ^ 0x9e3779b9, 0x85ebca6b) ^ a;
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35) ^ b;
  hash = Math.imul(hash ^ (hash >>> 13), 0x27d4eb2f) ^ c;
  hash = Math.imul(hash ^ (hash >>> 16), 0x165667b1) ^ d;
  hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1);
  return (hash ^ (hash >>> 16)) & 0x7fffffff;
}
