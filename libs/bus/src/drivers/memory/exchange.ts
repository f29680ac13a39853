import { matchSubject } from '@vedette/model';
import { type Clock, VedetteError } from '@vedette/runtime';
import { SubjectIndex } from '../../subject-index.ts';
import { Deque } from './deque.ts';
import { type DeadLetter, DurableGroup, type GroupState } from './group.ts';
import type { MemoryLimits } from './limits.ts';
import type { Receiver, StoredMessage } from './receiver.ts';
import { RecentIds } from './recent-ids.ts';

/** What the broker holds: groups, what is retained for new ones, ids seen lately, and who follows what. */
export class Exchange {
  readonly #clock: Clock;
  readonly #limits: MemoryLimits;
  readonly #receivers = new SubjectIndex<Receiver>();
  readonly #groups = new Map<string, DurableGroup>();
  readonly #recentIds: RecentIds;
  readonly #retained = new Deque<StoredMessage>();
  #retainedBytes = 0;
  readonly #deadLetters: DeadLetter[] = [];
  #deadLettersDropped = 0;
  /** Reused by every match; empty in between. */
  readonly #matched: Receiver[] = [];

  constructor(clock: Clock, limits: MemoryLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#recentIds = new RecentIds(limits.dedupMessages);
  }

  get deadLetters(): readonly DeadLetter[] {
    return this.#deadLetters;
  }

  get deadLettersDropped(): number {
    return this.#deadLettersDropped;
  }

  groupStates(): GroupState[] {
    return [...this.#groups.values()].map((group) => group.state);
  }

  // ---- Messages ----------------------------------------------------------------------------------------------

  /**
   * Stores a message in every durable group that matches, or in none: the answer is then the group without room. A
   * message with an id seen lately is stored already.
   */
  store(message: StoredMessage): DurableGroup | undefined {
    const { subject, id, payload } = message;
    const matched = this.#matched;
    this.#receivers.match(subject, matched);
    let full: Receiver | undefined;
    for (const receiver of matched) if (!receiver.hasRoom(payload.byteLength)) full ??= receiver;
    if (full !== undefined && this.#recentIds.has(id)) full = undefined;
    else if (full === undefined && this.#recentIds.add(id)) {
      const stored = { subject, id, payload };
      for (const receiver of matched) receiver.receive(stored);
      this.#retain(stored);
    }
    matched.length = 0;
    return full as DurableGroup | undefined; // a subscription always has room
  }

  /** Hands a volatile message to whoever is subscribed now. */
  send(subject: string, payload: Uint8Array): void {
    const matched = this.#matched;
    this.#receivers.match(subject, matched);
    if (matched.length > 0) {
      const message = { subject, id: '', payload };
      for (const receiver of matched) if (!receiver.durable) receiver.receive(message);
    }
    matched.length = 0;
  }

  // ---- Receivers ---------------------------------------------------------------------------------------------

  add(receiver: Receiver & { readonly patterns: readonly string[] }): void {
    for (const pattern of receiver.patterns) this.#receivers.add(pattern, receiver);
  }

  remove(receiver: Receiver & { readonly patterns: readonly string[] }): void {
    for (const pattern of receiver.patterns) this.#receivers.remove(pattern, receiver);
  }

  /** The group of that name, made if there is none. @throws VedetteError VDT_BUS_GROUP_PATTERNS */
  group(name: string, patterns: readonly string[], from: 'beginning' | 'new'): DurableGroup {
    const existing = this.#groups.get(name);
    if (existing === undefined) return this.#createGroup(name, [...new Set(patterns)], from);
    if (!samePatterns(existing.patterns, patterns)) throw groupPatternsError(existing, patterns);
    return existing;
  }

  /** Forgets a group and what it holds; false if there is none. @throws VedetteError VDT_BUS_USAGE while it has members */
  removeGroup(name: string): boolean {
    const group = this.#groups.get(name);
    if (group === undefined) return false;
    if (group.state.members > 0)
      throw new VedetteError('VDT_BUS_USAGE', { message: `group ${name} still has members` });
    this.remove(group);
    this.#groups.delete(name);
    group.drop();
    return true;
  }

  #createGroup(name: string, patterns: readonly string[], from: 'beginning' | 'new'): DurableGroup {
    const onDeadLetter = (letter: DeadLetter): void => this.#setAside(letter);
    const group = new DurableGroup({ name, patterns, clock: this.#clock, limits: this.#limits, onDeadLetter });
    this.#groups.set(name, group);
    this.add(group);
    if (from === 'beginning') {
      for (const message of this.#retained) {
        if (patterns.some((pattern) => matchSubject(pattern, message.subject))) group.receive(message);
      }
    }
    return group;
  }

  // ---- What is kept ------------------------------------------------------------------------------------------

  #retain(message: StoredMessage): void {
    const { retainedMessages, retainedBytes } = this.#limits;
    this.#retained.push(message);
    this.#retainedBytes += message.payload.byteLength;
    while (this.#retained.size > retainedMessages || this.#retainedBytes > retainedBytes) {
      this.#retainedBytes -= this.#retained.shift()?.payload.byteLength ?? 0;
    }
  }

  #setAside(letter: DeadLetter): void {
    this.#deadLetters.push(letter);
    if (this.#deadLetters.length <= this.#limits.maxDeadLetters) return;
    this.#deadLetters.shift();
    this.#deadLettersDropped++;
  }
}

function samePatterns(existing: readonly string[], given: readonly string[]): boolean {
  return existing.every((pattern) => given.includes(pattern)) && given.every((pattern) => existing.includes(pattern));
}

function groupPatternsError(group: DurableGroup, patterns: readonly string[]): VedetteError {
  return new VedetteError('VDT_BUS_GROUP_PATTERNS', {
    message: `group ${group.name} has the patterns ${group.patterns.join(' ')}, not ${patterns.join(' ')}`,
  });
}
