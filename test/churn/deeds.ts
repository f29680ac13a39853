import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RealClock } from '@vedette/runtime';
import { eventually } from '@vedette/testbed';
import type { Chance } from './chance.ts';
import type { DeedName, Placement } from './history.ts';
import type { Lab, LabGuest, LabHost } from './lab.ts';

/** A deed as drawn: everything about it but when. */
export interface Plan {
  readonly name: DeedName;
  readonly host: LabHost;
  readonly to?: LabHost;
  /** Of an aborted migration: how long it is let go on. Of a kill unseen: how long libvirtd stays away. */
  readonly delayMs: number;
}

type Weighted = readonly [weight: number, name: DeedName];

/** What may be done to a guest in each state. Deeds that libvirt would refuse are not drawn. */
const choices: Readonly<Record<string, readonly Weighted[]>> = {
  running: [
    [4, 'suspend'],
    [2, 'destroy'],
    [2, 'reset'],
    [2, 'save'],
    [5, 'migrate'],
    [2, 'migrate_aborted'],
    [2, 'kill'],
    [1, 'kill_unseen'],
    [1, 'hang'],
  ],
  paused: [
    [6, 'resume'],
    [1, 'destroy'],
    [1, 'save'],
    [2, 'migrate'],
    [1, 'kill'],
  ],
  stopped: [
    [6, 'start'],
    [1, 'recreate'],
    [1, 'undefine'],
  ],
  failed: [
    [6, 'start'],
    [1, 'recreate'],
    [1, 'undefine'],
  ],
  suspended: [
    [6, 'start'],
    [1, 'recreate'],
  ],
  absent: [
    [3, 'define'],
    [2, 'create'],
  ],
  not_responding: [
    [4, 'unhang'],
    [1, 'kill'],
    [1, 'destroy'],
  ],
};
/** Of a full guest: it can be shut down in order, and stays on the host that has its network. */
const ofFullGuests: readonly Weighted[] = [
  [4, 'shutdown'],
  [3, 'reset'],
  [3, 'suspend'],
  [2, 'destroy'],
  [1, 'kill'],
  [1, 'hang'],
];
const fixed = new Set<DeedName>(['migrate', 'migrate_aborted', 'undefine', 'recreate', 'kill_unseen']);

/** Whether the guest rests in a state from which something can be done to it. */
export function canBeDone(guest: LabGuest): boolean {
  const states = Object.values(guest.placement).filter((state) => state !== 'absent');
  return states.length === 0 || (states.length === 1 && states.every((state) => choices[state] !== undefined));
}

/** Draws the next deed for a guest where it is; the same draws whatever was drawn for others. */
export function draw(lab: Lab, guest: LabGuest, chance: Chance, transient: boolean): Plan {
  const seat = Object.entries(guest.placement).find(([, state]) => state !== 'absent');
  const [id, state] = seat ?? [lab.hosts[chance.between(0, lab.hosts.length - 1)]?.id ?? '', 'absent'];
  const host = lab.host(id);
  const all = guest.full && state === 'running' ? ofFullGuests : (choices[state] ?? []);
  const allowed = all.filter(
    ([, name]) =>
      !(guest.full && fixed.has(name)) &&
      !(transient && (name === 'save' || fixed.has(name))) &&
      !(guest.movedPaused && (name === 'save' || name === 'migrate')),
  );
  if (allowed.length === 0) throw new Error(`${guest.name} is ${state} on ${id}, and nothing can be done to it`);
  const name = chance.weighted(allowed);
  const delayMs = chance.between(300, 2_000);
  return { name, host, delayMs, ...(name.startsWith('migrate') ? { to: lab.otherThan(host) } : {}) };
}

const clock = new RealClock();
const active = ['running', 'paused', 'not_responding'];

/** What virsh must say at last; what it says after 20 s counts, whatever it is. */
function hasLanded({ name, host, to }: Plan, placement: Placement): boolean {
  const here = placement[host.id] ?? 'absent';
  const goals: Readonly<Record<DeedName, readonly string[]>> = {
    start: active,
    create: active,
    resume: ['running'],
    reset: ['running'],
    unhang: ['running'],
    hang: ['not_responding'],
    suspend: ['paused'],
    // libvirt kills a QEMU that does not end, and calls that a crash.
    destroy: ['stopped', 'failed', 'absent'],
    shutdown: ['stopped'],
    save: ['suspended'],
    kill: ['failed', 'absent'],
    kill_unseen: ['failed', 'stopped', 'absent'],
    recreate: ['stopped'],
    define: ['stopped'],
    undefine: ['absent'],
    migrate: ['absent'],
    migrate_aborted: [...active, 'absent'],
  };
  const there = to === undefined ? 'absent' : (placement[to.id] ?? 'absent');
  const oneSeat = (here === 'absent') !== (there === 'absent') || (here === 'absent' && to === undefined);
  return goals[name].includes(here) && oneSeat;
}

