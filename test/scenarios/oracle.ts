import { type FleetEvent, isActive, isMigrating, type ObserverEvent, type Version } from '@vedette/model';
import type { VMDetail } from '@vedette/store';
import type { Aftermath, Trouble } from './storm.ts';
import type { World } from './world.ts';

type VMChanged = Extract<FleetEvent, { type: 'vedette.VMChanged.v1' }>;

/** How far what is told may lag behind what is, where nothing is wrong. */
const lagMs = 10_000;
const sampleMs = 19;
const shownEvents = 14;

/** Everything that is wrong with a world at rest after a storm; empty when all is well. */
export async function complaintsOf({ world, troubles }: Aftermath): Promise<string[]> {
  const told = toldOf(world);
  return [
    ...repetitions(world),
    ...told.flatMap(([vm, events]) => [...sequence(vm, events), ...falseDeaths(world, troubles, vm, events)]),
    ...(await truths(world, new Map(told))),
    ...(await hosts(world)),
    ...(await confirmations(world)),
  ];
}

/** What was said of each VM, each event once, by version. */
function toldOf(world: World): Array<readonly [string, VMChanged[]]> {
  const byVM = new Map<string, Map<number, VMChanged>>();
  for (const event of world.told('VMChanged')) {
    const { vm, vmVersion } = event.data;
    const events = byVM.get(vm) ?? new Map<number, VMChanged>();
    byVM.set(vm, events.set(vmVersion, event));
  }
  return [...byVM].map(([vm, events]) => [
    vm,
    [...events.values()].sort((a, b) => a.data.vmVersion - b.data.vmVersion),
  ]);
}

/** One id, one content: of fleet events and of observers' events, whose ids are their versions. */
function repetitions(world: World): string[] {
  const contents = new Map<string, string>();
  const wrong: string[] = [];
  for (const event of world.changesTold) {
    const content = JSON.stringify(event);
    const before = contents.get(event.id);
    contents.set(event.id, content);
    if (before !== undefined && before !== content) wrong.push(`one id, two contents: ${before} and ${content}`);
    const { data } = event as ObserverEvent;
    if ('version' in data && event.id !== `${data.host}/${data.version.epoch}/${data.version.seq}`)
      wrong.push(`an id that is not its version: ${content}`);
  }
  return wrong;
}

function sequence(vm: string, events: readonly VMChanged[]): string[] {
  const versions = events.map(({ data }) => data.vmVersion);
  return versions.every((version, at) => version === at + 1) ? [] : [`${vm}: versions told: ${versions.join(' ')}`];
}

/** Nothing is called dead that ran all the time during which what was seen can have been seen. */
function falseDeaths(world: World, troubles: readonly Trouble[], vm: string, events: readonly VMChanged[]): string[] {
  const dead = events.filter(({ data }) => ['stopped', 'failed', 'gone'].includes(data.state));
  return dead.flatMap((event) => {
    const untilMs = Date.parse(event.time) - (world.clock.wallNow() - world.nowMs);
    const fromMs = seenSinceMs(troubles, event.data.host, untilMs);
    for (let atMs = untilMs; atMs >= fromMs; atMs -= sampleMs) if (!ranAt(world, vm, atMs)) return [];
    return [`${vm}: called ${event.data.state} at ${untilMs} and ran since ${fromMs}\n${storyOf(world, vm)}`];
  });
}

/** The oldest instant of which something told at `untilMs` may speak: troubles that overlap add up. */
function seenSinceMs(troubles: readonly Trouble[], host: string | undefined, untilMs: number): number {
  let fromMs = untilMs - lagMs;
  const concern = troubles.filter((trouble) => trouble.host === undefined || trouble.host === host);
  for (const trouble of [...concern].sort((a, b) => b.untilMs - a.untilMs)) {
    if (trouble.fromMs < untilMs && trouble.untilMs > fromMs) fromMs = Math.min(fromMs, trouble.fromMs - lagMs);
  }
  return Math.max(0, fromMs);
}

