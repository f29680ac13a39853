/**
 * Actors: state that only its own messages touch, in bounded mailboxes, under supervision, with an orderly end.
 *
 * ```ts
 * type Message = { kind: 'poll' } | { kind: 'hint'; rows: Row[] } | { kind: 'snapshot'; reply: Reply<Snapshot> };
 * const hostActor = defineActor<Message, Host>({
 *   kind: 'host',
 *   mailbox: { capacity: 256, overflow: 'coalesce', key: ({ kind }) => (kind === 'poll' ? kind : undefined) },
 *   create: (host, context) => {
 *     context.setTimer('poll', { kind: 'poll' }, host.phaseMs);
 *     return new HostBehaviour(host); // its handle(message, context) polls under context.signal and sets the timer again
 *   },
 * });
 * await using system = new ActorSystem({ clock, onFailure: (failure) => log.error(failure) });
 * const actor = system.spawn(hostActor, { name: 'h1', args: host });
 * if (!actor.offer({ kind: 'hint', rows })) hintsRefused.inc(); // cast() throws instead
 * const snapshot = await actor.ask<Snapshot>((reply) => ({ kind: 'snapshot', reply }), { timeoutMs: 1000 });
 * await actor.stop({ drain: true, timeoutMs: 5000 });
 * ```
 *
 * What is promised stands at {@link ActorRef} (messages, questions, stop), {@link ActorContext} (timers, children,
 * signal), {@link Behaviour} (handlers), {@link Decision} and {@link ActorFailure} (supervision).
 */
export type { ActorContext, ActorRef, ActorState, SpawnOptions, StopOptions, StopOutcome } from './actor.ts';
export type { AskOptions, Reply } from './ask.ts';
export type { CountersByKind, KindCounters } from './counters.ts';
export { type ActorDefinition, type ActorOptions, type Behaviour, defineActor } from './definition.ts';
export { actorErrors } from './errors.ts';
export { Mailbox, type MailboxCounters, type MailboxOptions, type MailboxPolicy, mailboxPolicy } from './mailbox.ts';
export {
  type ActorFailure,
  type Decision,
  defaultSupervision,
  type FailurePhase,
  type RestartPolicy,
  resolveSupervision,
  type Supervision,
  type SupervisionOptions,
  type UnjudgedFailure,
} from './supervision.ts';
export { ActorSystem, type ActorSystemOptions } from './system.ts';
