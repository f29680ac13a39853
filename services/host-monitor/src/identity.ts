import type { HostIdentity } from '@vedette/fetcher';

/** Consecutive good answers after which a conflict counts as over. */
const answersToTrust = 3;
/** Runs remembered, the oldest forgotten first. */
const maxFormerBoots = 8;

/** What an answer is worth. */
export type Verdict =
  | { readonly kind: 'believe' }
  /** Another run of the agent: believed once it answers a second time. */
  | { readonly kind: 'ask-again' }
  /** Somebody else answers, or two do in turn. */
  | { readonly kind: 'conflict'; readonly reason: string };

/**
 * Watches that a host stays the same machine: another `hostUuid`, or an earlier boot that comes back after a newer
 * one (two agents answering in turn), is a conflict. It ends after {@link answersToTrust} consistent answers. A new
 * boot must answer twice before it is believed, so that a second agent's first answer is never taken for a restart.
 */
export class HostIdentityGuard {
  #hostUuid: string | undefined;
  /** The run that is believed. */
  #boot: string | undefined;
  #candidate: string | undefined;
  readonly #formerBoots = new Set<string>();
  #goodAnswers = answersToTrust;
  #reason = '';

  /** @param hostUuid what the host called itself in earlier runs; undefined before the first contact */
  constructor(hostUuid: string | undefined) {
    this.#hostUuid = hostUuid;
  }

  get hostUuid(): string | undefined {
    return this.#hostUuid;
  }

  check(identity: HostIdentity): Verdict {
    const fault = this.#faultOf(identity);
    if (fault !== undefined) {
      this.#goodAnswers = 0;
      this.#reason = fault;
    } else if (this.#goodAnswers < answersToTrust) this.#goodAnswers++;
    if (this.#goodAnswers < answersToTrust) return { kind: 'conflict', reason: this.#reason };
    return this.#isBelieved(identity.boot) ? { kind: 'believe' } : { kind: 'ask-again' };
  }

  #faultOf({ hostUuid, boot }: HostIdentity): string | undefined {
    this.#hostUuid ??= hostUuid;
    if (hostUuid !== this.#hostUuid) return `it calls itself ${hostUuid}, known is ${this.#hostUuid}`;
    const comesBack = this.#formerBoots.has(boot) || (boot === this.#boot && this.#candidate !== undefined);
    if (!comesBack) return undefined;
    const other = this.#candidate ?? this.#boot ?? boot;
    this.#formerBoots.clear();
    this.#formerBoots.add(other);
    this.#boot = boot;
    this.#candidate = undefined;
    return `two agents answer in turn, runs ${[boot, other].sort().join(' and ')}`;
  }

  #isBelieved(boot: string): boolean {
    this.#boot ??= boot;
    if (boot === this.#boot) return true;
    if (boot !== this.#candidate) {
      this.#candidate = boot;
      return false;
    }
    this.#candidate = undefined;
    this.#formerBoots.add(this.#boot);
    if (this.#formerBoots.size > maxFormerBoots)
      this.#formerBoots.delete(this.#formerBoots.values().next().value ?? '');
    this.#boot = boot;
    return true;
  }
}
