import { defineErrors } from '@vedette/runtime';

/** The error codes of this package, the same for every driver. */
export const busErrors = defineErrors({
  VDT_BUS_SUBJECT: {
    summary: 'a subject or pattern is not one that the bus carries',
    action:
      'use the subjects of @vedette/model; an identifier too long for 200 bytes of subject has to be refused earlier',
    retryable: false,
  },
  VDT_BUS_USAGE: {
    summary: 'the bus was called in a way it does not allow',
    action: 'correct the program: the message names the option',
    retryable: false,
  },
  VDT_BUS_PAYLOAD_TOO_LARGE: {
    summary: 'a payload is larger than the bus carries',
    action: 'send less in one message, or raise the limit of the bus',
    retryable: false,
  },
  VDT_BUS_REFUSED: {
    summary: 'the broker refused a message for good',
    action: 'look at the permissions of this client and the limits of the broker',
    retryable: false,
  },
  VDT_BUS_FULL: {
    summary: 'a durable group has no room for the message',
    action: 'look at why the consumers of the group named are slow or absent; send the same bytes again later',
    retryable: true,
  },
  VDT_BUS_GROUP_PATTERNS: {
    summary: 'a durable group exists with other patterns',
    action: 'give all members of a group the same patterns; use another group name for other patterns',
    retryable: false,
  },
  VDT_BUS_NO_RESPONDERS: {
    summary: 'nobody serves the subject of a call',
    action: 'look at whether the serving process is up; try again',
    retryable: true,
  },
  VDT_BUS_DEADLINE: {
    summary: 'a call got no answer within its deadline',
    action: 'look at the health of the server; raise the deadline only if it is known to be that slow',
    retryable: true,
  },
  VDT_BUS_CANCELLED: {
    summary: 'the caller gave up before there was an outcome',
    action: 'nothing to do if it was meant; the cause has the reason',
    retryable: true,
  },
  VDT_BUS_DISCONNECTED: {
    summary: 'the connection to the broker is lost',
    action: 'look at the broker; the client reconnects by itself',
    retryable: true,
  },
  VDT_BUS_BUSY: {
    summary: 'the server has as many requests running and queued as it allows',
    action: 'call less at once or later; look at why the handlers are slow',
    retryable: true,
  },
  VDT_BUS_REMOTE: {
    summary: 'the server answered with an error',
    action: 'see the error of the server in the message and in remoteCode',
    retryable: false,
  },
  VDT_BUS_CONNECT: {
    summary: 'no broker could be reached',
    action: 'look at the address and whether the broker is up; try again',
    retryable: true,
  },
  VDT_BUS_AUTH: {
    summary: 'the broker refused the credentials of this client',
    action: 'correct the user, key or credentials file; the broker logs who was refused',
    retryable: false,
  },
  VDT_BUS_BROKER: {
    summary: 'the broker lacks what the bus needs',
    action: 'upgrade or configure the broker as the message says',
    retryable: false,
  },
  VDT_BUS_STORAGE: {
    summary: 'the storage of durable messages is not as configured, and cannot be made so',
    action: 'make the settings equal to those of the existing storage, or remove or rename that storage',
    retryable: false,
  },
  VDT_BUS_UNAVAILABLE: {
    summary: 'the broker is reachable and cannot store messages at this moment',
    action: 'look at its log if it lasts: no leader, no disk space, storage removed; send the same bytes again later',
    retryable: true,
  },
  VDT_BUS_CLOSED: {
    summary: 'this connection to the bus was closed',
    action: 'nothing to do while the process is stopping; otherwise the caller outlived its connection',
    retryable: false,
  },
});
