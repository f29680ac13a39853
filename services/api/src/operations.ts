import Type from 'typebox';
import { AddHostBody, HostModeBody, objectToAddHost } from './bodies.ts';
import {
  EmptyQuery,
  EventsQuery,
  HistoryQuery,
  HostsQuery,
  type Objection,
  objectToEvents,
  objectToRemoval,
  objectToVMs,
  RemovalQuery,
  VMsQuery,
} from './queries.ts';
import { HistoryView, HostView, RemovalView, StatusView, VMDetailView, VMView } from './views.ts';

/** One endpoint, as the router registers it and the OpenAPI document describes it. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{id}` where an identifier stands, percent-encoded. */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly query: Type.TObject;
  readonly object?: (query: never) => Objection | undefined;
  /** The body it takes, as JSON; left out where it takes none. */
  readonly body?: Type.TObject;
  readonly objectToBody?: (body: never) => Objection | undefined;
  /** The body of a success; left out when there is none (204). */
  readonly reply?: { readonly description: string; readonly mediaType: string; readonly schema: Type.TSchema };
  /** What a reply of 201 says in place of 200, where there is a difference. */
  readonly created?: string;
  /** Statuses of the problem documents it may answer with, besides 400, 500 and 503. */
  readonly problems: readonly number[];
}

const Page = <T extends Type.TSchema>(item: T, more: Type.TProperties = {}) =>
  Type.Object(
    {
      items: Type.Array(item),
      cursor: Type.Optional(Type.String({ description: 'asks for the next page; left out on the last one' })),
      ...more,
    },
    { additionalProperties: false },
  );

const position = {
  position: Type.Optional(
    Type.String({
      description:
        'on the first page: follow the events from here (`GET /v1/events?after=`) and nothing after this list is missed',
    }),
  ),
};

const json = (description: string, schema: Type.TSchema) => ({ description, mediaType: 'application/json', schema });
const fieldsNote = 'With `fields`, records carry only these.';

export const operations = {
  listVMs: {
    method: 'GET',
    path: '/v1/vms',
    summary: 'VMs of the fleet',
    description: `Every VM that is known, by filters, in pages. ${fieldsNote} VMs that are gone are left out unless asked for.`,
    query: VMsQuery,
    object: objectToVMs,
    reply: json('a page of VMs', Page(VMView, position)),
    problems: [],
  },
  getVM: {
    method: 'GET',
    path: '/v1/vms/{id}',
    summary: 'One VM',
    description: 'What is true of one VM, and what every observer says of it.',
    query: EmptyQuery,
    reply: json('the VM', VMDetailView),
    problems: [404],
  },
  getVMHistory: {
    method: 'GET',
    path: '/v1/vms/{id}/history',
    summary: 'What was seen of one VM',
    description: 'Who saw what, when and how, newest first. The history is bounded: old entries are dropped.',
    query: HistoryQuery,
    reply: json('a page of history', Page(HistoryView)),
    problems: [404],
  },
  forgetVM: {
    method: 'POST',
    path: '/v1/vms/{id}/forget',
    summary: 'Forget a VM that nobody can confirm gone',
    description: 'Declares a VM gone by word of a person. It comes back when a host sees it again.',
    query: EmptyQuery,
    problems: [404],
  },
  listHosts: {
    method: 'GET',
    path: '/v1/hosts',
    summary: 'Hosts',
    description: `Every host that is registered, by filters, in pages. ${fieldsNote}`,
    query: HostsQuery,
    reply: json('a page of hosts', Page(HostView, position)),
    problems: [],
  },
  getHost: {
    method: 'GET',
    path: '/v1/hosts/{id}',
    summary: 'One host',
    description: 'What is known of one host.',
    query: EmptyQuery,
    reply: json('the host', HostView),
    problems: [404],
  },
  addHost: {
    method: 'POST',
    path: '/v1/hosts',
    summary: 'Watch a host',
    description:
      'Watches a host from now on, also after a restart of the process, until it is removed. A host that was removed is watched again. The answer does not wait for the host to be reached.',
    query: EmptyQuery,
    body: AddHostBody,
    objectToBody: objectToAddHost,
    reply: json('it was watched before', HostView),
    created: 'it is watched from now on',
    problems: [409, 415],
  },
  removeHost: {
    method: 'DELETE',
    path: '/v1/hosts/{id}',
    summary: 'Watch a host no more',
    description:
      'By word of a person: VMs that no other host has become unknown, and no VM waits for it any more. It stays removed, also where the configuration names it, until it is added again.',
    query: RemovalQuery,
    object: objectToRemoval,
    reply: json('what it left behind', RemovalView),
    problems: [404, 409],
  },
  setHostMode: {
    method: 'PUT',
    path: '/v1/hosts/{id}/mode',
    summary: "Set a host's mode",
    description: 'A mode other than `active` suppresses actions and alerts, never polling.',
    query: EmptyQuery,
    body: HostModeBody,
    reply: json('the host', HostView),
    problems: [404, 415],
  },
  getStatus: {
    method: 'GET',
    path: '/v1/status',
    summary: 'The process and what it knows',
    description: 'Counts by state, versions, and the stream position now.',
    query: EmptyQuery,
    reply: json('the status', StatusView),
    problems: [],
  },
  followEvents: {
    method: 'GET',
    path: '/v1/events',
    summary: 'Follow the events',
    description: [
      'Server-sent events. Each event of the fleet (VMChanged, HostChanged) comes once, in order, with its stream',
      'position as id: first from the log after the position given, then live, without a gap. The event field names',
      'it, the data is the CloudEvent. Every 15 s a comment comes, with the position reached as id. Before the server',
      'ends a stream it sends an event named `end` whose data is a problem document; connect again with',
      'Last-Event-ID. A position whose events are no longer kept gives 410: list anew.',
    ].join(' '),
    query: EventsQuery,
    object: objectToEvents,
    reply: {
      description: 'the stream; it does not end by itself',
      mediaType: 'text/event-stream',
      schema: Type.String(),
    },
    problems: [410],
  },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof operations;
