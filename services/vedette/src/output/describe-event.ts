import type {
  Address,
  HostChanged,
  HostSnapshot,
  HostStateChanged,
  IPChanged,
  VMChanged,
  VMConditionChanged,
  VMConfigChanged,
  VMGuestChanged,
  VMStateChanged,
} from '@vedette/model';
import { printable } from './printable.ts';
import { hostTone, type Tone, vmTone } from './style.ts';

/** An event in words. */
export interface Description {
  /** One word for what happened. */
  readonly what: string;
  /** Of whom: a VM's name, or else the beginning of its id; a host's name. */
  readonly who: string;
  readonly text: string;
  readonly tone: Tone;
}

/**
 * The data of each event that has words. All of it may be missing: a history leaves out what stands beside it, and
 * lists that are empty.
 */
interface DataByName {
  VMChanged: Partial<VMChanged['data']>;
  HostChanged: Partial<HostChanged['data']>;
  VMStateChanged: Partial<VMStateChanged['data']>;
  IPChanged: Partial<IPChanged['data']>;
  VMConfigChanged: Partial<VMConfigChanged['data']>;
  VMGuestChanged: Partial<VMGuestChanged['data']>;
  VMConditionChanged: Partial<VMConditionChanged['data']>;
  HostSnapshot: Partial<HostSnapshot['data']>;
  HostStateChanged: Partial<HostStateChanged['data']>;
}

const describers: { readonly [N in keyof DataByName]: (data: DataByName[N]) => Description } = {
  VMChanged: describeVM,
  HostChanged: ({ name = '', host = '', from, state, reason, vms = 0 }) => ({
    what: 'host',
    who: name === '' ? host : name,
    text: sentence(arrow(from, state), reason, state === 'up' ? '' : count(vms, 'VM')),
    tone: state === undefined ? 'plain' : hostTone(state),
  }),
  VMStateChanged: ({ vm, from, to, passed = [], value }) => ({
    what: 'state',
    who: shortId(vm),
    text: sentence([from, ...passed, to].filter((state) => state !== undefined).join(' → '), value?.reason),
    tone: to === undefined ? 'plain' : vmTone(to),
  }),
  IPChanged: ({ vm, added = [], removed = [] }) => ({
    what: 'addresses',
    who: shortId(vm),
    text: signed(textsOf(added), textsOf(removed)) || 'none',
    tone: 'plain',
  }),
  VMConfigChanged: ({ vm, sections = [] }) => ({
    what: 'config',
    who: shortId(vm),
    text: `changed: ${sections.join(', ')}`,
    tone: 'plain',
  }),
  VMGuestChanged: ({ vm, value }) => ({
    what: 'guest',
    who: shortId(vm),
    text: sentence(value?.document?.hostname, value?.document?.os) || 'details changed',
    tone: 'plain',
  }),
  VMConditionChanged: ({ vm, raised = [], cleared = [] }) => ({
    what: 'conditions',
    who: shortId(vm),
    text: conditionText(raised, cleared),
    tone: raised.length > 0 ? 'red' : 'green',
  }),
  HostSnapshot: ({ host = '', part, parts = 1, columns }) => ({
    what: 'snapshot',
    who: host,
    text: sentence(count(columns?.vm.length ?? 0, 'VM'), parts > 1 ? `part ${part} of ${parts}` : ''),
    tone: 'dim',
  }),
  HostStateChanged: ({ host = '', from, to, reason }) => ({
    what: 'host',
    who: host,
    text: sentence(arrow(from, to), reason),
    tone: to === undefined ? 'plain' : hostTone(to),
  }),
};

/** The event in words that can be printed; an event that has none here is told by its name. */
export function describeEvent(name: string, data: unknown): Description {
  const describer = Object.hasOwn(describers, name) ? describers[name as keyof DataByName] : undefined;
  const { what, who, text, tone } = describer?.(data as never) ?? { what: name, who: '', text: '', tone: 'plain' };
  return { what, who: printable(who), text: printable(text), tone };
}

/** The beginning of an id that people can tell VMs apart by. */
export function shortId(id = ''): string {
  return id.slice(0, 8);
}

function describeVM(data: DataByName['VMChanged']): Description {
  const { vm, name = '', reason = 'state', state, lastState, host, detail, previous = {} } = data;
  const { addresses = [], conditions = [], conflict = [] } = data;
  const discovered = reason === 'discovered';
  const parts = [
    previous.state === undefined && !discovered ? '' : arrow(previous.state, state),
    place(discovered ? undefined : previous.host, host),
    state === 'unknown' && lastState !== undefined ? `last known ${lastState}` : '',
    conflict.length > 0 ? `runs on ${conflict.join(' and ')}` : '',
    previous.addresses === undefined ? '' : signed(...changed(textsOf(previous.addresses), textsOf(addresses))),
    previous.conditions === undefined ? '' : conditionText(...changed(previous.conditions, conditions)),
    previous.name === undefined ? '' : `name was ${previous.name === '' ? 'unknown' : previous.name}`,
    previous.state === undefined ? '' : detail,
  ];
  const tone = conflict.length > 0 || conditions.length > 0 ? 'red' : state === undefined ? 'plain' : vmTone(state);
  return { what: reason, who: name === '' ? shortId(vm) : name, text: sentence(...parts), tone };
}

/** `a → b`, or only `b` where nothing was before. */
function arrow(from: string | undefined, to = ''): string {
  return from === undefined || from === to ? to : `${from} → ${to}`;
}

function place(from: string | undefined, to: string | undefined): string {
  if (to === undefined) return from === undefined ? '' : `was on ${from}`;
  return from === undefined ? `on ${to}` : `${from} → ${to}`;
}

/** The parts that say something, separated by commas. */
function sentence(...parts: ReadonlyArray<string | undefined>): string {
  return parts.filter((part) => part !== undefined && part !== '').join(', ');
}

function textsOf(addresses: readonly Address[]): string[] {
  return addresses.map(({ address }) => address);
}

function signed(added: readonly string[], removed: readonly string[]): string {
  return [...added.map((one) => `+${one}`), ...removed.map((one) => `-${one}`)].join(' ');
}

function conditionText(raised: readonly string[], cleared: readonly string[]): string {
  return sentence(
    raised.length > 0 ? `raised ${raised.join(', ')}` : '',
    cleared.length > 0 ? `cleared ${cleared.join(', ')}` : '',
  );
}

/** What came and what went. */
function changed(before: readonly string[], now: readonly string[]): [added: string[], removed: string[]] {
  return [now.filter((one) => !before.includes(one)), before.filter((one) => !now.includes(one))];
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
