import { userInfo } from 'node:os';
import type { AddHostBody, HostView, RemovalView } from '@vedette/api/contract';
import { type HostMode, hostModes, isIdentifier } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import { Argument, Command } from 'commander';
import type { ApiClient } from '../client/api-client.ts';
import { ApiInventory } from '../client/api-inventory.ts';
import { openClient } from '../client/open.ts';
import { expandRange } from '../config/ranges.ts';
import { type CommandContext, looksOf, note, print, untilSignal } from '../context.ts';
import '../errors.ts';
import { countText } from '../output/counts.ts';
import { printable } from '../output/printable.ts';
import { hostTone } from '../output/style.ts';
import { findHost } from './find-host.ts';
import { type CommonOptions, examples, readIdentifier, withCommonOptions } from './options.ts';

/** Commands that change which hosts are watched, and how; they need the process that watches. */

interface AddOptions extends CommonOptions, Pick<AddHostBody, 'group' | 'name' | 'id' | 'realm'> {}

/** How long a person waits for a host that was added to answer. */
const answerTimeoutMs = 3_000;
const lookIntervalMs = 100;

export function addHostCommand(context: CommandContext): Command {
  const command = new Command('add')
    .summary('watch a host from now on')
    .description(
      'Adds a host by its URL, or by its name or address and the group of the configuration that says how it is\nreached; a range such as kvm{301..310}.example.org adds several. It is watched at once, also after a restart,\nuntil it is removed. A host that does not answer yet is added all the same.',
    )
    .addArgument(new Argument('<address>', 'a URL, or a name, address or range of a group'))
    .option('--group <group>', 'the group of the configuration that it belongs to')
    .option('--name <name>', 'what people call it')
    .option('--id <id>', 'what it is known by for ever; default: its name', readIdentifier)
    .option('--realm <realm>', 'its realm; default: that of its group, or default', readIdentifier)
    .action((address: string, _options: AddOptions, self: Command) =>
      addHosts(context, address, self.optsWithGlobals()),
    );
  return examples(withCommonOptions(command), [
    ['vedette hosts add kvm301.example.org --group lab', 'reached as the group says'],
    ['vedette hosts add qemu+ssh://root@kvm9/system --realm lab', 'reached as the URL says'],
  ]);
}

export function removeHostCommand(context: CommandContext): Command {
  const command = new Command('rm')
    .summary('watch hosts no more')
    .description(
      'Takes hosts away for good: VMs that no other host has read as unknown from then on, and no VM waits for\nthem any more. They stay removed, also where the configuration names them, until they are added again.',
    )
    .addArgument(new Argument('<host...>', 'ids or names'))
    .action((hosts: readonly string[], _options: CommonOptions, self: Command) =>
      removeHosts(context, hosts, self.optsWithGlobals()),
    );
  return examples(withCommonOptions(command), [['vedette hosts rm kvm7 kvm8', 'they were taken out of the rack']]);
}

export function hostModeCommand(context: CommandContext): Command {
  const command = new Command('mode')
    .summary("set a host's mode")
    .description(
      'A mode other than active suppresses actions and alerts about the host, never polling: what is true of it and\nits VMs goes on being known and told.',
    )
    .addArgument(new Argument('<host>', 'its id or name'))
    .addArgument(new Argument('<mode>', 'the mode').choices(hostModes))
    .action((host: string, mode: HostMode, _options: CommonOptions, self: Command) =>
      setMode(context, { host, mode }, self.optsWithGlobals()),
    );
  return examples(withCommonOptions(command), [
    ['vedette hosts mode kvm7 draining', 'its VMs are about to move'],
    ['vedette hosts mode kvm7 active', 'back to normal'],
  ]);
}

// ---- add ---------------------------------------------------------------------------------------------------------

async function addHosts(context: CommandContext, address: string, options: AddOptions): Promise<void> {
  const bodies = bodiesOf(address, options);
  await untilSignal(context, async (signal) => {
    const client = await openClient(context, options, signal);
    const added: Added[] = [];
    for (const body of bodies) {
      const askedMs = context.clock.now(); // it may have answered by the time we are told that it was added
      // oxlint-disable-next-line no-await-in-loop -- the first that is refused ends it
      const { status, document } = await client.send('POST', '/v1/hosts', {}, body);
      added.push({ host: document as HostView, known: status === 200, askedMs });
    }
    const untilMs = context.clock.now() + answerTimeoutMs;
    for (const one of added) {
      // oxlint-disable-next-line no-await-in-loop -- all have the same time to answer
      const host = await whenAnswered(context, { client, one, untilMs }, signal);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await print(context, options.json === true ? `${JSON.stringify(host)}\n` : addedLine(context, host, one), signal);
    }
  });
}

interface Added {
  readonly host: HostView;
  /** It was watched before: what is known of it holds. */
  readonly known: boolean;
  /** When it was asked for, by our clock. */
  readonly askedMs: number;
}

