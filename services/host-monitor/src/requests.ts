import type { ActorRef } from '@vedette/actor';
import type { Bus, Request, Subscription } from '@vedette/bus';
import { door, Identifier, subjects, unescapeToken } from '@vedette/model';
import { VedetteError } from '@vedette/runtime';
import Type from 'typebox';
import './errors.ts';
import type { HostMessage } from './host-messages.ts';

/** `vedette.v1.observer.<host>.documents` */
export const DocumentsRequest = Type.Object(
  { vms: Type.Array(Identifier, { maxItems: 10_000 }) },
  { additionalProperties: false },
);
/** `vedette.v1.observer.<host>.superseded` */
export const SupersededRequest = Type.Object({ epoch: Type.Integer({ minimum: 1 }) }, { additionalProperties: false });

const documentsDoor = door(DocumentsRequest);
const supersededDoor = door(SupersededRequest);

const done = Buffer.from('{}');

/** Serves one observer's requests, each handed to its actor; a full mailbox answers busy, which may be retried. */
export function serveObserver(bus: Bus, host: string, actor: ActorRef<HostMessage>): Promise<Subscription> {
  return bus.serve({
    pattern: subjects.observer(host, 'snapshot').replace(/[^.]+$/, '*'),
    concurrency: 1,
    maxQueued: 16,
    handler: (request) => {
      actor.cast(messageOf(request));
      return done;
    },
  });
}

function messageOf(request: Request): HostMessage {
  const verb = unescapeToken(request.subject.slice(request.subject.lastIndexOf('.') + 1));
  switch (verb) {
    case 'snapshot':
      return { kind: 'snapshot' };
    case 'documents':
      return { kind: 'documents', vms: decoded(documentsDoor.decode(request.payload)).vms };
    case 'superseded':
      return { kind: 'superseded', epoch: decoded(supersededDoor.decode(request.payload)).epoch };
    default:
      throw new VedetteError('VDT_MONITOR_REQUEST', { message: `an observer serves no request named ${verb}` });
  }
}

function decoded<T>(result: { ok: true; value: T } | { ok: false; fault: { path: string; message: string } }): T {
  if (result.ok) return result.value;
  throw new VedetteError('VDT_MONITOR_REQUEST', { message: result.fault.message, path: result.fault.path });
}
