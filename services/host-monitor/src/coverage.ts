import { envelope, type HostCoverage, subjects } from '@vedette/model';
import type { HostProof } from './host-proof.ts';
import type { Blindness } from './sight.ts';

/** How often an echoed mark is repeated: coverage is volatile, a lost one must not hold a VM's truth back. */
const echoRepeats = 3;

/**
 * What one member can prove about its hosts (I12): built every few seconds from the proofs of its actors, which it
 * only reads. Hosts proved within two polling intervals share one age; the others are listed.
 */
export class CoverageReporter {
  readonly #member: string;
  readonly #source: string;
  readonly #freshMs: number;
  readonly #echoes = new Map<string, { mark: number; repeats: number }>();
  #sent = 0;

  constructor(member: string, source: string, pollIntervalMs: number) {
    this.#member = member;
    this.#source = source;
    this.#freshMs = 2 * pollIntervalMs;
  }

  build(
    proofs: Iterable<HostProof>,
    nowMs: number,
    wallMs: number,
    blindness: Pick<Blindness, 'since' | 'why'> | undefined,
  ): HostCoverage {
    let hosts = 0;
    let provedAgoMs = 0;
    const exceptions: Record<string, number | null> = {};
    const marks: HostCoverage['data']['marks'] = [];
    for (const proof of proofs) {
      hosts++;
      const agoMs = proof.provedMs === undefined ? null : nowMs - proof.provedMs;
      if (agoMs === null || agoMs > this.#freshMs) exceptions[proof.host] = agoMs;
      else provedAgoMs = Math.max(provedAgoMs, agoMs);
      if (proof.echoed !== undefined && this.#repeats(proof.host, proof.echoed.mark)) {
        marks.push({ host: proof.host, ...proof.echoed });
      }
    }
    return envelope({
      name: 'HostCoverage',
      id: `${this.#member}/coverage/${++this.#sent}`,
      source: this.#source,
      subject: subjects.coverage(this.#member),
      wallMs,
      data: {
        member: this.#member,
        hosts,
        provedAgoMs,
        exceptions,
        marks,
        ...(blindness === undefined ? {} : { blind: { since: blindness.since, why: blindness.why } }),
      },
    });
  }

  forget(host: string): void {
    this.#echoes.delete(host);
  }

  #repeats(host: string, mark: number): boolean {
    const echo = this.#echoes.get(host);
    if (echo === undefined || echo.mark !== mark) {
      this.#echoes.set(host, { mark, repeats: echoRepeats - 1 });
      return true;
    }
    return echo.repeats-- > 0;
  }
}
