import { join } from 'node:path';
import { type Api, createApi } from '@vedette/api';
import { createMemoryBroker, type MemoryBroker } from '@vedette/bus/memory';
import type { ObserverEvent } from '@vedette/model';
import { SimulatedClock } from '@vedette/runtime/simulated-clock';
import type { Store } from '@vedette/store';
import { coverage, ScriptedObserver } from '@vedette/store/conformance';
import { createMemoryStore } from '@vedette/store/memory';
import { Metrics, silentLogger } from '@vedette/telemetry';
import { type TempDir, tempDir } from '@vedette/testbed';
import type { CommandContext } from '../src/context.ts';
import { run } from '../src/program.ts';

process.env.TZ = 'UTC'; // what is printed is in the time zone of the machine

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** Columns of the terminal; left out: no terminal. */
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Gets what is written to the output, as it is written. */
  readonly onOutput?: (text: string) => void;
}

/** A command that runs until it is interrupted. */
export interface Started {
  readonly done: Promise<Ran>;
  out(): string;
  err(): string;
  interrupt(): void;
}

/** The command line within the test's process, with nothing of the machine's own in sight. */
export class CommandWorld implements AsyncDisposable {
  readonly clock = new SimulatedClock({ wallStartMs: Date.UTC(2026, 0, 1, 12) });
  readonly dir: string;
  readonly #temp: TempDir;

  constructor(temp: TempDir) {
    this.#temp = temp;
    this.dir = temp.path;
  }

  static async make(): Promise<CommandWorld> {
    return new CommandWorld(await tempDir('cli'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#temp[Symbol.asyncDispose]();
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return this.start(args, options).done;
  }

  start(args: readonly string[], { columns, env = {}, cwd = this.dir, onOutput }: RunOptions = {}): Started {
    let out = '';
    let err = '';
    const listeners = new Set<() => void>();
    const terminal = columns === undefined ? {} : { isTTY: true, columns, rows: 40 };
    const context: CommandContext = {
      stdout: {
        ...terminal,
        write: (text) => {
          out += text;
          onOutput?.(text);
        },
      },
      stderr: { write: (text) => (err += text) },
      env: { XDG_STATE_HOME: join(this.dir, 'state'), NO_COLOR: '1', ...env },
      cwd,
      clock: this.clock,
      startedMs: this.clock.now(),
      hooks: {
        on: (signal, listener) => signal === 'SIGINT' && listeners.add(listener),
        off: (_signal, listener) => listeners.delete(listener),
        exit: (code) => {
          throw new Error(`forced exit with ${code}`);
        },
      },
    };
    return {
      done: run(args, context).then((code) => ({ code, out, err })),
      out: () => out,
      err: () => err,
      interrupt: () => {
        for (const listener of listeners) listener();
      },
    };
  }
}

/** A process that answers: an API over a store, with the test as observer and relay. */
export class Answering implements AsyncDisposable {
  readonly store: Store;
  /** What to give with `--store`. */
  readonly storePath: string;
  readonly #world: CommandWorld;
  readonly #broker: MemoryBroker;
  #api: Api | undefined;
  #hosts = 0;

  constructor(world: CommandWorld, name = 'store') {
    this.#world = world;
    this.storePath = join(world.dir, `${name}.sqlite`);
    this.store = createMemoryStore({ clock: world.clock });
    this.#broker = createMemoryBroker({ clock: world.clock });
  }

  static async in(world: CommandWorld, name?: string): Promise<Answering> {
    const answering = new Answering(world, name);
    await answering.serve();
    return answering;
  }

  async serve(): Promise<void> {
    const { clock } = this.#world;
    const { store } = this;
    this.#api = createApi({
      hosts: {
        // As a process would without a monitor: nobody ever answers.
        add: async ({ url = '', address, id, name, realm = 'r1' }) => {
          const known = id ?? name ?? address ?? 'by-url';
          const before = await store.host(known);
          const registration = { id: known, name: name ?? known, realm, url: url === '' ? `sim://${address}` : url };
          await store.registerHosts([{ ...registration, origin: 'person' }]);
          return { id: known, known: before !== undefined && before.state !== 'removed' };
        },
        remove: (id, author) => store.removeHosts([id], author),
      },
      ...{ store, bus: this.#broker.connect({ name: 'api' }), clock },
      ...{ logger: silentLogger(), metrics: new Metrics() },
      socketPath: this.storePath.replace('.sqlite', '.sock'),
    });
    await this.#api.start({ signal: new AbortController().signal });
  }

  async goAway(): Promise<void> {
    await this.#api?.stop({ deadlineMs: 0, signal: AbortSignal.abort() });
    this.#api = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.goAway();
    await this.#broker.close();
    await this.store.close();
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#api?.counters.streamsOpened ?? 0;
  }

  async host(id: string, { name = id, realm = 'r1' } = {}): Promise<ScriptedObserver> {
    await this.store.registerHosts([{ id, name, realm, url: `libvirt://${id}/system` }]);
    const { epoch } = await this.store.openObserver(id);
    const observer = new ScriptedObserver(id, epoch);
    await this.apply(observer.hostState('up'));
    await this.store.applyCoverage(coverage('m1', ++this.#hosts));
    return observer;
  }

  async apply(...events: readonly ObserverEvent[]): Promise<void> {
    await this.store.apply(events.map((event) => ({ event, position: undefined })));
  }

  async relay(): Promise<void> {
    const bus = this.#broker.connect({ name: 'relay' });
    const waiting = await this.store.outbox(10_000);
    const messages = waiting.map(({ subject, id, json }) => ({ subject, id, payload: Buffer.from(json) }));
    await bus.publish(messages, { timeoutMs: 1_000 });
    await this.store.relayed(waiting.at(-1)?.position ?? 0);
    await bus.close();
  }

  async publish(event: ObserverEvent): Promise<void> {
    const bus = this.#broker.connect({ name: 'observer' });
    const { subject, id } = event;
    await bus.publish([{ subject, id, payload: Buffer.from(JSON.stringify(event)) }], { timeoutMs: 1_000 });
    await bus.close();
  }
}
