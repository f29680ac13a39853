import type Type from 'typebox';
import { firstUncanonical } from './addresses.ts';
import { channels, type EventData } from './channels.ts';
import { checkSchema, eventLimits, parseJson, type Result, refuse } from './doors.ts';
import { eventSchemaId } from './envelope.ts';
import {
  type EventName,
  eventSchemas,
  type FleetEvent,
  type HostCoverage,
  type HostStatsSampled,
  type MarkCast,
  type MonitorBlind,
  type ObserverEvent,
  type SnapshotColumns,
  type VMStatsSampled,
} from './events.ts';
import { isIdentifier } from './identifiers.ts';
import type { AddressesValue, ConditionsValue, StateValue } from './registers.ts';
import { compareVersions, type Version, zeroVersion } from './versions.ts';

/**
 * The doors of events: the schema of each type, and what no schema can say. Nothing is corrected, ever.
 *
 * E1. Every identifier satisfies `isIdentifier`; subject, id and `dataschema` are those that follow from the data: an
 *     event cannot speak for another VM or host than it was published for.
 * E2. An observer's version is one that can have been minted (epoch and seq from 1 on), and no activation or birth is
 *     younger than the event that tells of it.
 * E3. Values are canonical: addresses and conditions sorted, each once; columns of equal length, each VM once.
 */

/** An observer's event as it came from the bus. Never throws. */
export function decodeObserverEvent(document: Uint8Array | string): Result<ObserverEvent> {
  return decodeOneOf(observerRules, document) as Result<ObserverEvent>;
}

/** A fleet event as it came from the bus or the log. Never throws. */
export function decodeFleetEvent(document: Uint8Array | string): Result<FleetEvent> {
  return decodeOneOf(fleetRules, document) as Result<FleetEvent>;
}

/** Never throws. */
export function decodeHostCoverage(document: Uint8Array | string): Result<HostCoverage> {
  return decodeOneOf(coverageRules, document) as Result<HostCoverage>;
}

/** Never throws. */
export function decodeMonitorBlind(document: Uint8Array | string): Result<MonitorBlind> {
  return decodeOneOf(blindRules, document) as Result<MonitorBlind>;
}

/** Never throws. */
export function decodeMarkCast(document: Uint8Array | string): Result<MarkCast> {
  return decodeOneOf(markRules, document) as Result<MarkCast>;
}

/** Samples as they came from the bus. Never throws. */
export function decodeStats(document: Uint8Array | string): Result<VMStatsSampled | HostStatsSampled> {
  return decodeOneOf(statsRules, document) as Result<VMStatsSampled | HostStatsSampled>;
}

interface Problem {
  /** JSON pointer within the event. */
  readonly path: string;
  readonly message: string;
}

/** What must hold of the data of one event type besides its schema. */
interface Rule<N extends EventName> {
  /** Left out where the contracts name none. */
  readonly id?: (data: EventData<N>) => string;
  readonly verify: (data: EventData<N>) => Problem | undefined;
}

type Rules = { readonly [N in EventName]?: Rule<N> };
type AnyRule = Rule<EventName>;

interface AnyEvent {
  readonly id: string;
  readonly subject: string;
  readonly dataschema: string;
  readonly data: EventData<EventName>;
}

function decodeOneOf(rules: Rules, document: Uint8Array | string): Result<unknown> {
  const parsed = parseJson(document, eventLimits);
  if (!parsed.ok) return parsed;
  const name = nameOf(parsed.value);
  const rule = Object.hasOwn(rules, name) ? (rules[name as EventName] as AnyRule | undefined) : undefined;
  if (rule === undefined) return refuse('schema', '/type', `is none of ${Object.keys(rules).join(', ')}`);
  const checked = checkSchema<Type.TSchema>(eventSchemas[name as EventName], parsed.value);
  if (!checked.ok) return checked;
  const problem = verifyEvent(name as EventName, rule, checked.value as AnyEvent);
  return problem === undefined ? checked : refuse('schema', problem.path, problem.message);
}

