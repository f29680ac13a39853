import { findAll, parseXml, xmlFlags } from '@vedette/libvirt';
import { phaseOf } from '@vedette/runtime';
import { readDefinition } from './definition.ts';
import type { DomainEntry } from './domain-entry.ts';
import type { DriverContext } from './driver-context.ts';

const askTimeoutMs = 10_000;

/**
 * Keeps the definitions of domains. Reading one is a call for the live and one for the inactive definition; it touches
 * no QEMU and waits for no job.
 *
 * X1. Read at first sight, when the domain starts, stops or is renamed, and after events that may have changed it:
 *     defined, devices added or removed, a new connection. Nothing tells of a NIC whose link is set, nor of what was
 *     changed while events were lost: for these it is read once an interval, spread over all domains.
 * X2. One read while the domain is starting up is provisional, and read again at the next listing: libvirt still gives
 *     out displays, and puts the processor of a transient domain in other words.
 * X3. One that cannot be read stays as it is known, and is asked for again at the next listing.
 */
export class DefinitionReader {
  readonly #context: DriverContext;
  readonly #intervalMs: number;

  /** @param intervalMs between two readings that nothing asked for */
  constructor(context: DriverContext, intervalMs: number) {
    this.#context = context;
    this.#intervalMs = intervalMs;
  }

  /** Reads what is due; resolves when all of it has been. Never rejects. */
  async readDue(entries: readonly DomainEntry[]): Promise<void> {
    const nowMs = this.#context.clock.now();
    const due = entries.filter((entry) => !entry.readingDefinition && entry.definitionDueMs <= nowMs);
    await Promise.all(due.map((entry) => this.#read(entry)));
  }

  /** Reads one now, and tells of it where that changed what is wrong with it. Never rejects. */
  async readNow(entry: DomainEntry): Promise<void> {
    const before = entry.conditions.section.hash;
    entry.definitionDueMs = 0;
    if (!entry.readingDefinition) await this.#read(entry);
    if (entry.conditions.section.hash !== before) this.#context.tell(entry);
  }

  async #read(entry: DomainEntry): Promise<void> {
    const { clock, session, signal } = this.#context;
    entry.readingDefinition = true;
    const wasStartingUp = entry.isStartingUp;
    // From now on: an event that comes while it is read makes it stale again.
    entry.definitionDueMs = clock.now() + this.#intervalMs * 0.8 + phaseOf(entry.domain.uuid, this.#intervalMs * 0.4);
    try {
      const connection = await session.connection();
      const call = { timeoutMs: askTimeoutMs, signal };
      const [live, inactive] = await Promise.all([
        connection.domainXml(entry.domain, call),
        connection.domainXml(entry.domain, { ...call, flags: xmlFlags.inactive }),
      ]);
      entry.define(readDefinition(live, inactive));
      entry.conditions.set('nic', entry.isActive && hasLinkDown(live));
      if (wasStartingUp || entry.isStartingUp) entry.definitionDueMs = 0; // X2
    } catch {
      entry.definitionDueMs = 0; // X3
    } finally {
      entry.readingDefinition = false;
    }
  }
}

/** Q3 of ConditionSet: an interface whose link was set down. Most definitions are not parsed for it. */
function hasLinkDown(liveXml: string): boolean {
  if (!liveXml.includes("state='down'")) return false;
  const links = findAll(parseXml(liveXml), 'devices', 'interface', 'link');
  return links.some(({ attributes }) => attributes.get('state') === 'down');
}
