import { SetChecksum } from '@vedette/model';
import type { ReplyHead, RowLayout, RuntimeStatsReply } from '../../agent-protocol/index.ts';
import type { RuntimeRow } from '../../host-port.ts';
import { RevTable } from './rev-table.ts';

/**
 * What this side holds of one agent's table: the revision of each VM's row, and their checksum. The rows themselves are
 * their reader's.
 *
 * K1. Rows merge by revision: what comes late takes nothing back.
 * K2. A checksum is compared only where no row held is newer than the reply.
 * K3. `stateRev` is what was told, and never ahead of it: what a lost hint or a VM that left leaves to a poll is not
 *     told before that poll.
 */
export class KnownRows {
  #hostUuid = '';
  #boot = '';
  #layout: RowLayout | undefined;
  #rev = 0;
  #stateRev = -1;
  #newestRev = 0;
  readonly #revs = new RevTable();
  readonly #checksum = new SetChecksum();

  /** Empty before the first listing. */
  get boot(): string {
    return this.#boot;
  }

  get hostUuid(): string {
    return this.#hostUuid;
  }

  /** Of what was told in this boot; -1: nothing is proved. */
  get stateRev(): number {
    return this.#stateRev;
  }

  layoutOf(boot: string): RowLayout | undefined {
    return boot === this.#boot ? this.#layout : undefined;
  }

  /** Whether a delta since then could be taken in here. */
  canFollow(since: { readonly boot: string; readonly rev: number }): boolean {
    return since.boot === this.#boot && since.rev <= this.#rev && this.#stateRev >= 0;
  }

  /**
   * Takes in a complete listing.
   *
   * @param head of its first page: what is told after that is for the next poll
   */
  takeComplete(
    head: ReplyHead,
    listing: Pick<RuntimeStatsReply, 'rows' | 'unreadable'> & { readonly layout: RowLayout },
  ): void {
    const distrusted = this.#stateRev < 0; // whatever was wrong with what is held, it ends here
    if (distrusted || head.boot !== this.#boot || head.hostUuid !== this.#hostUuid) this.#begin(head);
    this.#layout = listing.layout;
    this.#takeAll(listing.rows);
    for (const vm of listing.unreadable) this.#remove(vm, head.rev);
    this.#told(head);
  }

  /**
   * Takes in a delta of this boot and host, and says whether both sides hold the same: `newer`, where it cannot be said
   * because a hint has overtaken the reply.
   */
  takeDelta(reply: RuntimeStatsReply): 'agrees' | 'differs' | 'newer' {
    for (const { vm, rev } of reply.rows) this.#take(vm, rev);
    for (const vm of reply.left) this.#remove(vm, reply.rev);
    for (const vm of reply.unreadable) this.#remove(vm, reply.rev);
    if (this.#newestRev > reply.rev) return 'newer';
    if (this.#checksum.toString() !== reply.checksum) {
      this.#stateRev = -1; // nothing is proved until all is listed
      return 'differs';
    }
    this.#told(reply);
    return 'agrees';
  }

  /** Whether what is held of a VM is from after `rev`. */
  isNewer(vm: string, rev: number): boolean {
    return this.#revs.get(vm) > rev;
  }

  /** Takes in rows of this boot that a hint brought. @param stateRev what is told with them; undefined: not all is */
  takeHinted(rows: readonly RuntimeRow[], stateRev: number | undefined): void {
    for (const { vm, rev } of rows) this.#take(vm, rev);
    if (stateRev !== undefined && stateRev > this.#stateRev) this.#stateRev = stateRev;
  }

  #begin({ hostUuid, boot }: ReplyHead): void {
    this.#hostUuid = hostUuid;
    this.#boot = boot;
    this.#rev = 0;
    this.#stateRev = -1;
    this.#newestRev = 0;
    this.#revs.clear();
    this.#checksum.clear();
  }

  #told({ rev, stateRev }: ReplyHead): void {
    if (rev > this.#rev) this.#rev = rev;
    if (stateRev > this.#stateRev) this.#stateRev = stateRev;
  }

  /** K1. What a hint told of VMs that are not listed comes again in the next delta, being newer than the listing. */
  #takeAll(rows: readonly RuntimeRow[]): void {
    const revs = rows.map(({ vm, rev }) => Math.max(rev, this.#revs.get(vm)));
    this.#revs.clear(rows.length);
    this.#checksum.clear();
    this.#newestRev = 0;
    for (const [at, { vm }] of rows.entries()) this.#take(vm, revs[at] ?? 0);
  }

  #take(vm: string, rev: number): void {
    const held = this.#revs.raise(vm, rev);
    if (held >= rev) return;
    if (held >= 0) this.#checksum.remove(vm, held);
    this.#checksum.add(vm, rev);
    if (rev > this.#newestRev) this.#newestRev = rev;
  }

  #remove(vm: string, asOfRev: number): void {
    const held = this.#revs.get(vm);
    if (held < 0 || held > asOfRev) return;
    this.#checksum.remove(vm, held);
    this.#revs.delete(vm);
  }
}
