import type { ConditionsValue, Version } from '@vedette/model';
import type { RegisterSet, VMEntry } from '../knowledge.ts';
import { readUuid, uuidText, wordsRead } from './binary-text.ts';
import { Blocks } from './blocks.ts';
import { flagBits, words } from './layout.ts';
import { hashOfKey, RecordIndex } from './record-index.ts';
import { placeOf, Records } from './records.ts';
import { Sayings, SharedTexts } from './shared-texts.ts';

/** What of a VM does not fit the form of a record: a hash of another length, a name too long, a birth. */
export interface OddParts {
  /** Registers kept as they are. */
  readonly published: RegisterSet & { conditions?: ConditionsValue };
  readonly versions?: { readonly activation: Version; readonly born?: Version };
  readonly sections?: Pick<VMEntry, 'listed' | 'taken'>;
  readonly names?: { readonly listedName: string; readonly configName?: string };
}

/** What a table takes, for metrics and benches. */
export interface TableSize {
  readonly vms: number;
  /** Of these, those that are objects now: worked on, or waiting for something. */
  readonly awake: number;
  readonly recordBytes: number;
  readonly blockBytes: number;
  /** Of these, the bytes in use. */
  readonly usedBlockBytes: number;
  readonly sayings: number;
  readonly texts: number;
  /** VMs of which a part is kept as objects. */
  readonly odd: number;
}

/**
 * The VMs of all hosts of one process, at rest: records and blocks of bytes in place of objects. Hosts have their VMs
 * of it through a `HostVMs` each.
 *
 * V1. A VM has one record from the moment its host knows it until it forgets it, awake or not.
 * V2. Whatever the table holds for a record (block, saying, text, odd parts) goes when the record does.
 * V3. No operation moves what other VMs have: the longest one makes a page of 120 KiB, or splits one bucket.
 */
export class VMTable {
  readonly records = new Records();
  readonly index = new RecordIndex(this.records);
  readonly blocks = new Blocks();
  readonly sayings = new Sayings();
  readonly odd = new Map<number, OddParts>();
  /** VMs that are awake, of all hosts; theirs to count. */
  awake = 0;
  readonly #texts = new SharedTexts();
  #hosts = 0;

  /** The number under which a host has its VMs; never given out twice. */
  newHost(): number {
    return ++this.#hosts;
  }

  get size(): TableSize {
    return {
      vms: this.records.size,
      awake: this.awake,
      recordBytes: this.records.bytes,
      blockBytes: this.blocks.bytes,
      usedBlockBytes: this.blocks.usedBytes,
      sayings: this.sayings.size,
      texts: this.#texts.size,
      odd: this.odd.size,
    };
  }

  /**
   * The record of a host's VM; 0 where the host knows no such VM.
   *
   * @param guess a record that may be it, looked at first: listings have their rows in the same order every time
   */
  find(host: number, vm: string, guess = 0): number {
    const named = !readUuid(vm);
    if (named && !this.#readTextId(this.#texts.find(vm))) return 0;
    if (guess !== 0 && this.#isRead(guess, host, named)) return guess;
    let row = this.index.first(
      hashOfKey(host, wordsRead[0] as number, wordsRead[1] as number, wordsRead[2] as number, wordsRead[3] as number),
    );
    while (row !== 0 && !this.#isRead(row, host, named)) {
      row = this.records.page(row)[placeOf(row) + words.nextInBucket] as number;
    }
    return row;
  }

  /** Whether a record is that of the VM of this host whose id was read last. */
  #isRead(row: number, host: number, named: boolean): boolean {
    const held = this.records.page(row);
    const at = placeOf(row);
    return (
      held[at] === wordsRead[0] &&
      held[at + 1] === wordsRead[1] &&
      held[at + 2] === wordsRead[2] &&
      held[at + 3] === wordsRead[3] &&
      held[at + words.host] === host &&
      ((held[at + words.flags] as number) & flagBits.namedByText) === (named ? flagBits.namedByText : 0)
    );
  }

  /** A new record for a VM that its host does not know yet. */
  add(host: number, vm: string): number {
    const row = this.records.allocate();
    const named = !readUuid(vm);
    if (named) this.#readTextId(this.#texts.use(vm));
    const held = this.records.page(row);
    const at = placeOf(row);
    held.set(wordsRead, at + words.id);
    held[at + words.host] = host;
    held[at + words.flags] = named ? flagBits.namedByText : 0;
    this.index.insert(row);
    return row;
  }

  /** V2 */
  drop(row: number): void {
    const held = this.records.page(row);
    const at = placeOf(row);
    this.index.remove(row);
    const saying = held[at + words.saying] as number;
    if (saying !== 0) this.sayings.end(saying);
    const block = held[at + words.details] as number;
    if (block !== 0) this.blocks.free(block);
    const flags = held[at + words.flags] as number;
    if ((flags & flagBits.namedByText) !== 0) this.#texts.end(held[at + words.id] as number);
    this.odd.delete(row);
    this.records.free(row);
  }

  vmOf(row: number): string {
    const held = this.records.page(row);
    const at = placeOf(row);
    const first = held[at] as number;
    if (((held[at + words.flags] as number) & flagBits.namedByText) !== 0) return this.#texts.get(first);
    return uuidText(first, held[at + 1] as number, held[at + 2] as number, held[at + 3] as number);
  }

  /** The number of a text, as an id; false for none. */
  #readTextId(number: number): boolean {
    wordsRead[0] = number;
    wordsRead[1] = 0;
    wordsRead[2] = 0;
    wordsRead[3] = 0;
    return number !== 0;
  }
}
