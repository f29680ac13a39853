import type { ActorContext } from '@vedette/actor';
import type { HostDescription } from '@vedette/fetcher';
import { hash32 } from '@vedette/runtime';
import type { HostActorArgs, HostActorDeps } from './host-actor-args.ts';
import type { HostMessage } from './host-messages.ts';
import { untilTurnMs } from './phases.ts';

/**
 * Asks a host what it can and whether it is fit: of each run of its agent once it is believed, and every few minutes,
 * since a host loses its storage or its network while it goes on answering. One question at a time.
 *
 * Outcomes and the timer `describe` come back as messages of the actor.
 */
export class Describing {
  readonly #deps: HostActorDeps;
  readonly #args: HostActorArgs;
  readonly #context: ActorContext<HostMessage>;
  readonly #hash: number;
  /** The run of the agent that is believed. */
  #boot: string | undefined;
  /** The run that was described. */
  #describedBoot: string | undefined;
  #underWay = false;
  #description: HostDescription | undefined;
  #answered = false;

  constructor(deps: HostActorDeps, args: HostActorArgs, context: ActorContext<HostMessage>) {
    this.#deps = deps;
    this.#args = args;
    this.#context = context;
    this.#hash = hash32(args.host.id);
  }

  /** The last one believed. */
  get description(): HostDescription | undefined {
    return this.#description;
  }

  /** A question came back, with a description or without. */
  get answered(): boolean {
    return this.#answered;
  }

  /** A listing of this run was believed: one that was never described is, now. */
  listed(boot: string): void {
    if (this.#boot === undefined) this.#schedule();
    this.#boot = boot;
    if (boot !== this.#describedBoot) this.#ask(boot);
  }

  /** It is the host's turn. */
  again(): void {
    this.#schedule();
    if (this.#boot !== undefined) this.#ask(this.#boot);
  }

  /**
   * Takes in what came; one of somebody else (another machine, another run) is not believed.
   *
   * @param hostUuid what the host is known to call itself
   * @returns whether there is a new description
   */
  described(boot: string, description: HostDescription | undefined, hostUuid: string | undefined): boolean {
    this.#underWay = false;
    this.#answered = true;
    if (description === undefined || description.boot !== boot || description.hostUuid !== hostUuid) return false;
    this.#describedBoot = boot;
    this.#description = description;
    return true;
  }

  #schedule(): void {
    const { describeIntervalMs } = this.#deps.config;
    if (describeIntervalMs === 0) return;
    const delayMs = untilTurnMs(this.#hash, describeIntervalMs, this.#context.clock.now());
    this.#context.setTimer('describe', { kind: 'describe' }, delayMs);
  }

  #ask(boot: string): void {
    if (this.#underWay) return;
    this.#underWay = true;
    const { self, signal } = this.#context;
    this.#args.fetcher.describe({ timeoutMs: this.#deps.config.pollTimeoutMs, signal }).then(
      (description) => self.offer({ kind: 'described', life: signal, boot, description }),
      (error: unknown) => {
        this.#deps.logger.debug({ host: this.#args.host.id, err: error }, 'host not described');
        self.offer({ kind: 'described', life: signal, boot, description: undefined });
      },
    );
  }
}
