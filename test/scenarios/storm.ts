import { conditionNames, isActive } from '@vedette/model';
import { type Churn, migrate, recreate, type ScriptEntry } from '@vedette/simulation';
import { World } from './world.ts';

/** A span of simulated time in which something was wrong with a host, or with us (`host` undefined). */
export interface Trouble {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly host: string | undefined;
}

/** A world after a storm, at rest, and what was wrong on the way. */
export interface Aftermath {
  readonly world: World;
  readonly troubles: readonly Trouble[];
}

const stormMs = 120_000;
const quietMs = 120_000;
const longestTroubleMs = 20_000;

/** As much as a fleet can bear: about two changes of any kind per VM and minute. */
const courses: Partial<Churn> = {
  stateChangesPerMinute: 1.2,
  addressChangesPerMinute: 0.6,
  migrationsPerMinute: 0.6,
  crashesPerMinute: 0.08,
  rebootsPerMinute: 0.1,
  configChangesPerMinute: 0.3,
};
/** Every VM lives for a minute or two, and another takes its seat. */
const lives: Partial<Churn> = { creationsPerMinute: 0.6, addressChangesPerMinute: 0.6 };

/** A fleet in turmoil under faults of every kind drawn by `seed`; then everything heals and nothing changes any more. */
export async function weather(seed: number): Promise<Aftermath> {
  const chance = chanceOf(seed);
  const world = await World.begin({
    seed,
    hosts: 6,
    vmsPerHost: 5,
    realms: 2,
    stoppedShare: 0.1,
    churn: seed % 5 === 4 ? lives : courses,
    push: seed % 2 === 0,
    delta: seed % 4 < 2,
    latencyMs: [1, 20, 400][seed % 3] ?? 1,
  });
  const storm = new Storm(world, chance, chanceOf(seed + 7_919));
  await storm.rage();
  await storm.heal();
  freeze(world);
  await world.pass(quietMs);
  return { world, troubles: storm.troubles };
}

class Storm {
  readonly troubles: Trouble[] = [];
  readonly #world: World;
  readonly #chance: Chance;
  /** Of what came later than the rest: the storms of a seed stay what they were. */
  readonly #moreChance: Chance;
  readonly #heals: Array<{ readonly atMs: number; readonly heal: () => void }> = [];
  readonly #busyUntilMs = new Map<string, number>();
  #created = 0;

  constructor(world: World, chance: Chance, moreChance: Chance) {
    this.#world = world;
    this.#chance = chance;
    this.#moreChance = moreChance;
  }

  async rage(): Promise<void> {
    const endMs = this.#world.nowMs + stormMs;
    while (this.#world.nowMs < endMs) {
      await this.#passTo(this.#world.nowMs + this.#chance.between(200, 4_000));
      await this.#strike();
      this.#strikeDetails();
    }
  }

