import type { Bus, Request, Subscription } from '@vedette/bus';
import { type RuntimeRow, type Section, type SectionName, StartIntents, type StartOutcome } from '@vedette/fetcher';
import {
  agentPattern,
  agentVerbs,
  hintSubject,
  parseAgentSubject,
  protocolVersion,
  type ReplyHead,
  readQuestion,
  sectionVerbs,
  writeCompleteReply,
  writeDeltaReply,
  writeDeviceStats,
  writeDocument,
  writeHeartBeat,
  writeHint,
  writeSections,
} from '@vedette/fetcher/agent-protocol';
import { contentHash, type DeviceSample, SetChecksum, type VMState } from '@vedette/model';
import { type Clock, type Timer, VedetteError } from '@vedette/runtime';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface Held {
  row: Writable<RuntimeRow>;
  readonly documents: { [S in SectionName]?: object };
  /** The revision at which each hash was last set. */
  readonly hashRevs: { [S in SectionName]?: number };
}

/** A small agent of one host, held in memory: the other side of the protocol, for tests. */
export class ServedAgent {
  readonly name: string;
  /** What it answers in place of a verb's own reply. */
  readonly answers: { [verb: string]: ((request: Request) => Uint8Array | Promise<Uint8Array>) | undefined } = {};
  readonly asked: string[] = [];
  /** Largest reply. */
  maxBytes = 256 * 1024;
  boot = 'boot-1';
  hostUuid = '11111111-2222-4333-8444-555555555555';
  rev = 0;
  stateRev = 0;
  stuck = false;
  /** What becomes of a hint on its way; the array goes out. */
  onTheWay: (hint: Buffer) => readonly Buffer[] = (hint) => [hint];
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #vms = new Map<string, Held>();
  readonly #unreadable = new Set<string>();
  readonly #intents = new StartIntents();
  #left: Array<{ readonly vm: string; readonly rev: number }> = [];
  #serving: Subscription | undefined;
  #beat: Timer | undefined;

  constructor(bus: Bus, clock: Clock, name: string) {
    this.#bus = bus;
    this.#clock = clock;
    this.name = name;
  }