/** The name within `vedette.<Name>.v1`; empty for anything else. */
function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') return '';
  const { type } = value;
  return type.startsWith('vedette.') && type.endsWith('.v1') ? type.slice(8, -3) : '';
}

function verifyEvent(name: EventName, rule: AnyRule, event: AnyEvent): Problem | undefined {
  const { data } = event;
  const problem = rule.verify(data);
  if (problem !== undefined) return problem;
  const subjectOf = channels[name].subjectOf as (data: AnyEvent['data']) => string;
  if (event.subject !== subjectOf(data)) return { path: '/subject', message: 'is not the subject of this data' };
  if (rule.id !== undefined && event.id !== rule.id(data)) {
    return { path: '/id', message: 'is not the id of this data' };
  }
  return event.dataschema === eventSchemaId(name)
    ? undefined
    : { path: '/dataschema', message: 'is not the schema of this type' };
}

interface Observed {
  readonly host: string;
  readonly version: Version;
}

const observedId = ({ host, version }: Observed): string => `${host}/${version.epoch}/${version.seq}`;

function observed(data: Observed & { readonly vm?: string }): Problem | undefined {
  return (
    identifier('/data/host', data.host) ??
    (data.vm === undefined ? undefined : identifier('/data/vm', data.vm)) ??
    minted('/data/version', data.version)
  );
}

const observerRules: Rules = {
  VMStateChanged: {
    id: observedId,
    verify: (data) =>
      observed(data) ??
      (data.value.state === data.to ? undefined : { path: '/data/value/state', message: 'is not the state in `to`' }) ??
      activation('/data/value/activation', data.value, data.version) ??
      birth('/data/value/born', data.value.born, data.version),
  },
  IPChanged: {
    id: observedId,
    verify: (data) =>
      observed(data) ??
      canonical('/data/value', data.value) ??
      canonical('/data/added', data.added) ??
      canonical('/data/removed', data.removed),
  },
  VMConfigChanged: { id: observedId, verify: observed },
  VMGuestChanged: { id: observedId, verify: observed },
  VMConditionChanged: {
    id: observedId,
    verify: (data) =>
      observed(data) ??
      sortedOnce('/data/value', data.value) ??
      sortedOnce('/data/raised', data.raised) ??
      sortedOnce('/data/cleared', data.cleared),
  },
  HostSnapshot: {
    id: observedId,
    verify: (data) => observed(data) ?? partOfSnapshot(data) ?? columns(data.columns, data.snapshot),
  },
  HostStateChanged: { id: observedId, verify: observed },
};

const fleetRules: Rules = {
  VMChanged: {
    id: ({ vm, vmVersion }) => `vm/${vm}/${vmVersion}`,
    verify: (data) =>
      identifier('/data/vm', data.vm) ??
      (data.host === undefined ? undefined : identifier('/data/host', data.host)) ??
      (data.realm === undefined ? undefined : identifier('/data/realm', data.realm)) ??
      identifiers('/data/conflict', data.conflict) ??
      canonical('/data/addresses', data.addresses) ??
      sortedOnce('/data/conditions', data.conditions),
  },
  HostChanged: {
    id: ({ host, hostVersion }) => `host/${host}/${hostVersion}`,
    verify: (data) => identifier('/data/host', data.host) ?? identifier('/data/realm', data.realm),
  },
};

const coverageRules: Rules = {
  HostCoverage: {
    verify: (data) => {
      const hosts = Object.keys(data.exceptions).concat(data.marks.map(({ host }) => host));
      const wrong = hosts.find((host) => !isIdentifier(host));
      return (
        identifier('/data/member', data.member) ??
        (wrong === undefined ? undefined : { path: '/data', message: 'names a host that is no identifier' })
      );
    },
  },
};

const blindRules: Rules = {
  MonitorBlind: {
    id: ({ member, since, until }) => `${member}/blind/${since}${until === undefined ? '' : '/over'}`,
    verify: (data) => identifier('/data/member', data.member),
  },
};

const markRules: Rules = {
  MarkCast: { verify: (data) => identifiers('/data/realms', data.realms) },
};