/** One request a host; a range is several hosts, which cannot share a name. */
function bodiesOf(address: string, { group, name, id, realm }: AddOptions): readonly AddHostBody[] {
  const given = Object.fromEntries(Object.entries({ group, name, id, realm }).filter(([, one]) => one !== undefined));
  if (address.includes('://')) return [{ ...given, url: address }];
  if (group === undefined) {
    const message = `${JSON.stringify(printable(address))} is no URL, and no group says how it is reached`;
    throw new VedetteError('VDT_COMMAND_USAGE', { message, action: 'give a URL, or --group GROUP' });
  }
  const { names, fault } = expandRange(address) as { names?: readonly string[]; fault?: string };
  if (names === undefined) throw new VedetteError('VDT_COMMAND_USAGE', { message: printable(fault ?? '') });
  if (names.length > 1 && (name ?? id) !== undefined) {
    const message = `--${name === undefined ? 'id' : 'name'} is of one host; the range has ${names.length}`;
    throw new VedetteError('VDT_COMMAND_USAGE', { message });
  }
  return names.map((one) => ({ ...given, address: one }));
}

/** The host as it is once it has answered, or as it is when the time is over. */
async function whenAnswered(
  { clock }: CommandContext,
  { client, one, untilMs }: { client: ApiClient; one: Added; untilMs: number },
  signal: AbortSignal,
): Promise<HostView> {
  const path = `/v1/hosts/${encodeURIComponent(one.host.id)}`;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- looked at until the time is over
    const host = ((await client.get(path)) as HostView | undefined) ?? one.host;
    if (hasAnswered(host, one, clock.now()) || clock.now() >= untilMs) return host;
    // oxlint-disable-next-line no-await-in-loop -- as above
    await clock.sleep(Math.min(lookIntervalMs, untilMs - clock.now()), { signal });
  }
}

/** What was known of a host from before it was removed proves nothing now. */
function hasAnswered({ state, ageMs, epoch }: HostView, { host, known, askedMs }: Added, nowMs: number): boolean {
  if (state !== 'up' && state !== 'non_operational') return false;
  const isNew = host.epoch === 0 && epoch > 0;
  return known || isNew || (ageMs !== null && ageMs <= nowMs - askedMs);
}

function addedLine(context: CommandContext, host: HostView, one: Added): string {
  const { paint } = looksOf(context);
  const name = `${printable(host.name)}${one.known ? ' (watched already)' : ''}`;
  if (hasAnswered(host, one, context.clock.now())) {
    const reason = host.reason === '' ? '' : `, ${printable(host.reason)}`;
    return `added ${name}: ${paint(hostTone(host.state), host.state)}${reason}, ${countText(host.vms, 'VM')}\n`;
  }
  const why = host.reason === '' ? '' : ` (${printable(host.reason)})`;
  return `added ${name}: it does not answer yet${why} and is tried on; \`vedette hosts\` shows when it does\n`;
}

// ---- rm, mode ----------------------------------------------------------------------------------------------------

async function removeHosts(context: CommandContext, asked: readonly string[], options: CommonOptions): Promise<void> {
  await untilSignal(context, async (signal) => {
    const client = await openClient(context, options, signal);
    const inventory = new ApiInventory(client);
    const ids = new Set<string>();
    for (const host of asked) {
      // oxlint-disable-next-line no-await-in-loop -- none is removed where one of them is unknown
      ids.add(await findHost(inventory, host));
    }
    let unknown = 0;
    for (const id of ids) {
      // oxlint-disable-next-line no-await-in-loop -- in the order given
      const removal = await removeOne(client, id);
      unknown += removal.vms;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await print(context, options.json === true ? `${JSON.stringify(removal)}\n` : removedLine(removal), signal);
    }
    if (unknown > 0) {
      note(context, 'each VM stays unknown until a host sees it again, or `vedette vms forget ID` declares it gone');
    }
  });
}

async function removeOne(client: ApiClient, id: string): Promise<RemovalView> {
  const path = `/v1/hosts/${encodeURIComponent(id)}`;
  return (await client.send('DELETE', path, { author: whoAmI() })).document as RemovalView;
}

function removedLine({ name, id, vms }: RemovalView): string {
  const left = vms === 0 ? 'no VM is left unknown' : `${countText(vms, 'VM')} unknown now: vedette vms --host ${id}`;
  return `removed ${printable(name)}: ${printable(left)}\n`;
}

async function setMode(
  context: CommandContext,
  { host, mode }: { host: string; mode: HostMode },
  options: CommonOptions,
): Promise<void> {
  await untilSignal(context, async (signal) => {
    const client = await openClient(context, options, signal);
    const id = await findHost(new ApiInventory(client), host);
    const path = `/v1/hosts/${encodeURIComponent(id)}/mode`;
    const view = (await client.send('PUT', path, {}, { mode })).document as HostView;
    const text = options.json === true ? JSON.stringify(view) : `${printable(view.name)}: ${view.mode}`;
    await print(context, `${text}\n`, signal);
  });
}

/** For the record of who removed a host. */
function whoAmI(): string | undefined {
  try {
    const { username } = userInfo();
    return isIdentifier(username) ? username : undefined;
  } catch {
    return undefined; // a user without an entry in the password file
  }
}
