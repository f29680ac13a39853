import type { VMState } from '@vedette/model';
import { describe, expect, it } from 'vitest';
import type { AnyEvent, Deed, DeedName, Heard, Placement, Round, Trouble } from './history.ts';
import { stateOfWords } from './lab.ts';
import { judge, newMemory } from './oracle.ts';
import { defaultPatience } from './paths.ts';

const vm = '00000000-0000-4000-8000-000000000001';
const hosts = ['kvm1', 'kvm2'];
const at = (placement: Placement): Placement => ({ kvm1: 'absent', kvm2: 'absent', ...placement });

/** One thing told: by an observer (`kvm1`), or of the fleet (`fleet`: then `running@kvm1`). */
interface Said {
  readonly atMs: number;
  readonly level: string;
  readonly state: string;
  readonly brief?: true;
  readonly incarnation?: number;
}

/** A round as it should be told: every state durable, ten seconds apart, told 50 ms after its deed. */
class Story {
  readonly deeds: Deed[] = [];
  readonly troubles: Trouble[] = [];
  said: Said[] = [];
  #nowMs = 0;
  #placement: Placement;
  readonly #before: Placement;

  constructor(before: Placement) {
    this.#before = at(before);
    this.#placement = this.#before;
  }

  does(
    name: DeedName,
    host: string,
    after: Placement,
    ...tells: ReadonlyArray<readonly [string, string, 'brief'?]>
  ): this {
    this.#nowMs += 10_000;
    const to = name.startsWith('migrate') ? { to: hosts.find((other) => other !== host) as string } : {};
    const [beganMs, endedMs] = [this.#nowMs, this.#nowMs + 1_000];
    this.deeds.push({ vm, name, host, ...to, beganMs, endedMs, before: this.#placement, after: at(after) });
    this.#placement = at(after);
    tells.forEach(([level, state, brief], index) => {
      this.said.push({ atMs: beganMs + 500 + index, level, state, ...(brief === undefined ? {} : { brief: true }) });
    });
    return this;
  }

  /** More that is told of the last deed, so long after it began. */
  says(afterMs: number, ...tells: ReadonlyArray<readonly [string, string]>): this {
    for (const [level, state] of tells) this.said.push({ atMs: this.#nowMs + afterMs, level, state });
    return this;
  }

  /** With consecutive numbers, unless given: what was never told leaves no gap. */
  round(said: readonly Said[] = this.said): Round {
    const counts = new Map<string, number>();
    const last = new Map<string, string>();
    let incarnation = 1;
    const heard = [...said]
      .sort((a, b) => a.atMs - b.atMs)
      .map((one): Heard => {
        const seq = (counts.get(one.level) ?? 0) + 1;
        counts.set(one.level, seq);
        incarnation = one.incarnation ?? incarnation;
        const from = last.get(one.level);
        last.set(one.level, one.state);
        return { atMs: one.atMs, event: eventOf(one, seq, incarnation, from) };
      });
    return { hosts, before: new Map([[vm, this.#before]]), deeds: this.deeds, troubles: this.troubles, heard };
  }
}

function eventOf({ level, state: full }: Said, seq: number, incarnation: number, from: string | undefined): AnyEvent {
  const [state, host] = full.split('@') as [VMState, string?];
  const moved = from?.split('@')[1] !== undefined && host !== undefined && from.split('@')[1] !== host;
  const data =
    level === 'fleet'
      ? {
          vm,
          vmVersion: seq,
          incarnation,
          state,
          host,
          reason: moved ? 'migrated' : 'state',
          previous: { state: from ?? '-' },
        }
      : { vm, host: level, version: { epoch: 1, seq }, to: state, passed: [], value: { reason: `for ${state}` } };
  const type = level === 'fleet' ? 'vedette.VMChanged.v1' : 'vedette.VMStateChanged.v1';
  // Of an event only what the oracle reads.
  return { type, id: `${level}/${seq}`, data } as unknown as AnyEvent;
}

function story(): Story {
  return new Story({ kvm1: 'running' })
    .does('suspend', 'kvm1', { kvm1: 'paused' }, ['kvm1', 'paused'], ['fleet', 'paused@kvm1'])
    .does('resume', 'kvm1', { kvm1: 'running' }, ['kvm1', 'running'], ['fleet', 'running@kvm1'])
    .does(
      'migrate',
      'kvm1',
      { kvm2: 'running' },
      ['kvm1', 'migrating_out', 'brief'],
      ['kvm2', 'migrating_in', 'brief'],
      ['kvm2', 'running'],
      ['fleet', 'running@kvm2'],
      ['kvm1', 'absent'],
    )
    .does('reset', 'kvm2', { kvm2: 'running' }, ['kvm2', 'rebooting'], ['fleet', 'rebooting@kvm2'])
    .says(2_500, ['kvm2', 'running'], ['fleet', 'running@kvm2'])
    .does('kill', 'kvm2', { kvm2: 'failed' }, ['kvm2', 'failed'], ['fleet', 'failed@kvm2'])
    .does('start', 'kvm2', { kvm2: 'running' }, ['kvm2', 'running'], ['fleet', 'running@kvm2'])
    .does('destroy', 'kvm2', { kvm2: 'stopped' }, ['kvm2', 'stopped'], ['fleet', 'stopped@kvm2'])
    .does('undefine', 'kvm2', {}, ['kvm2', 'absent'], ['fleet', 'gone']);
}

const kindsOf = (round: Round): string[] =>
  judge(round, newMemory()).faults.map(({ kind, level }) => `${kind} ${level}`);

describe('the oracle of the churn', () => {
  it('finds nothing wrong with a true story, and says what it compared', () => {
    const { faults, checks, lags } = judge(story().round(), newMemory());
    expect(faults).toEqual([]);
    expect(checks).toBeGreaterThan(story().said.length);
    expect(lags.length).toBeGreaterThan(10);
  });

  it('finds each event that was never told, unless it is of a state only passed', () => {
    for (const [index, one] of story().said.entries()) {
      const told = story().said.filter((_, other) => other !== index);
      const found = kindsOf(story().round(told));
      if (one.brief) expect(found, `without ${JSON.stringify(one)}`).toEqual([]);
      else expect(found, `without ${JSON.stringify(one)}`).toContain(`missed ${one.level}`);
    }
  });

  it('finds each event lost on its way, by its number', () => {
    const whole = story().round();
    whole.heard.forEach((_, index) => {
      const isLast = !whole.heard
        .slice(index + 1)
        .some(({ event }) => levelOf(event) === levelOf(whole.heard[index]?.event));
      const found = kindsOf({ ...whole, heard: whole.heard.filter((__, other) => other !== index) });
      if (!isLast) expect(found.join()).toContain('gap');
      else expect(found.join()).toMatch(/gap|missed/); // nothing follows the last, but its state is missed
    });
  });

  it('finds each event that came twice', () => {
    const whole = story().round();
    whole.heard.forEach((one, index) => {
      const heard = whole.heard.toSpliced(index, 0, one);
      expect(kindsOf({ ...whole, heard }).join()).toContain('duplicate');
    });
  });

  it.each([
    'stopped',
    'failed',
    'suspended',
    'paused_error',
    'absent',
    'migrated_away',
    'unknown',
    'not_responding',
    'split_brain',
  ])('finds an invented %s wherever it is told', (state) => {
    for (let atMs = 1_000; atMs < 80_000; atMs += 1_700) {
      for (const level of [...hosts, 'fleet']) {
        const isTrue = story().said.some(
          (one) => one.level === level && one.state.split('@')[0] === state && Math.abs(one.atMs - atMs) < 12_000,
        );
        if (isTrue) continue;
        const invented = { atMs, level, state: level === 'fleet' ? `${state}@kvm1` : state };
        // What is told a second time is noise; everything else is false.
        expect(kindsOf(story().round([...story().said, invented])).join(), JSON.stringify(invented)).toMatch(
          new RegExp(`(false|noise) ${level}`),
        );
      }
    }
  });

  it('finds gone told of a guest that moves', () => {
    const told = [...story().said, { atMs: 30_502, level: 'fleet', state: 'gone' }];
    expect(kindsOf(story().round(told))).toContain('false fleet');
  });

  it('finds a state told before its deed, after it was over, and too late', () => {
    const early = story().said.map((one) => (one.state === 'paused' ? { ...one, atMs: 9_900 } : one));
    expect(kindsOf(story().round(early))).toContain('false kvm1');
    const late = new Story({ kvm1: 'running' }).does('suspend', 'kvm1', { kvm1: 'paused' });
    late.said = [
      { atMs: 25_000, level: 'kvm1', state: 'paused' },
      { atMs: 10_500, level: 'fleet', state: 'paused@kvm1' },
    ];
    expect(kindsOf(late.round())).toEqual(['late kvm1']);
  });

  it('finds events told in another order', () => {
    const swapped = story().said.map((one) => (one.state === 'failed' ? { ...one, atMs: 61_000 } : one));
    expect(kindsOf(story().round(swapped))).not.toEqual([]);
  });

  it('finds a migration told as something else, and one that nobody made', () => {
    const round = story().round();
    const renamed = round.heard.map(({ atMs, event }) => ({ atMs, event: withReason(event, 'migrated', 'state') }));
    expect(kindsOf({ ...round, heard: renamed })).toEqual(['missed fleet']);
    const more = round.heard.map(({ atMs, event }) => ({ atMs, event: withReason(event, 'state', 'migrated') }));
    expect(kindsOf({ ...round, heard: more })).toEqual(['false fleet']);
  });

  it('M8: finds a guest defined anew that is taken for the former one, and an incarnation nobody made', () => {
    const anew = (incarnation: number) => {
      const told = new Story({ kvm1: 'stopped' })
        .does('recreate', 'kvm1', { kvm1: 'stopped' })
        .does('start', 'kvm1', { kvm1: 'running' });
      told.said = [
        { atMs: 5_000, level: 'fleet', state: 'stopped@kvm1', incarnation: 1 },
        { atMs: 20_500, level: 'kvm1', state: 'running' },
        { atMs: 20_500, level: 'fleet', state: 'running@kvm1', incarnation },
      ];
      const memory = newMemory();
      memory.incarnations.set(vm, 1);
      return judge(told.round(), memory).faults.map(({ kind }) => kind);
    };
    expect([anew(1), anew(2), anew(3)]).toEqual([['missed'], [], ['false']]);
  });

  it('N6: finds a host called anything because of a short trouble', () => {
    const round = story().round();
    const event = {
      type: 'vedette.HostChanged.v1',
      id: 'h/1',
      data: { host: 'kvm1', hostVersion: 1, state: 'non_responsive', reason: '' },
    };
    const heard = [...round.heard, { atMs: 42_000, event: event as unknown as AnyEvent }];
    expect(kindsOf({ ...round, heard })).toEqual(['false kvm1']);
  });

  it('finds addresses, configurations and conditions that nothing changed', () => {
    const round = story().round();
    const data = {
      vm,
      host: 'kvm1',
      version: { epoch: 2, seq: 1 },
      added: [],
      removed: [{ address: '10.0.0.1' }],
      sections: ['config'],
      raised: ['io_error'],
      cleared: [],
    };
    for (const name of ['IPChanged', 'VMConfigChanged', 'VMConditionChanged']) {
      const event = { type: `vedette.${name}.v1`, id: name, data } as unknown as AnyEvent;
      const heard = [{ atMs: 15_000, event }, ...round.heard];
      expect(kindsOf({ ...round, heard }), name).toEqual(['noise kvm1']);
    }
  });

  it('excuses what was true only while nobody could look, and nothing else', () => {
    const hidden = (troubles: readonly Trouble[]) => {
      const told = story();
      told.troubles.push(...troubles);
      return judge(told.round(told.said.filter(({ state }) => !/paused|^rebooting/.test(state))), newMemory());
    };
    const trouble = { name: 'libvirtd_freeze', hosts: ['kvm1'], fromMs: 9_500, untilMs: 19_000 } as const;
    const { faults, allowed } = hidden([trouble]);
    const missed = faults.filter(({ kind }) => kind === 'missed');
    expect(missed.map(({ what }) => what.split(' ')[0])).toEqual(['rebooting', 'rebooting@kvm2']);
    expect(allowed.get('unwatched')).toBe(2);
    expect(hidden([{ ...trouble, hosts: ['kvm2'] }]).faults.map(({ level }) => level)).toContain('kvm1');
    expect(hidden([{ ...trouble, untilMs: 9_800, fromMs: 9_500 }]).faults.length).toBeGreaterThan(2);
  });

  it('excuses an end of a hang that was over before QEMU could be asked, and none that lasted', () => {
    const told = new Story({ kvm1: 'not_responding' })
      .does('unhang', 'kvm1', { kvm1: 'running' })
      .does('suspend', 'kvm1', { kvm1: 'paused' }, ['kvm1', 'paused'], ['fleet', 'paused@kvm1']);
    const judged = (provedMs: number) => judge(told.round(), newMemory(), { ...defaultPatience, provedMs });
    expect(judged(8_000).faults.map(({ kind, level }) => `${kind} ${level}`)).toEqual(['missed kvm1', 'missed fleet']);
    expect(judged(10_000).faults).toEqual([]);
    expect(judged(10_000).allowed.get('unproved')).toBe(2);
  });

  it('excuses the old word of a host that a guest left while nobody could ask it, and that alone', () => {
    const story = (fromMs: number, word: string) => {
      const told = new Story({ kvm1: 'running' })
        .does('migrate', 'kvm1', { kvm2: 'running' }, ['kvm2', 'running'], ['fleet', 'running@kvm2'])
        .does('kill', 'kvm2', { kvm2: 'failed' }, ['kvm2', 'failed'], ['fleet', word])
        .says(900, ['kvm1', 'absent'], ['fleet', 'failed@kvm2']);
      told.troubles.push({ name: 'libvirtd_kill', hosts: ['kvm1'], fromMs, untilMs: fromMs + 3_000 });
      return kindsOf(told.round());
    };
    expect(story(9_500, 'running@kvm1')).toEqual([]);
    expect(story(9_500, 'paused@kvm1')).toContain('false fleet');
    expect(story(-9_000, 'running@kvm1')).toContain('false fleet');
  });

  it('reads the words of virsh by itself, and refuses those it does not know', () => {
    expect(
      ['running (booted)', 'paused (user)', 'shut off (crashed)', 'shut off (saved)', ''].map(stateOfWords),
    ).toEqual(['running', 'paused', 'failed', 'suspended', 'absent']);
    expect(() => stateOfWords('no state')).toThrow(/cannot read/);
  });
});

function levelOf(event: AnyEvent | undefined): string {
  return event?.id.split('/')[0] ?? '';
}

function withReason(event: AnyEvent, from: string, to: string): AnyEvent {
  const { data } = event as { data: { reason?: string } };
  return data.reason === from ? ({ ...event, data: { ...data, reason: to } } as AnyEvent) : event;
}
