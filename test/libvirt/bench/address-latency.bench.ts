/**
 * P15: from a change of address in a guest to IPChanged at a subscriber, for each source of addresses, beside that
 * source's own cadence.
 *
 *     node test/libvirt/bench/address-latency.bench.ts [--json FILE] [--changes N] [--guests N] [--seed N]
 *
 * Real emulated Linux guests on a private libvirtd, the driver and the monitor as in production (polls every 3 s, guest
 * agents every 15 s), the memory bus. Each guest changes its address at a random moment of the cadence, waits until it
 * is told, and goes on; the guests do so side by side. The sources, one after the other:
 *
 * - agent: `ip addr` in the guest, by its serial line; libvirtd read-write.
 * - lease: the DHCP server is given another address for the guest (`virsh net-update`), and the guest asks for its lease
 *   again (udhcpc); libvirtd read-only, so that the agent cannot be asked, and without the neighbour table, which often
 *   knows the address first. Counted from the end of udhcpc.
 * - neighbour: an entry of the guest's MAC is written into the host's table (`ip neigh replace`), as its traffic would;
 *   libvirtd read-only.
 *
 * Needs root, libvirt and the guest image (`make setup`); 225 MB a guest.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { RealClock } from '@vedette/runtime';
import { libvirtAvailable, type PrivateLibvirt, startLibvirt } from '@vedette/testbed/libvirt';
import { type Chance, chanceOf } from '../../churn/chance.ts';
import { type AddressWatch, watchAddresses } from './address-watch.ts';

const NOT_MEASURED = [
  'provider as a source; guests whose DHCP server is not libvirt’s',
  'a host with many guests, where the driver spreads agents (4 at a time) and libvirtd is busy',
  'a bus between processes, and the way from IPChanged to VMChanged in the store',
  'how long a real guest takes until its new address shows in the table of its host',
  'addresses that go away: a lease or neighbour that is not there any more removes nothing by itself',
];

type Source = 'agent' | 'lease' | 'neighbour';
interface Guest {
  readonly name: string;
  readonly uuid: string;
  readonly mac: string;
  readonly chance: Chance;
}
interface Measured {
  readonly source: Source;
  readonly cadenceMs: number;
  readonly lagsMs: readonly number[];
  /** Changes that were not told in time, or told with another source. */
  readonly lost: number;
  readonly bySource: Readonly<Record<string, number>>;
}

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    changes: { type: 'string', default: '120' },
    guests: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
  },
});
const settings = { changes: Number(values.changes), guests: Number(values.guests), seed: Number(values.seed) };
const available = libvirtAvailable({ fullGuests: true });
if (!available.ok) {
  console.error(available.reason);
  process.exit(2);
}

const clock = new RealClock();
const cadences: Readonly<Record<Source, number>> = { agent: 15_000, lease: 3_000, neighbour: 3_000 };
const beganMs = clock.now();
await using libvirt = await startLibvirt();
const guests = await bootGuests(libvirt);
console.error(`${guests.length} guests booted in ${((clock.now() - beganMs) / 1_000).toFixed(0)} s`);
const results: Measured[] = [];
for (const source of ['agent', 'lease', 'neighbour'] as const) results.push(await measure(source));
report();

async function bootGuests(on: PrivateLibvirt): Promise<Guest[]> {
  const booted: Guest[] = [];
  for (let index = 0; index < settings.guests; index++) {
    const { name, uuid } = await on.startFullGuest(`guest${index}`);
    const mac = await on.macOf(name);
    booted.push({ name, uuid, mac, chance: chanceOf(settings.seed, index) });
  }
  for (const { name } of booted) await on.agentAnswers(name, 120_000);
  return booted;
}

async function measure(source: Source): Promise<Measured> {
  const asked = { readOnly: source !== 'agent', neighbours: source === 'neighbour' };
  await using watch = await watchAddresses(libvirt, { clock, ...asked });
  const cadenceMs = cadences[source];
  await clock.sleep(2 * cadenceMs); // the first look at every guest is no change
  const lagsMs: number[] = [];
  const bySource: Record<string, number> = {};
  let [lost, begun] = [0, 0];
  const one = async (guest: Guest, index: number): Promise<void> => {
    let turn = 0;
    while (begun++ < settings.changes) {
      await clock.sleep(guest.chance.unit() * cadenceMs);
      const address = addressOf(source, index, turn++);
      const told = await change(watch, { source, guest, address, timeoutMs: 4 * cadenceMs + 15_000 });
      if (told === undefined || told.source !== source) lost++;
      else lagsMs.push(told.lagMs);
      const by = told?.source ?? 'nobody';
      bySource[by] = (bySource[by] ?? 0) + 1;
    }
  };
  await Promise.all(guests.map(one));
  console.error(`${source}: ${lagsMs.length} changes, ${lost} lost`);
  return { source, cadenceMs, lagsMs: lagsMs.sort((a, b) => a - b), lost, bySource };
}

interface Change {
  readonly source: Source;
  readonly guest: Guest;
  readonly address: string;
  readonly timeoutMs: number;
}

async function change(
  watch: AddressWatch,
  { source, guest, address, timeoutMs }: Change,
): Promise<{ readonly lagMs: number; readonly source: string } | undefined> {
  const heard = watch.told(guest.uuid, address, timeoutMs);
  if (source === 'agent') await libvirt.setGuestAddress(guest.name, `${address}/24`);
  else if (source === 'lease') await libvirt.renewLease(guest.name, address);
  else await libvirt.addNeighbour(guest.mac, address);
  const changedMs = clock.now();
  const told = await heard;
  // It may be told before the command that changed it has returned.
  return told === undefined ? undefined : { lagMs: Math.max(0, told.atMs - changedMs), source: told.source };
}

/** One that no guest had before; those of leases are of the DHCP server's network, which holds 38 for each of 6 guests. */
function addressOf(source: Source, index: number, turn: number): string {
  if (source !== 'lease') return `10.${source === 'agent' ? 98 : 99}.${index}.${1 + turn}`;
  return `192.168.122.${20 + ((index * 38 + turn) % 234)}`;
}

function report(): void {
  console.table(
    results.map(({ source, cadenceMs, lagsMs, lost }) => ({
      source,
      'cadence (s)': cadenceMs / 1_000,
      changes: lagsMs.length,
      lost,
      'p50 (s)': seconds(at(lagsMs, 0.5)),
      'p99 (s)': seconds(at(lagsMs, 0.99)),
      'max (s)': seconds(lagsMs.at(-1) ?? 0),
      'p99 <= cadence + 1 s': at(lagsMs, 0.99) <= cadenceMs + 1_000,
    })),
  );
  console.log(`not measured: ${NOT_MEASURED.join('; ')}`);
  if (values.json === undefined) return;
  const [cpu] = cpus();
  const machine = {
    cpu: cpu?.model,
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    load: loadavg(),
  };
  const commit = commitOf(import.meta.dirname);
  const document = {
    figure: 'P15',
    commit,
    machine,
    node: process.version,
    settings,
    results,
    notMeasured: NOT_MEASURED,
  };
  writeFileSync(values.json, `${JSON.stringify(document, undefined, 2)}\n`);
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function seconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}

/** A copy of the sources without their history has none. */
function commitOf(folder: string): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  } catch {
    return 'unknown';
  }
}
