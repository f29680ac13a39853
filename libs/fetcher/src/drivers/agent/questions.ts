import type { Bus } from '@vedette/bus';
import { type Clock, VedetteError } from '@vedette/runtime';
import '../../errors.ts';
import type Type from 'typebox';
import { type AgentVerb, agentSubject, maxPages, maxVmsAsked, readDocument } from '../../agent-protocol/index.ts';
import type { FetchOptions } from '../../host-port.ts';
import { agentFault } from './faults.ts';

/** How many VMs the first question for sections names; the later ones as many as the agent's parts hold. */
const firstAsked = 256;

/** The questions to one agent over the bus: each with its deadline (H2), all of them ended by {@link close}. */
export class Questions {
  readonly host: string;
  /** Asked a thousand times as often as the others. */
  readonly #pollSubject: string;
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #waiting = new Set<(error: VedetteError) => void>();
  #closed = false;

  constructor(bus: Bus, clock: Clock, host: string) {
    this.host = host;
    this.#pollSubject = agentSubject(host, 'getAllRuntimeStats');
    this.#bus = bus;
    this.#clock = clock;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Every question waiting, and every later one, rejects with VDT_FETCHER_CLOSED. Idempotent. */
  close(): void {
    this.#closed = true;
    const error = new VedetteError('VDT_FETCHER_CLOSED');
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /**
   * The agent's reply, unread.
   *
   * @throws VedetteError as {@link agentFault} has it; VDT_FETCHER_CLOSED; the signal's own reason
   */
  ask(verb: AgentVerb, question: Uint8Array, options: FetchOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new VedetteError('VDT_FETCHER_CLOSED'));
        return;
      }
      this.#waiting.add(reject);
      const subject = verb === 'getAllRuntimeStats' ? this.#pollSubject : agentSubject(this.host, verb);
      this.#bus.call(subject, question, options).then(
        (reply) => {
          this.#waiting.delete(reject);
          resolve(reply);
        },
        (error: unknown) => {
          this.#waiting.delete(reject);
          reject(agentFault(error, this.host, this.#bus.connected));
        },
      );
    });
  }

  /** Asks and reads a reply of one schema. @throws as {@link ask} and {@link readDocument} */
  async askFor<const S extends Type.TSchema>(
    schema: S,
    verb: AgentVerb,
    question: object,
    options: FetchOptions,
  ): Promise<Type.Static<S>> {
    return readDocument(schema, await this.ask(verb, Buffer.from(JSON.stringify(question)), options));
  }

  /**
   * The same options, with what is left of the time from now on; for the later questions of one answer.
   *
   * @throws VedetteError VDT_FETCHER_TIMEOUT, by the function returned, when nothing is left
   */
  begin({ timeoutMs, signal }: FetchOptions): () => FetchOptions {
    const untilMs = this.#clock.now() + timeoutMs;
    return () => {
      const leftMs = untilMs - this.#clock.now();
      if (leftMs <= 0) throw new VedetteError('VDT_FETCHER_TIMEOUT', { message: `${this.host} is not read in time` });
      return signal === undefined ? { timeoutMs: leftMs } : { timeoutMs: leftMs, signal };
    };
  }

  /**
   * Asks for pages until there is no next one.
   *
   * @param read one reply; the next page, or undefined
   * @throws VedetteError VDT_FETCHER_PARTIAL if it does not come to an end
   */
  async pages(
    verb: AgentVerb,
    first: string | undefined,
    left: () => FetchOptions,
    read: (reply: Uint8Array) => string | undefined,
  ): Promise<void> {
    let page = first;
    for (let pages = 0; pages < maxPages; pages++) {
      const question = Buffer.from(JSON.stringify(page === undefined ? {} : { page }));
      // oxlint-disable-next-line no-await-in-loop -- each page names the next
      const next = read(await this.ask(verb, question, left()));
      if (next === undefined) return;
      if (page !== undefined && next <= page) break;
      page = next;
    }
    throw new VedetteError('VDT_FETCHER_PARTIAL', { message: `the pages of ${verb} of ${this.host} do not end` });
  }

  /**
   * Asks for `vms` in parts.
   *
   * @param read one reply; the VMs that it left for another question
   * @throws VedetteError VDT_FETCHER_PARTIAL if there is no progress
   */
  async parts(
    verb: AgentVerb,
    vms: readonly string[],
    left: () => FetchOptions,
    read: (reply: Uint8Array) => readonly string[],
  ): Promise<void> {
    let rest = vms;
    let count = firstAsked;
    while (rest.length > 0) {
      const vmIds = rest.slice(0, count);
      // oxlint-disable-next-line no-await-in-loop -- each part says what is left
      const missing = read(await this.ask(verb, Buffer.from(JSON.stringify({ vmIds })), left()));
      const answered = vmIds.length - missing.length;
      if (answered <= 0) {
        throw new VedetteError('VDT_FETCHER_PARTIAL', { message: `${verb} of ${this.host} answers nothing of it` });
      }
      rest = [...missing, ...rest.slice(count)];
      count = Math.min(maxVmsAsked, 2 * answered);
    }
  }
}
