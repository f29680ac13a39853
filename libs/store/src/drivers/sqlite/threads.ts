import { Thread, type ThreadOptions } from './thread.ts';

/** Batches handed to the writing thread at once: one is written while the next is on its way. */
const commandsInFlight = 4;
/** Queries that take turns in the reading thread. */
const queriesInFlight = 64;
const maxWaiting = 4_096;

const roles = {
  writer: { entry: new URL('./writer-thread.ts', import.meta.url), inFlight: commandsInFlight, maxWaiting },
  reader: { entry: new URL('./reader-thread.ts', import.meta.url), inFlight: queriesInFlight, maxWaiting },
} as const satisfies Record<string, ThreadOptions>;
export type ThreadRoleName = keyof typeof roles;

/**
 * Threads for stores. A thread takes a few hundred milliseconds to load its modules, which then serve any number of
 * files one after the other: whoever makes the threads before the path of the file is known, or opens stores again and
 * again, saves that time. Whoever made them disposes of them, after the stores that use them are closed.
 */
export class SqliteThreads implements AsyncDisposable {
  readonly #idle = new Map<ThreadRoleName, Thread[]>();

  /** Starts loading the threads of one store. */
  warm(): void {
    for (const role of ['writer', 'reader'] as const) this.giveBack(role, this.take(role));
  }

  /** A thread that has no file open. */
  take(role: ThreadRoleName): Thread {
    for (;;) {
      const thread = this.#idle.get(role)?.pop();
      if (thread === undefined) return new Thread(roles[role]);
      if (thread.alive) return thread;
    }
  }

  /** Hands back a thread that has no file open any more. */
  giveBack(role: ThreadRoleName, thread: Thread): void {
    const idle = this.#idle.get(role) ?? [];
    this.#idle.set(role, idle);
    idle.push(thread);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const idle = [...this.#idle.values()].flat();
    this.#idle.clear();
    await Promise.all(idle.map((thread) => thread.end()));
  }
}
