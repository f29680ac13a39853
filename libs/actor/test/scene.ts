import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import {
  type ActorContext,
  type ActorFailure,
  type ActorOptions,
  ActorSystem,
  type Behaviour,
  defineActor,
  type SupervisionOptions,
} from '../src/index.ts';

/** A system on a simulated clock that writes down what failed. Backoffs are not shortened by chance. */
export class Scene implements AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly failures: ActorFailure[] = [];
  readonly system: ActorSystem;

  constructor(supervision?: SupervisionOptions, clock = new SimulatedClock()) {
    this.clock = clock;
    this.system = new ActorSystem({
      clock: this.clock,
      onFailure: (failure) => this.failures.push(failure),
      random: () => 0,
      ...(supervision && { supervision }),
    });
  }

  /** Lets all that is ready run, without time passing. */
  async settle(): Promise<void> {
    await this.clock.advance(0);
  }

  /** A kind of actor from one handler. */
  kindOf<M>(
    handle: Behaviour<M>['handle'],
    options: Partial<Omit<ActorOptions<M, void>, 'create'>> = {},
  ): ReturnType<typeof defineActor<M>> {
    return this.kindOfBehaviour(() => ({ handle }), options);
  }

  /** A kind of actor from a factory. */
  kindOfBehaviour<M>(
    create: (context: ActorContext<M>) => Behaviour<M> | PromiseLike<Behaviour<M>>,
    options: Partial<Omit<ActorOptions<M, void>, 'create'>> = {},
  ): ReturnType<typeof defineActor<M>> {
    return defineActor<M>({
      kind: 'tested',
      mailbox: { capacity: 100, overflow: 'reject' },
      ...options,
      create: (_args, context) => create(context),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop({ drain: false, graceMs: 0 });
  }
}

/** A door that handlers wait at until it is opened. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();

  open(): void {
    this.#opened.resolve();
  }

  get opened(): Promise<void> {
    return this.#opened.promise;
  }
}