function ranAt(world: World, vm: string, atMs: number): boolean {
  return world.fleet.hostIds().some((host) => {
    const view = world.fleet.host(host).vmAt(vm, atMs);
    return view !== undefined && isActive(view.state);
  });
}

/** What the store has of each VM, what was told of it last, and what is. */
async function truths(world: World, told: ReadonlyMap<string, readonly VMChanged[]>): Promise<string[]> {
  const wrong: string[] = [];
  const { items } = await world.store.vms({ gone: true }, { limit: 10_000 });
  const kept = new Set(items.map(({ id }) => id));
  for (const vm of world.fleet.truth(world.nowMs).keys()) if (!kept.has(vm)) wrong.push(`${vm}: unknown to the store`);
  for (const vm of kept) {
    const record = (await world.store.vm(vm)) as VMDetail;
    const found = [
      ...stateFaults(world, record),
      ...addressFaults(world, record),
      ...sightingFaults(world, record),
      ...conditionFaults(world, record),
      ...incarnationFaults(world, record, told.get(vm) ?? []),
      ...toldFaults(record, told.get(vm)?.at(-1)),
    ];
    if (found.length > 0) wrong.push(`${vm}: ${found.join('; ')}\n${storyOf(world, vm)}`);
  }
  return wrong;
}

function stateFaults(world: World, { id, truth, sightings }: VMDetail): string[] {
  const is = `the store has ${truth.state} on ${truth.host} (${truth.detail})`;
  const really = world.fleet.truth(world.nowMs).get(id);
  if (really === undefined) return truth.state === 'gone' || movedUnseen(truth, sightings) ? [] : [`${is}, it is gone`];
  const here = truth.host === undefined ? undefined : really.seen.get(truth.host);
  // A host that had it back before anybody looked, or while the bus was away, has no place in the order of what was said.
  if (movedUnseen(truth, sightings) && !isActive(really.state)) return [];
  const rightClass = here === truth.state;
  const yields =
    isActive(really.state) &&
    !isMigrating(really.state) &&
    (here === undefined || !isActive(here) || isMigrating(here));
  const dead = isActive(really.state) && !(here !== undefined && isActive(here));
  return rightClass && !yields && !dead ? [] : [`${is}, it is ${really.state} on ${really.host}`];
}

/** Its host was seen to send it away, and nobody to receive it: `unknown`, with that as the reason. */
function movedUnseen({ state, detail }: VMDetail['truth'], sightings: VMDetail['sightings']): boolean {
  const left = sightings.some(({ registers }) => {
    const value = registers.state?.value;
    return (
      value?.state === 'migrated_away' ||
      value?.lastPresent === 'migrating_out' ||
      value?.lastPresent === 'migrated_away'
    );
  });
  return state === 'unknown' && left && detail.startsWith('moved:');
}

function addressFaults(world: World, { id, truth }: VMDetail): string[] {
  const really = world.fleet.truth(world.nowMs).get(id);
  if (really?.addresses === undefined || !isActive(truth.state) || truth.state === 'unknown') return [];
  const [has, is] = [truth.addresses, really.addresses].map((list) => list.map(({ address }) => address).join(' '));
  return has === is ? [] : [`the store has addresses ${has}, they are ${is}`];
}

function sightingFaults(world: World, { id, sightings }: VMDetail): string[] {
  return sightings.flatMap(({ observer, registers }) => {
    const has = registers.state?.value.state ?? 'absent';
    const is = world.fleet.host(observer).vmAt(id, world.nowMs)?.state ?? 'absent';
    // Having moved away says more than being absent, and may be what is kept.
    return has === is || (has === 'migrated_away' && is === 'absent')
      ? []
      : [`${observer} is taken to have it ${has}, it has it ${is}`];
  });
}

