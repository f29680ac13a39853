import { RealClock } from '@vedette/runtime';
import { disagreements } from './agreement.ts';
import { type Chance, chanceOf } from './chance.ts';
import { canBeDone, draw, perform } from './deeds.ts';
import type { Deed, DeedName, Heard, Placement, Round, Trouble } from './history.ts';
import type { Journal } from './journal.ts';
import { Lab, type LabGuest, type LabHost } from './lab.ts';
import { type Fault, judge, newMemory, type Verdict } from './oracle.ts';
import { defaultPatience, isUnseenRecreation } from './paths.ts';
import { ChurnSpine } from './spine.ts';
import { Tally } from './tally.ts';
import { makeTrouble } from './troubles.ts';

export interface ChurnOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** BIOS-only guests, 45 MB each. */
  readonly guests: number;
  /** With an agent and an address, 225 MB each. */
  readonly fullGuests: number;
  /** Troubles of hosts and of the monitor, besides deeds. */
  readonly troubles: boolean;
  /** From one quiet point to the next. */
  readonly roundMs: number;
  readonly journal: Journal;
  readonly onFault: (fault: Fault, evidence: string) => void;
  readonly onProgress: (tally: Tally, elapsedMs: number) => void;
}

/** After everything agreed: more than two polls in which nothing may be told. */
const silenceMs = 7_000;
const agreementTimeoutMs = 45_000;
const progressMs = 5_000;
/** This process did not run for longer than that: it watched nothing meanwhile. */
const stallMs = 500;

/** Churns real guests until the time is over, in rounds that are judged one by one. */
export async function churn(options: ChurnOptions): Promise<Tally> {
  await using lab = await Lab.begin(options);
  const hosts = lab.hosts.map(({ id, libvirt: { socketPath, rootDir } }) => ({ id, socketPath, rootDir }));
  const tally = new Tally();
  await using spine = await ChurnSpine.begin(hosts, (heard) => {
    tally.events++;
    options.journal.event(heard);
  });
  const run = new Run(options, lab, spine, tally);
  return await run.toTheEnd(); // not before its end may lab and spine be closed
}

class Run {
  readonly #options: ChurnOptions;
  readonly #lab: Lab;
  readonly #spine: ChurnSpine;
  readonly #clock = new RealClock();
  readonly #memory = newMemory();
  readonly #tally: Tally;
  readonly #chances: ReadonlyMap<LabGuest, Chance>;
  readonly #troubleChance: Chance;
  readonly #transient = new Set<LabGuest>();
  #deeds: Deed[] = [];
  #troubles: Trouble[] = [];
  #before = new Map<string, Placement>();

  constructor(options: ChurnOptions, lab: Lab, spine: ChurnSpine, tally: Tally) {
    this.#options = options;
    this.#lab = lab;
    this.#spine = spine;
    this.#tally = tally;
    this.#chances = new Map(lab.guests.map((guest) => [guest, chanceOf(options.seed, guest.index)]));
    this.#troubleChance = chanceOf(options.seed, 1_000);
  }

