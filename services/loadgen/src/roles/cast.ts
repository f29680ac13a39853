import type { Clock } from '@vedette/runtime';
import { SocketMeter } from '../harness/sockets.ts';
import { type PrivateBroker, startBroker } from '../wires/broker.ts';
import { memoryWires } from '../wires/memory-wires.ts';
import { openWires } from '../wires/open-wires.ts';
import type { WireAddress, Wires } from '../wires/wires.ts';
import { startInlineRole } from './inline-role.ts';
import { startProcessRole } from './process-role.ts';
import type { RoleContext, RoleHandle } from './role.ts';
import { type RoleName, type RoleSettings, startNamedRole } from './role-starts.ts';

export interface CastOptions {
  readonly wires: 'memory' | 'nats';
  readonly clock: Clock;
  readonly tell: (line: string) => void;
  /** A folder for a CPU profile of every process, by its name; undefined: none are taken. */
  readonly profiles?: string | undefined;
}

/** An agent process makes thousands of connections before it is ready, an updater registers as many hosts. */
const START_TIMEOUT_MS = 600_000;

/**
 * The roles of one run and the broker between them: each in a process of its own around a private NATS server, or all
 * in this process around the memory bus. Disposing ends them, latest first, then the broker.
 */
export class Cast implements AsyncDisposable {
  readonly broker: PrivateBroker | undefined;
  readonly #options: CastOptions;
  readonly #wires: Wires;
  readonly #sockets: SocketMeter;
  readonly #started: AsyncDisposableStack;
  readonly #roles: RoleHandle[] = [];

  private constructor(
    options: CastOptions,
    started: AsyncDisposableStack,
    broker: PrivateBroker | undefined,
    wires: Wires,
  ) {
    this.#options = options;
    this.#started = started;
    this.broker = broker;
    this.#wires = wires;
    this.#sockets = started.use(new SocketMeter());
  }

  static async open(options: CastOptions): Promise<Cast> {
    await using starting = new AsyncDisposableStack();
    const broker = options.wires === 'memory' ? undefined : starting.use(await startBroker());
    const wires = broker === undefined ? memoryWires(options.clock) : await openWires(addressOf(broker), options.clock);
    starting.defer(() => wires.close());
    return new Cast(options, starting.move(), broker, wires);
  }

  /** Whether processor time can be told apart by role. */
  get apart(): boolean {
    return this.broker !== undefined;
  }

  /** Every process of the run, by what it is called in reports. */
  get pids(): ReadonlyMap<string, number> {
    if (this.broker === undefined) return new Map([['all in one', process.pid]]);
    const roles = this.#roles.map(({ name, pid }) => [name, pid] as const);
    return new Map([['broker', this.broker.pid], ...roles]);
  }

  async start<N extends RoleName>(role: N, settings: RoleSettings[N], name: string = role): Promise<RoleHandle> {
    const handle = this.#started.use(await this.#start(role, settings, name));
    this.#roles.push(handle);
    return handle;
  }

  #start<N extends RoleName>(role: N, settings: RoleSettings[N], name: string): Promise<RoleHandle> {
    const { clock, tell } = this.#options;
    if (this.broker === undefined) {
      const context: RoleContext = { clock, wires: this.#wires, sockets: this.#sockets, tell };
      return startInlineRole(name, (own: RoleSettings[N], its) => startNamedRole(role, own, its), settings, context);
    }
    return startProcessRole({
      ...{ name, role, settings, clock, tell, startTimeoutMs: START_TIMEOUT_MS },
      nodeOptions: this.#profiling(name),
      wires: addressOf(this.broker),
    });
  }

  #profiling(name: string): readonly string[] {
    const { profiles } = this.#options;
    const file = `${name.replaceAll(' ', '-')}.cpuprofile`;
    return profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${file}`];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#started.disposeAsync();
  }
}

function addressOf({ url }: PrivateBroker): WireAddress {
  return { kind: 'nats', url };
}