  /** What is wrong with a VM changes, or it is another one under its UUID. */
  #strikeDetails(): void {
    const chance = this.#moreChance;
    const { nowMs: atMs, fleet } = this.#world;
    const host = chance.pick(fleet.hostIds());
    const there = fleet.host(host).at(atMs);
    if (there.length === 0) return;
    const { vm } = chance.pick(there).identity;
    const draw = chance.unit();
    if (draw < 0.5) {
      const conditions = conditionNames.filter(() => chance.unit() < 0.4).toSorted();
      this.#world.script({ kind: 'conditions', atMs, vm, conditions });
    } else if (draw < 0.65) this.#world.script(recreate({ vm, host, atMs }));
  }

  /** Every fault ends. */
  async heal(): Promise<void> {
    await this.#passTo(this.#world.nowMs + longestTroubleMs + 1_000);
    for (const host of this.#world.fleet.hostIds())
      this.#world.script({ kind: 'recover', atMs: this.#world.nowMs, host });
  }

  async #passTo(untilMs: number): Promise<void> {
    for (;;) {
      this.#heals.sort((a, b) => a.atMs - b.atMs);
      const next = this.#heals[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#heals.shift();
      await this.#world.pass(Math.max(0, next.atMs - this.#world.nowMs));
      next.heal();
    }
    await this.#world.pass(Math.max(0, untilMs - this.#world.nowMs));
  }

  async #strike(): Promise<void> {
    const draw = this.#chance.unit();
    if (draw < 0.45) this.#strikeHost();
    else if (draw < 0.8) this.#strikeVM();
    else if (draw < 0.86) this.#cut('updater');
    else if (draw < 0.9) this.#cut('monitor');
    else if (draw < 0.97) this.#doubt();
    else await this.#replaceMonitor();
  }

  #strikeHost(): void {
    const { nowMs: atMs } = this.#world;
    const host = this.#host();
    const untilMs = atMs + this.#chance.between(1_000, longestTroubleMs);
    const fault = this.#chance.pick([
      { kind: 'refuse' },
      { kind: 'hang' },
      { kind: 'half-reply' },
      { kind: 'slow', delayMs: this.#chance.between(500, 12_000) },
      { kind: 'slow', delayMs: this.#chance.between(500, 12_000), only: ['guestDetails', 'config', 'info', 'status'] },
      { kind: 'refuse', only: ['guestDetails', 'config', 'status'] },
      { kind: 'foreign' },
      { kind: 'foreign', as: this.#host() },
      { kind: 'two-agents' },
      { kind: 'disagree' },
      { kind: 'partial', vms: this.#someOf(host), how: this.#chance.pick(['unreadable', 'incomplete'] as const) },
      { kind: 'partial', vms: this.#someOf(host), how: 'unreadable' },
      { kind: 'hints', how: this.#chance.pick(['lost', 'duplicated', 'reordered'] as const) },
      { kind: 'hints', how: 'late', delayMs: this.#chance.between(100, 8_000) },
      undefined,
    ] as const);
    if (fault === undefined) this.#world.script({ kind: 'restart', atMs, host });
    else this.#world.script({ kind: 'fault', atMs, untilMs, host, fault } as ScriptEntry);
    this.troubles.push({ fromMs: atMs, untilMs, host });
  }

  #strikeVM(): void {
    const world = this.#world;
    const host = this.#host();
    const atMs = world.nowMs;
    const draw = this.#chance.unit();
    // What a script moves must not move by itself as well, or it would really run twice.
    const [vm] = this.#someOf(host).filter((id) => draw < 0.4 || world.fleet.topology.seatOf(id) === undefined);
    if (draw < 0.3 || vm === undefined) {
      const created = `vm-${++this.#created}`;
      world.script({ kind: 'state', atMs, host, vm: created, state: 'starting' });
      world.script({
        kind: 'state',
        atMs: atMs + this.#chance.between(50, 4_000),
        host,
        vm: created,
        state: 'running',
      });
    } else if (draw < 0.4) world.script({ kind: 'absent', atMs, host, vm });
    else if (this.#runsOn(host, vm) && atMs >= (this.#busyUntilMs.get(vm) ?? 0)) this.#occupy(host, vm);
  }

  #occupy(host: string, vm: string): void {
    const world = this.#world;
    const atMs = world.nowMs;
    this.#busyUntilMs.set(vm, atMs + 12_000);
    if (this.#chance.unit() < 0.4) {
      const periodMs = this.#chance.between(20, 900);
      const states = ['running', 'paused', 'stopped'] as const;
      world.script({ kind: 'flap', atMs, untilMs: atMs + 5_000, periodMs, host, vm, states });
    } else {
      const others = world.fleet.hostIds().filter((id) => id !== host && world.realmOf(id) === world.realmOf(host));
      const lingersMs = this.#chance.between(10, 8_000);
      const arrivesAfterMs = this.#chance.between(-300, 900);
      world.script(
        migrate({ vm, from: host, to: this.#chance.pick(others), atMs: atMs + 300, lingersMs, arrivesAfterMs }),
      );
    }
  }

  #runsOn(host: string, vm: string): boolean {
    const view = this.#world.fleet.host(host).vmAt(vm, this.#world.nowMs);
    return view !== undefined && view.state === 'running';
  }

  #cut(name: 'monitor' | 'updater'): void {
    const { broker } = this.#world;
    broker.disconnect(name);
    this.#ours(this.#chance.between(100, longestTroubleMs), () => broker.reconnect(name));
  }

  #doubt(): void {
    const { faults } = this.#world.broker;
    const share = this.#chance.between(5, 80) / 100;
    faults.publish = () =>
      this.#chance.unit() >= share
        ? 'ok'
        : this.#chance.pick(['in_doubt_stored', 'in_doubt_lost', 'in_doubt_stored', 'in_doubt_lost', 'refused']);
    const refusing = faults.publish;
    faults.publish = (message, connection) => {
      const fault = refusing(message, connection);
      // A fleet event that the bus refuses is in the log only; observers have to tell in another way.
      return fault === 'refused' && connection !== 'monitor' ? 'in_doubt_lost' : fault;
    };
    this.#ours(this.#chance.between(100, 10_000), () => {
      faults.publish = undefined;
    });
  }

  #ours(lengthMs: number, heal: () => void): void {
    const fromMs = this.#world.nowMs;
    this.#heals.push({ atMs: fromMs + lengthMs, heal });
    this.troubles.push({ fromMs, untilMs: fromMs + lengthMs, host: undefined });
  }

  async #replaceMonitor(): Promise<void> {
    const fromMs = this.#world.nowMs;
    const how = this.#chance.unit();
    this.#world.broker.reconnect('monitor');
    if (how < 0.3) await this.#world.restartMonitor();
    else if (how < 0.5) {
      this.#world.broker.disconnect('monitor');
      await this.#world.pass(this.#chance.between(0, 5_000));
      await this.#world.stopMonitor();
      this.#world.broker.reconnect('monitor');
      await this.#world.startMonitor();
    } else {
      const former = await this.#world.replaceMonitor();
      if (how < 0.7) await this.#world.pass(this.#chance.between(100, 3_000));
      let ended = false;
      const kill = { deadlineMs: this.#world.nowMs, signal: AbortSignal.abort() };
      const stopped = former.stop(kill).finally(() => {
        ended = true;
      });
      await this.#world.clock.advanceUntil(() => ended, { stepMs: 10 });
      await stopped;
    }
    this.troubles.push({ fromMs, untilMs: this.#world.nowMs, host: undefined });
  }

  #host(): string {
    return this.#chance.pick(this.#world.fleet.hostIds());
  }

  #someOf(host: string): string[] {
    const there = this.#world.fleet
      .host(host)
      .at(this.#world.nowMs)
      .map(({ identity }) => identity.vm);
    return there.filter(() => this.#chance.unit() < 0.3);
  }
}

/** Nothing changes by itself any more: every host keeps what it has now, and gets nothing new. */
function freeze(world: World): void {
  const { fleet, nowMs: atMs } = world;
  const known = new Set([...fleet.truth(atMs).keys(), ...seatsUntil(world, atMs + quietMs + 60_000)]);
  for (const host of fleet.hostIds()) {
    for (const vm of known) {
      const view = fleet.host(host).vmAt(vm, atMs);
      if (view === undefined && fleet.topology.seatOf(vm) !== undefined)
        world.script({ kind: 'absent', atMs, host, vm });
      else if (view !== undefined) world.script({ kind: 'state', atMs, host, vm, state: view.state });
    }
  }
  for (const [vm, { addresses, state }] of fleet.truth(atMs)) {
    if (addresses !== undefined && isActive(state))
      world.script({ kind: 'addresses', atMs, vm, addresses: [...addresses] });
  }
}

function seatsUntil({ fleet }: World, untilMs: number): string[] {
  const vms: string[] = [];
  for (let seat = 0; seat < fleet.options.hosts * fleet.options.vmsPerHost; seat++) {
    const last = fleet.seats.generationAt(seat, untilMs);
    for (let generation = Math.max(0, last - 3); generation <= last; generation++)
      vms.push(fleet.topology.vmId({ seat, generation }));
  }
  return vms;
}

/** Chance that a seed repeats exactly. */
interface Chance {
  unit(): number;
  between(from: number, to: number): number;
  pick<T>(choices: readonly T[]): T;
}

function chanceOf(seed: number): Chance {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  const unit = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number) => Math.round(from + (to - from) * unit());
  return { unit, between, pick: (choices) => choices[Math.floor(unit() * choices.length)] as never };
}