  async toTheEnd(): Promise<Tally> {
    const beganMs = this.#clock.now();
    const progress = setInterval(() => this.#options.onProgress(this.#tally, this.#clock.now() - beganMs), progressMs);
    const stalls = this.#watchStalls();
    try {
      await this.#agreement();
      await this.#clock.sleep(silenceMs);
      this.#startRound();
      const endMs = this.#clock.now() + this.#options.durationMs;
      while (this.#clock.now() < endMs) await this.#round(Math.min(endMs, this.#clock.now() + this.#options.roundMs));
    } finally {
      clearInterval(progress);
      clearInterval(stalls);
    }
    this.#tally.elapsedMs = this.#clock.now() - beganMs;
    return this.#tally;
  }

  // ---- Rounds ------------------------------------------------------------------------------------------------

  /** What was told until now is no part of any round; it is only remembered, to find what comes twice or is left out. */
  #startRound(): void {
    if (this.#tally.rounds === 0) judge({ ...this.#asRound(), before: new Map() }, this.#memory);
    this.#deeds = [];
    this.#troubles = [];
    this.#spine.heard.length = 0;
    this.#before = new Map(this.#lab.guests.map(({ uuid, placement }) => [uuid, placement]));
  }

  #asRound(): Round {
    const hosts = this.#lab.hosts.map(({ id }) => id);
    const heard: readonly Heard[] = [...this.#spine.heard];
    const deeds = this.#deeds.toSorted((a, b) => a.beganMs - b.beganMs);
    return { hosts, before: this.#before, deeds, troubles: this.#troubles, heard };
  }

  async #round(untilMs: number): Promise<void> {
    const storms = this.#lab.guests.map((guest) => this.#churnGuest(guest, untilMs));
    if (this.#options.troubles) storms.push(this.#makeTroubles(untilMs));
    await Promise.all(storms);
    const wrong = await this.#agreement();
    await this.#clock.sleep(silenceMs);
    const round = this.#asRound();
    this.#report(judge(round, this.#memory), round);
    for (const fault of wrong) this.#fault(fault);
    this.#tally.rounds++;
    this.#startRound();
  }

  #report(verdict: Verdict, round: Round): void {
    this.#tally.take(verdict, round);
    this.#options.journal.write({
      atMs: this.#clock.now(),
      kind: 'check',
      what: `round ${this.#tally.rounds}: ${round.deeds.length} deeds, ${round.heard.length} events, ${verdict.faults.length} faults`,
    });
    for (const fault of verdict.faults) this.#fault(fault);
  }