  async serve(options: { readonly heartBeatMs?: number } = {}): Promise<void> {
    const { heartBeatMs = 0 } = options;
    this.#serving = await this.#bus.serve({
      pattern: agentPattern(this.name),
      concurrency: 16,
      maxQueued: 64,
      handler: (request) => this.answer(request),
    });
    if (heartBeatMs > 0) this.#beatEvery(heartBeatMs);
  }

  async stop(): Promise<void> {
    this.#beat?.cancel();
    await this.#serving?.close({ timeoutMs: 0 });
  }

  /** A new run with the same content. */
  restart(): void {
    this.boot = `boot-${Number(this.boot.slice(5)) + 1}`;
    this.rev = 0;
    this.#left = [];
    for (const held of this.#vms.values()) this.#record(held, Object.keys(held.documents) as SectionName[]);
    this.stateRev = this.rev;
  }

  states(): ReadonlyMap<string, VMState> {
    return new Map([...this.#vms].map(([vm, { row }]) => [vm, row.state]));
  }

  /** The states of the VMs that can be read. */
  readableStates(): ReadonlyMap<string, VMState> {
    return new Map(this.#readable().map(({ row }) => [row.vm, row.state]));
  }

  /** Sets a VM's state, and documents, and tells it. */
  set(vm: string, state: VMState, documents: Held['documents'] = {}, told: Partial<RuntimeRow> = {}): void {
    this.#unreadable.delete(vm);
    const raw = { state, reason: 'booted' };
    const blank = { vm, state, reason: 'booted', raw, name: `name of ${vm}`, hashes: {}, rev: 0 };
    const held = this.#vms.get(vm) ?? { row: blank, documents: {}, hashRevs: {} };
    held.row = { ...held.row, state, raw, ...told };
    Object.assign(held.documents, documents);
    this.#vms.set(vm, held);
    this.#record(held, Object.keys(documents) as SectionName[]);
    this.#tell([held], []);
  }

  /** Records figures anew; hints tell nothing of it. */
  measure(vm: string, cpuUser: number): void {
    const held = this.#vms.get(vm);
    if (held === undefined) throw new Error(`there is no ${vm}`);
    held.row.cpuUser = cpuUser;
    this.#record(held, []);
  }

  remove(vm: string): void {
    if (!this.#vms.delete(vm)) return;
    this.#unreadable.delete(vm);
    this.#left.push({ vm, rev: ++this.rev });
    this.#tell([], [vm]);
  }

  unreadable(vm: string, is: boolean): void {
    const held = this.#vms.get(vm);
    if (held === undefined || this.#unreadable.has(vm) === is) return;
    if (is) {
      this.#unreadable.add(vm);
      this.rev++;
      this.#tell([], []);
    } else {
      this.#unreadable.delete(vm);
      this.#record(held, Object.keys(held.documents) as SectionName[]);
      this.#tell([held], []);
    }
  }

  heartBeat(): void {
    this.#send(writeHeartBeat(this));
  }

  #beatEvery(heartBeatMs: number): void {
    this.#beat = this.#clock.setTimer(() => {
      this.heartBeat();
      this.#beatEvery(heartBeatMs);
    }, heartBeatMs);
  }

  #record(held: Held, sections: readonly SectionName[]): void {
    const rev = ++this.rev;
    held.row.rev = rev;
    const hashes = { ...held.row.hashes };
    for (const section of sections) {
      hashes[section] = contentHash(held.documents[section]);
      held.hashRevs[section] = rev;
    }
    held.row.hashes = hashes;
  }

  #tell(changed: readonly Held[], left: readonly string[]): void {
    const prev = this.stateRev;
    this.stateRev = this.rev;
    const rows = changed.map((held) => rowSince(held, prev));
    this.#send(writeHint({ boot: this.boot, rev: this.rev, stateRev: this.stateRev, prev, rows, left }));
  }

  #send(hint: Buffer): void {
    for (const sent of this.onTheWay(hint)) this.#bus.send(hintSubject(this.name), sent);
  }

  async answer(request: Request): Promise<Uint8Array> {
    const { subject, payload, signal } = request;
    const verb = parseAgentSubject(subject)?.verb;
    this.asked.push(verb ?? subject);
    if (this.stuck) await this.#clock.sleep(3_600_000, { signal });
    const scripted = this.answers[verb ?? ''];
    if (scripted !== undefined) return scripted(request);
    switch (verb) {
      case undefined:
        throw new VedetteError('VDT_FETCHER_UNSUPPORTED');
      case 'getAllRuntimeStats':
        return this.#listing(readQuestion(verb, payload));
      case 'getConfInfo':
      case 'getConfig':
      case 'getStatus':
      case 'getGuestDetails': {
        const { vmIds } = readQuestion(verb, payload);
        return writeSections(this.head(), vmIds, (vm) => this.#section(sectionOf[verb], vm), this.maxBytes);
      }
      case 'start':
        return writeDocument({ ...this.head(), ...(await this.#start(readQuestion(verb, payload))) });
      case 'getAllDeviceStats':
        return writeDeviceStats(this.head(), this.#devices(readQuestion(verb, payload).page), this.maxBytes);
      default:
        return writeDocument({ ...this.head(), ...this.#plain(verb) });
    }
  }

  head(): ReplyHead {
    const { hostUuid, boot, rev, stateRev } = this;
    return { hostUuid, boot, rev, stateRev };
  }

  #plain(verb: 'hello' | 'getStats' | 'getCapabilities'): object {
    switch (verb) {
      case 'hello':
        return {
          agent: { name: 'test', version: '1', protocol: protocolVersion },
          verbs: agentVerbs,
          delta: true,
          hints: true,
          heartBeatMs: 3_000,
          guestAgent: true,
        };
      case 'getStats':
        return { sample: { cpuCount: 4, memoryMiB: 4_096, memoryFreeMiB: 1_024, cpuUser: 0.25 } };
      case 'getCapabilities':
        return { hostname: 'test.example', capabilities: { hypervisor: 'none' }, unfit: '' };
    }
  }

  #listing({ since, page }: ReturnType<typeof readQuestion<'getAllRuntimeStats'>>): Buffer {
    const unreadable = [...this.#unreadable].filter((vm) => this.#vms.has(vm));
    const rest = { unreadable, checksum: this.checksum() };
    if (since?.boot === this.boot && since.rev <= this.rev) {
      const changed = this.#readable().filter(({ row }) => row.rev > since.rev);
      const left = this.#left.filter(({ vm, rev }) => rev > since.rev && !this.#vms.has(vm)).map(({ vm }) => vm);
      const rows = changed.map((held) => rowSince(held, since.rev));
      const delta = writeDeltaReply(this.head(), { rows, left, ...rest }, this.maxBytes);
      if (delta !== undefined) return delta;
    }
    const after = page ?? '';
    const rows = this.#readable().filter(({ row }) => row.vm > after);
    return writeCompleteReply(this.head(), { rows: rows.map(({ row }) => row), ...rest }, this.maxBytes);
  }

  #start({ vmId: vm, intentId, notAfter }: ReturnType<typeof readQuestion<'start'>>): Promise<StartOutcome> {
    return this.#intents.answer({ vm, intentId, notAfter }, this.#clock.wallNow(), () => {
      const state = this.#vms.get(vm)?.row.state;
      if (state === undefined) return Promise.resolve({ outcome: 'refused', detail: `there is no ${vm}` });
      if (state !== 'stopped') return Promise.resolve({ outcome: 'active', detail: '' });
      this.set(vm, 'running');
      return Promise.resolve({ outcome: 'started', detail: '' });
    });
  }

  checksum(): string {
    const checksum = new SetChecksum();
    for (const { row } of this.#readable()) checksum.add(row.vm, row.rev);
    return checksum.toString();
  }

  #readable(): Held[] {
    const readable = [...this.#vms.values()].filter(({ row }) => !this.#unreadable.has(row.vm));
    return readable.sort((a, b) => (a.row.vm < b.row.vm ? -1 : 1));
  }

  #section(section: SectionName, vm: string): Section<unknown> | undefined {
    const held = this.#vms.get(vm);
    const content = held?.documents[section];
    if (content === undefined) return undefined;
    return { observed: 'ok', hash: held?.row.hashes[section] ?? '', content };
  }

  #devices(page = ''): Array<readonly [string, DeviceSample]> {
    return this.#readable()
      .filter(({ row }) => row.vm > page && row.state === 'running')
      .map(({ row }) => [row.vm, { vcpus: [], memory: { currentBytes: 1 }, disks: [], interfaces: [] }]);
  }
}

const sectionOf = Object.fromEntries(Object.entries(sectionVerbs).map(([section, verb]) => [verb, section])) as {
  readonly [S in SectionName as (typeof sectionVerbs)[S]]: S;
};

function rowSince({ row, hashRevs }: Held, rev: number): RuntimeRow {
  const changed = Object.entries(row.hashes).filter(([section]) => (hashRevs[section as SectionName] ?? 0) > rev);
  const told = { ...row, hashes: Object.fromEntries(changed) };
  delete told.name;
  return told;
}