/** Does it, and waits until virsh shows it. Returns what virsh said when it refused. */
export async function perform(lab: Lab, guest: LabGuest, plan: Plan): Promise<{ refused?: string }> {
  let refused: string | undefined;
  try {
    await deeds[plan.name](lab, guest, plan);
  } catch (error) {
    refused = (error as Error).message;
  }
  const check = async (): Promise<void> => {
    const anew = refused === undefined && (plan.name === 'recreate' || plan.name === 'define');
    guest.placement = await lab.placementOf(guest, anew);
    if (refused === undefined && !hasLanded(plan, guest.placement))
      throw new Error(`${guest.name} after ${plan.name}: ${JSON.stringify(guest.placement)}`);
  };
  // A domain may go between listing it and asking for its state, and a killed QEMU takes seconds to be noticed.
  await eventually(check, { timeoutMs: 60_000, intervalMs: 40 }).catch((error: unknown) => {
    refused = (error as Error).message;
  });
  const states = Object.values(guest.placement);
  guest.movedPaused = states.includes('paused') && (guest.movedPaused || plan.name === 'migrate');
  return refused === undefined ? {} : { refused };
}

type Doing = (lab: Lab, guest: LabGuest, plan: Plan) => Promise<unknown>;
const virsh =
  (...command: readonly string[]): Doing =>
  (_lab, { name }, { host }) =>
    host.libvirt.virsh(...command, name);

const deeds: Readonly<Record<DeedName, Doing>> = {
  start: virsh('start'),
  suspend: virsh('suspend'),
  resume: virsh('resume'),
  reset: virsh('reset'),
  save: virsh('managedsave'),
  async shutdown(_lab, { name }, { host }) {
    await host.libvirt.agentAnswers(name, 90_000);
    await host.libvirt.virsh('shutdown', '--mode', 'agent', name);
  },
  undefine: virsh('undefine', '--managed-save'),
  async destroy(_lab, guest, { host }) {
    guest.hungOn = undefined;
    await host.libvirt.virsh('destroy', guest.name);
  },
  async kill(_lab, guest, { host }) {
    guest.hungOn = undefined;
    await host.libvirt.signalGuest(guest.name, 'SIGKILL');
  },
  async hang(_lab, guest, { host }) {
    guest.hungOn = host;
    await host.libvirt.signalGuest(guest.name, 'SIGSTOP');
  },
  async unhang(_lab, guest, { host }) {
    await host.libvirt.signalGuest(guest.name, 'SIGCONT');
    guest.hungOn = undefined;
  },
  async kill_unseen(_lab, { name }, { host, delayMs }) {
    const pid = await host.libvirt.guestPid(name);
    await host.libvirt.daemon.stop('SIGKILL');
    await host.libvirt.run('bash', ['-c', 'kill -s KILL "$1"', 'kill', String(pid)]);
    await clock.sleep(delayMs);
    await host.libvirt.daemon.start();
  },
  async define(_lab, { definition }, { host }) {
    await host.libvirt.defineGuest(definition);
  },
  async recreate(_lab, { name, definition }, { host }) {
    await host.libvirt.virsh('undefine', '--managed-save', name);
    await host.libvirt.defineGuest(definition);
  },
  async create(_lab, { uuid, definition }, { host }) {
    const file = join(host.libvirt.baseDir, 'xml', `${uuid}.xml`);
    await writeFile(file, definition.xml);
    await host.libvirt.virsh('create', file);
  },
  migrate: (lab, { name }, { host, to }) =>
    lab.pair.migrate(name, { from: host.libvirt, ...(to === undefined ? {} : { to: to.libvirt }), timeoutMs: 60_000 }),
  async migrate_aborted(lab, { name }, { host, to, delayMs }) {
    const moving = lab.pair
      .migrate(name, {
        from: host.libvirt,
        ...(to === undefined ? {} : { to: to.libvirt }),
        bandwidthMiBs: 1,
        timeoutMs: 60_000,
      })
      .catch((error: unknown) => error as Error); // that is what an abort is for; virsh says below what became of it
    await clock.sleep(delayMs);
    await eventually(() => lab.pair.abortMigration(name, host.libvirt), { timeoutMs: 5_000, intervalMs: 100 }).catch(
      () => undefined, // it ended by itself: again virsh says how
    );
    await moving;
  },
};
