import { rm } from 'node:fs/promises';
import { VedetteError } from '@vedette/runtime';
import { eventually } from '../eventually.ts';
import type { NatsTlsAccess } from './certificates.ts';
import type { NatsAccess, NatsPlace } from './configuration.ts';
import type { Engine } from './engine.ts';
import { expectHealthy } from './monitoring.ts';
import type { OperatorFiles } from './operator.ts';

/** A private nats-server. Whoever started it disposes of it (`await using`). Its store outlives {@link stop}. */
export class NatsServer implements AsyncDisposable {
  readonly name: string;
  readonly host = '127.0.0.1';
  /** The same for its whole life; nobody else is given it while the server is down, as far as the kernel is concerned. */
  readonly port: number;
  /** As `nats://127.0.0.1:PORT`. */
  readonly url: string;
  /** Its monitoring port, as `http://127.0.0.1:PORT`: `/healthz`, `/jsz`, `/connz`, ... */
  readonly monitorUrl: string;
  /** Holds all it writes. */
  readonly baseDir: string;
  readonly #engine: Engine;
  readonly #access: NatsAccess;
  #version = '';

  /** Use {@link startNats}. */
  constructor(engine: Engine, place: NatsPlace, access: NatsAccess) {
    this.#engine = engine;
    this.#access = access;
    this.name = place.serverName;
    this.port = place.port;
    this.url = `nats://${this.host}:${place.port}`;
    this.monitorUrl = `http://${this.host}:${place.monitorPort}`;
    this.baseDir = place.baseDir;
  }

  /** Certificates to connect with; only where it was started with `tls`. */
  get tls(): NatsTlsAccess {
    return asked(this.#access.tls?.certificates, 'tls');
  }

  /** Credentials files to connect with; only where it was started with `operator`. */
  get operator(): OperatorFiles {
    return asked(this.#access.operator, 'operator');
  }

  /** How it is run. */
  get by(): Engine['by'] {
    return this.#engine.by;
  }

  /** As `2.10.27`. */
  get version(): string {
    return this.#version;
  }

  get running(): boolean {
    return this.#engine.running;
  }

  /** The end of what it logged, over all its runs. */
  get log(): string {
    return this.#engine.log;
  }

  /** Starts it again, on the same ports and store; resolves when clients can connect. Does nothing while it runs. */
  async start(options: { readonly startTimeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.running) return;
    const { startTimeoutMs = 30_000, signal } = options;
    await this.#engine.start({ timeoutMs: startTimeoutMs, ...(signal === undefined ? {} : { signal }) });
    this.#version = /Version: +(\d\S*)/.exec(this.log)?.[1] ?? this.#version;
  }

  /** Ends it, in order unless SIGKILL is said, and waits for its end; connections are refused then. Idempotent. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    return this.#engine.stop(signal);
  }

  /** Ends it at once, as a crash would: SIGKILL. */
  kill(): Promise<void> {
    return this.stop('SIGKILL');
  }

  /** {@link stop}, then {@link start}. */
  async restart(signal?: NodeJS.Signals): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  /** SIGSTOP: the kernel accepts connections and keeps open ones, but nobody answers, until {@link thaw}. */
  freeze(): Promise<void> {
    return this.#engine.freeze();
  }

  thaw(): Promise<void> {
    return this.#engine.thaw();
  }

  /** Resolves when JetStream has recovered its streams and, in a cluster, caught up with the others. */
  async healthy(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    const { timeoutMs = 30_000, signal } = options;
    try {
      const abortable = signal === undefined ? {} : { signal };
      await eventually(() => expectHealthy(this.monitorUrl), { timeoutMs, ...abortable });
    } catch (error) {
      signal?.throwIfAborted();
      throw notUsable(`${this.name}: ${(error as Error).message}`, this.log, error);
    }
  }

  /** Ends it and removes all it wrote. Idempotent. */
  async dispose(): Promise<void> {
    await this.#engine.dispose();
    await rm(this.baseDir, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** VDT_TESTBED_START with the end of what a server logged. */
export function notUsable(what: string, log: string, cause: unknown): VedetteError {
  const message = `${what}; the end of its log:\n${log.slice(-4096)}`;
  return new VedetteError('VDT_TESTBED_START', { message, cause });
}

function asked<T>(access: T | undefined, name: string): T {
  if (access !== undefined) return access;
  throw new VedetteError('VDT_TESTBED_START', { message: `this nats-server was started without { ${name}: true }` });
}