/** What each host that has the VM says is wrong with it: what is. Nobody reads what one said that no longer has it. */
function conditionFaults(world: World, { id, sightings }: VMDetail): string[] {
  return sightings.flatMap(({ observer, registers }) => {
    const has = (registers.conditions?.value ?? []).join(' ');
    const view = world.fleet.host(observer).vmAt(id, world.nowMs);
    const is = (view?.patch?.conditions ?? []).join(' ');
    return view === undefined || has === is ? [] : [`${observer} is taken to see conditions "${has}", it sees "${is}"`];
  });
}

/**
 * A birth may be lost with a reply that never came; but each incarnation is told, and begins with a birth that somebody
 * told of, or after the VM was gone.
 */
function incarnationFaults(world: World, { id, incarnation }: VMDetail, told: readonly VMChanged[]): string[] {
  const seen = told.map(({ data }) => data.incarnation);
  const rises = seen.every((one, at) => at === 0 || one >= (seen[at - 1] ?? 0));
  const births = birthsOf(world, id).size;
  const ends = told.filter(({ data }) => data.state === 'gone').length;
  return [
    ...(rises && (seen.at(-1) ?? 1) === incarnation
      ? []
      : [`told ${seen.join(' ')}, it is incarnation ${incarnation}`]),
    ...(incarnation <= 1 + births + ends ? [] : [`incarnation ${incarnation} of ${births} births and ${ends} ends`]),
  ];
}

/** Every birth of the VM that any host told of, each once. */
function birthsOf(world: World, vm: string): ReadonlySet<string> {
  const births = new Set<string>();
  const add = (host: string, born: Version | null | undefined) => {
    if (born) births.add(`${host}/${born.epoch}/${born.seq}`);
  };
  for (const { data } of world.told('VMStateChanged', vm)) add(data.host, data.value.born);
  for (const { data } of world.told('HostSnapshot')) add(data.host, data.columns.born?.[data.columns.vm.indexOf(vm)]);
  return births;
}

function toldFaults({ vmVersion, truth }: VMDetail, last: VMChanged | undefined): string[] {
  const pairs = [
    [vmVersion, last?.data.vmVersion],
    [truth.state, last?.data.state],
    [truth.host, last?.data.host],
    [truth.addresses, last?.data.addresses],
    [truth.conflict, last?.data.conflict],
  ].map((pair) => pair.map((value) => JSON.stringify(value)));
  return pairs.flatMap(([has, was]) => (has === was ? [] : [`the store has ${has}, told was ${was}`]));
}

async function hosts(world: World): Promise<string[]> {
  const records = await Promise.all(world.fleet.hostIds().map((host) => world.store.host(host)));
  return records.flatMap((record) =>
    record?.state === 'up' && record.observable && record.waiting === 0
      ? []
      : [`host ${record?.id} is ${record?.state} (${record?.reason}), ${record?.waiting} VMs wait for it`],
  );
}

async function confirmations(world: World): Promise<string[]> {
  const { vms, waitingFor } = await world.store.pendingConfirmations();
  return vms === 0 ? [] : [`${vms} VMs wait for confirmation by ${waitingFor.join(', ')}`];
}

/** The last that was said about a VM, for whoever has to find out why. */
function storyOf(world: World, vm: string): string {
  const about = world.changesTold.filter(({ data }) => (data as { vm?: string }).vm === vm);
  const lines = about.slice(-shownEvents).map(({ id, type, time, data }) => {
    const { to, state, host, reason, via, addresses } = data as unknown as Record<string, string | undefined>;
    const atMs = Date.parse(time) - (world.clock.wallNow() - world.nowMs);
    const list = (addresses as unknown as ReadonlyArray<{ address: string }> | undefined)?.map(
      ({ address }) => address,
    );
    return `  ${atMs} ${type.split('.')[1]} ${id} ${to ?? state ?? ''}@${host} ${reason ?? via ?? ''} ${list?.join(' ') ?? ''}`;
  });
  return lines.join('\n');
}
