import { defineErrors } from '@vedette/runtime';

/** What an actor can answer instead of doing its work. */
export const actorErrors = defineErrors({
  VDT_ACTOR_MAILBOX_FULL: {
    summary: 'the mailbox of the actor is full and its policy is to refuse',
    action: 'slow the sender down or shed its load; raise the capacity only for bursts of a known size',
    retryable: true,
  },
  VDT_ACTOR_MESSAGE_DROPPED: {
    summary: 'the message waiting for an answer was dropped from a full mailbox',
    action: 'ask again when the actor is less busy',
    retryable: true,
  },
  VDT_ACTOR_STOPPED: {
    summary: 'the actor is stopping or has stopped',
    action: 'look at why it was stopped; a new actor has to be spawned',
    retryable: false,
  },
  VDT_ACTOR_ASK_DEADLINE: {
    summary: 'the actor did not answer within the deadline',
    action: 'look at what the actor is doing and at the depth of its mailbox',
    retryable: true,
  },
  VDT_ACTOR_HANDLER_FAILED: {
    summary: 'the actor failed while it held the question',
    action: 'look at the cause; the actor itself is in the hands of its supervisor',
    retryable: true,
  },
  VDT_ACTOR_CHILD_FAILED: {
    summary: 'a child failed beyond what its parent can repair',
    action: 'look at the cause, which is the failure of the child',
    retryable: false,
  },
  VDT_ACTOR_ABANDONED: {
    summary: 'code of an actor went on running after its signal had aborted and the grace had passed',
    action: 'make the handler, factory or dispose of this actor heed its signal',
    retryable: false,
  },
  VDT_ACTOR_DEFINITION: {
    summary: 'an actor definition or option is out of its range',
    action: 'correct the value named in the message',
    retryable: false,
  },
});