  #fault(fault: Fault): void {
    this.#tally.faults.push(fault);
    const { atMs, vm, level, kind, what } = fault;
    this.#options.journal.write({
      atMs,
      kind: 'fault',
      ...(vm === undefined ? {} : { vm }),
      what: `${kind} (${level}): ${what}`,
    });
    this.#options.onFault(fault, this.#options.journal.evidence(vm, atMs + 2_000));
  }

  /** Waits until the store says of every guest what virsh does; returns what it still says otherwise after long. */
  async #agreement(): Promise<Fault[]> {
    const endMs = this.#clock.now() + agreementTimeoutMs;
    for (;;) {
      const faults: Fault[] = [];
      for (const guest of this.#lab.guests) {
        guest.placement = await this.#lab.placementOf(guest);
        await this.#takeUnseen(guest);
        const wrong = await disagreements(this.#spine.store, this.#lab, guest);
        const about = { vm: guest.uuid, level: 'fleet', atMs: this.#clock.now() };
        faults.push(...wrong.map((what): Fault => ({ kind: 'store', ...about, what })));
      }
      this.#tally.checks += this.#lab.guests.length * 4;
      if (faults.length === 0 || this.#clock.now() > endMs) return faults;
      await this.#clock.sleep(500);
    }
  }

  /** A guest defined anew in the dark is what the former one was, where the store says so: nobody can tell. */
  async #takeUnseen(guest: LabGuest): Promise<void> {
    const last = this.#deeds.findLast(({ vm }) => vm === guest.uuid);
    if (last === undefined || !isUnseenRecreation(last, this.#troubles, defaultPatience)) return;
    const kept = (await this.#spine.store.vm(guest.uuid))?.truth.state;
    if (kept !== undefined && kept === last.before[last.host])
      guest.placement = { ...guest.placement, [last.host]: kept };
  }

  // ---- Storms ------------------------------------------------------------------------------------------------

  async #churnGuest(guest: LabGuest, untilMs: number): Promise<void> {
    const chance = this.#chances.get(guest) as Chance;
    while (this.#clock.now() < untilMs || guest.hungOn !== undefined) {
      if (canBeDone(guest)) await this.#deed(guest, chance);
      else guest.placement = await this.#lab.placementOf(guest); // between two states still: looked at again
      await this.#clock.sleep(guest.hungOn === undefined ? pauseOf(chance) : hangOf(chance));
    }
  }

  async #deed(guest: LabGuest, chance: Chance): Promise<void> {
    const plan = draw(this.#lab, guest, chance, this.#transient.has(guest));
    const { name, host, to } = plan;
    const gates = [host, to].filter((one): one is LabHost => one !== undefined).map(({ gate }) => gate);
    // In the order of the hosts, so that no two wait for each other.
    const inOrder = this.#lab.hosts.map(({ gate }) => gate).filter((gate) => gates.includes(gate));
    for (const gate of inOrder) await gate.enter({ alone: name === 'kill_unseen' });
    try {
      const before = guest.placement;
      const beganMs = this.#clock.now();
      const about = { vm: guest.uuid, host: host.id };
      this.#options.journal.write({ atMs: beganMs, kind: 'begin', ...about, what: `${name} on ${host.id}` });
      const outcome = await perform(this.#lab, guest, plan);
      const endedMs = this.#clock.now();
      const where = to === undefined ? {} : { to: to.id };
      // A migration may be faster than its abort.
      const moved = name === 'migrate_aborted' && to !== undefined && guest.placement[to.id] !== 'absent';
      const done = moved ? 'migrate' : name;
      const deed: Deed = {
        ...about,
        ...where,
        name: done,
        beganMs,
        endedMs,
        before,
        after: guest.placement,
        ...outcome,
      };
      if (name === 'kill_unseen') this.#trouble({ name, hosts: [host.id], fromMs: beganMs, untilMs: endedMs });
      if (name === 'create') this.#transient.add(guest);
      if (name === 'define') this.#transient.delete(guest);
      this.#deeds.push(deed);
      this.#tally.deed(deed);
      this.#options.journal.deed(deed);
      await this.#clock.sleep(looksMs(name, guest.placement));
    } finally {
      for (const gate of inOrder) gate.leave();
    }
  }

  async #makeTroubles(untilMs: number): Promise<void> {
    const chance = this.#troubleChance;
    for (;;) {
      await this.#clock.sleep(chance.between(4_000, 15_000));
      if (this.#clock.now() >= untilMs) return;
      this.#trouble(await makeTrouble(this.#lab, this.#spine, chance));
    }
  }

  #watchStalls(): NodeJS.Timeout {
    const everyMs = 100;
    const hosts = this.#lab.hosts.map(({ id }) => id);
    let fromMs = this.#clock.now();
    return setInterval(() => {
      const untilMs = this.#clock.now();
      if (untilMs - fromMs > stallMs + everyMs) this.#trouble({ name: 'stall', hosts, fromMs, untilMs });
      fromMs = untilMs;
    }, everyMs);
  }

  #trouble(trouble: Trouble): void {
    this.#troubles.push(trouble);
    this.#tally.trouble(trouble);
    this.#options.journal.trouble(trouble);
  }
}

/**
 * How long libvirtd must not be ended after a deed. Why a guest is off it forgets when it ends: a crash that nobody had
 * the time to see is an ordinary stop from then on. One in sight is seen by its event; one while libvirtd was down by
 * the listing after the reconnect, a backoff and a poll later.
 */
function looksMs(name: DeedName, after: Placement): number {
  if (name === 'kill_unseen') return 6_000;
  return Object.values(after).includes('failed') ? 3_000 : 0;
}

/** Some deeds follow at once, most after a moment, some only when all has settled. */
function pauseOf(chance: Chance): number {
  const [from, to] = chance.weighted([
    [3, [0, 0]],
    [5, [200, 3_000]],
    [2, [3_000, 9_000]],
  ] as const);
  return chance.between(from, to);
}

/** A hang ends before it could be noticed, or long after it must be. */
function hangOf(chance: Chance): number {
  return chance.weighted([
    [1, chance.between(500, 3_000)],
    [1, chance.between(35_000, 45_000)],
  ]);
}
