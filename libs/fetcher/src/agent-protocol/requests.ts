import { Identifier } from '@vedette/model';
import Type from 'typebox';
import { readDocument } from './documents.ts';
import { maxVmsAsked } from './limits.ts';

/** What is asked, by verb. A verb without members takes `{}`. */
const revision = Type.Integer({ minimum: 0 });

export const RuntimeStatsQuestion = Type.Object({
  since: Type.Optional(Type.Object({ boot: Identifier, rev: revision })),
  page: Type.Optional(Identifier),
});

export const SectionsQuestion = Type.Object({ vmIds: Type.Array(Identifier, { maxItems: maxVmsAsked }) });

export const DeviceStatsQuestion = Type.Object({ page: Type.Optional(Identifier) });

export const StartQuestion = Type.Object({
  vmId: Identifier,
  intentId: Type.String({ minLength: 1, maxLength: 256 }),
  /** ISO 8601, UTC, by the host's clock. */
  notAfter: Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z$' }),
});

export const NoQuestion = Type.Object({});

/** By verb, what {@link readQuestion} checks. */
export const questions = {
  hello: NoQuestion,
  getAllRuntimeStats: RuntimeStatsQuestion,
  getConfInfo: SectionsQuestion,
  getConfig: SectionsQuestion,
  getStatus: SectionsQuestion,
  getGuestDetails: SectionsQuestion,
  getAllDeviceStats: DeviceStatsQuestion,
  getStats: NoQuestion,
  getCapabilities: NoQuestion,
  start: StartQuestion,
} as const;

export type Question<V extends keyof typeof questions> = Type.Static<(typeof questions)[V]>;

/** Reads what an agent is asked. @throws VedetteError VDT_FETCHER_MALFORMED, VDT_FETCHER_TOO_LARGE */
export function readQuestion<V extends keyof typeof questions>(verb: V, payload: Uint8Array): Question<V> {
  return readDocument(questions[verb], payload) as Question<V>;
}
