import { eventSchemas, FleetHostState, HostMode, Identifier, isIdentifier, parseCidr, VMState } from '@vedette/model';
import { configurationAuthor } from '@vedette/store';
import Type from 'typebox';
import { parseStreamPosition, streamPositionPattern } from './stream-position.ts';
import { HostView, VMView } from './views.ts';

/** What each endpoint takes: path parameters and queries, as schemas that the door and the OpenAPI document share. */

const closed = { additionalProperties: false } as const;

/** Most records on one page. */
export const maxPageLimit = 1000;

const page = {
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 1024, pattern: '^[!-~]+$', description: 'from the page before; opaque' }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: maxPageLimit, default: 100, description: 'records on one page, at most' }),
  ),
} as const;

const list = <T extends Type.TSchema>(item: T, maxItems: number, description: string) =>
  Type.Optional(
    Type.Array(item, { minItems: 1, maxItems, description: `${description}; repeated or separated by commas` }),
  );

/** Names of a record's fields; `id` always comes along. */
const fieldsOf = (view: Type.TObject) => {
  const names = Object.keys(view.properties);
  return list(Type.Enum(names), names.length, 'only these fields of each record, and its id');
};

export const IdParams = Type.Object({ id: Identifier }, closed);

export const VMsQuery = Type.Object(
  {
    host: Type.Optional(Identifier),
    realm: Type.Optional(Identifier),
    state: list(VMState, 32, 'any of these states, as shown'),
    ip: Type.Optional(Type.String({ minLength: 2, maxLength: 64, description: 'an address, or a network as CIDR' })),
    q: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'part of name or id, in any case' })),
    gone: Type.Optional(Type.Boolean({ default: false, description: 'include VMs that are gone' })),
    fields: fieldsOf(VMView),
    ...page,
  },
  closed,
);
export type VMsQuery = Type.Static<typeof VMsQuery>;

export const HistoryQuery = Type.Object(page, closed);
export type HistoryQuery = Type.Static<typeof HistoryQuery>;

export const HostsQuery = Type.Object(
  {
    realm: Type.Optional(Identifier),
    state: Type.Optional(FleetHostState),
    mode: Type.Optional(HostMode),
    fields: fieldsOf(HostView),
    ...page,
  },
  closed,
);
export type HostsQuery = Type.Static<typeof HostsQuery>;

export const EventsQuery = Type.Object(
  {
    vm: list(Identifier, 100, 'events of any of these VMs, without those of their hosts'),
    host: list(Identifier, 100, 'events of any of these hosts and of VMs that are or were on them'),
    realm: list(Identifier, 100, 'events of any of these realms'),
    name: list(Type.Enum(Object.keys(eventSchemas)), 32, 'events of any of these names'),
    after: Type.Optional(
      Type.String({
        pattern: streamPositionPattern,
        description: 'the position to follow from; the header Last-Event-ID, where sent, is preferred; else from now',
      }),
    ),
    observers: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'add what observers publish: live, without ids, and not complete in a burst',
      }),
    ),
  },
  closed,
);
export type EventsQuery = Type.Static<typeof EventsQuery>;

export const RemovalQuery = Type.Object(
  {
    author: Type.Optional(
      Type.String({ minLength: 1, maxLength: 80, default: 'a person', description: 'who removes it, for the record' }),
    ),
  },
  closed,
);
export type RemovalQuery = Type.Static<typeof RemovalQuery>;

export const EmptyQuery = Type.Object({}, closed);

/** What a schema cannot say: a fault in a value that has its form, as parameter and words. */
export type Objection = { readonly parameter: string; readonly message: string };

export function objectToVMs({ ip }: VMsQuery): Objection | undefined {
  if (ip === undefined || parseCidr(ip) !== undefined) return undefined;
  return { parameter: 'ip', message: 'is neither an IP address nor a network in CIDR form' };
}

export function objectToRemoval({ author }: RemovalQuery): Objection | undefined {
  if (author === configurationAuthor) return { parameter: 'author', message: 'names the configuration, not a person' };
  return author === undefined || isIdentifier(author) ? undefined : { parameter: 'author', message: 'is no name' };
}

export function objectToEvents({ after, observers, realm }: EventsQuery): Objection | undefined {
  if (after !== undefined && parseStreamPosition(after) === undefined) {
    return { parameter: 'after', message: 'is not a position of a stream' };
  }
  if (observers === true && realm !== undefined) {
    return {
      parameter: 'realm',
      message: "cannot be combined with 'observers': what observers publish names no realm",
    };
  }
  return undefined;
}