const statsRules: Rules = {
  VMStatsSampled: { verify: (data) => identifier('/data/host', data.host) ?? rows(data.columns) },
  HostStatsSampled: { verify: (data) => identifier('/data/host', data.host) },
};

/** Parts carry consecutive seqs and name the version of the last. */
function partOfSnapshot(data: EventData<'HostSnapshot'>): Problem | undefined {
  const { version, snapshot, part, parts } = data;
  if (part > parts) return { path: '/data/part', message: 'is larger than `parts`' };
  const last = { epoch: version.epoch, seq: version.seq + parts - part };
  if (compareVersions(snapshot, last) === 0) return undefined;
  return { path: '/data/snapshot', message: 'is not the version of the last part' };
}

function columns(columns: SnapshotColumns, snapshot: Version): Problem | undefined {
  const shape = rows(columns);
  if (shape !== undefined) return shape;
  for (let row = 0; row < columns.vm.length; row++) {
    const problem = rowOf(columns, row, snapshot);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** E3 of any columns: of equal length, each VM once. */
function rows(columns: { readonly vm: readonly string[] }): Problem | undefined {
  const { vm } = columns;
  for (const [name, column] of Object.entries(columns) as Array<[string, readonly unknown[]]>) {
    if (column.length !== vm.length) return { path: `/data/columns/${name}`, message: `has not ${vm.length} entries` };
  }
  const ids = identifiers('/data/columns/vm', vm);
  if (ids !== undefined) return ids;
  return new Set(vm).size === vm.length ? undefined : { path: '/data/columns/vm', message: 'names a VM twice' };
}

function rowOf(columns: SnapshotColumns, row: number, snapshot: Version): Problem | undefined {
  const since = { activation: columns.activation[row] ?? zeroVersion };
  return (
    activation(`/data/columns/activation/${row}`, since, snapshot) ??
    birth(`/data/columns/born/${row}`, columns.born?.[row] ?? undefined, snapshot) ??
    canonical(`/data/columns/addresses/${row}`, columns.addresses[row] ?? []) ??
    sortedOnce(`/data/columns/conditions/${row}`, columns.conditions[row] ?? [])
  );
}

function identifier(path: string, id: string): Problem | undefined {
  return isIdentifier(id) ? undefined : { path, message: 'is no identifier' };
}

function identifiers(path: string, ids: readonly string[]): Problem | undefined {
  const at = ids.findIndex((id) => !isIdentifier(id));
  return at < 0 ? undefined : { path: `${path}/${at}`, message: 'is no identifier' };
}

function minted(path: string, { epoch, seq }: Version): Problem | undefined {
  return epoch >= 1 && seq >= 1 ? undefined : { path, message: 'has an epoch or a seq below 1' };
}

/** Zero (never active), or minted and not younger than what tells of it. */
function activation(path: string, value: Pick<StateValue, 'activation'>, told: Version): Problem | undefined {
  if (compareVersions(value.activation, zeroVersion) === 0) return undefined;
  if (compareVersions(value.activation, told) > 0) return { path, message: 'is younger than the event' };
  return minted(path, value.activation);
}

/** Left out, or minted and not younger than what tells of it. */
function birth(path: string, born: Version | undefined, told: Version): Problem | undefined {
  if (born === undefined) return undefined;
  if (compareVersions(born, told) > 0) return { path, message: 'is younger than the event' };
  return minted(path, born);
}

function canonical(path: string, addresses: AddressesValue): Problem | undefined {
  if (addresses.length === 0) return undefined;
  const at = firstUncanonical(addresses);
  return at < 0 ? undefined : { path: `${path}/${at}`, message: 'is not canonical, not sorted, or there twice' };
}

function sortedOnce(path: string, conditions: ConditionsValue): Problem | undefined {
  const at = conditions.findIndex((condition, index) => index > 0 && condition <= (conditions[index - 1] ?? ''));
  return at < 0 ? undefined : { path: `${path}/${at}`, message: 'is not sorted, or there twice' };
}
