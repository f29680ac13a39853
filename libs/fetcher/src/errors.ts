import { defineErrors } from '@vedette/runtime';

/**
 * Why a host could not be read. Every one means that its VMs are unobservable for now, never that one is gone (I2);
 * whoever asked maps the code to the host's reason. VDT_FETCHER_BUS_AWAY alone is our own fault, and counts against us.
 */
export const fetcherErrors = defineErrors({
  VDT_FETCHER_URL: {
    summary: 'the URL of the host cannot be used',
    action: 'correct the URL in the host list; the message names the forms that are known',
    retryable: false,
  },
  VDT_FETCHER_REFUSED: {
    summary: 'the host did not take the connection',
    action: 'check that the agent or libvirtd runs there, and the address, port or socket path',
    retryable: true,
  },
  VDT_FETCHER_RESET: {
    summary: 'the connection to the host was lost during a call',
    action: 'nothing to do if the agent or libvirtd was restarted; otherwise look at its log',
    retryable: true,
  },
  VDT_FETCHER_TIMEOUT: {
    summary: 'the host did not answer within the deadline',
    action: 'look at the load of the host, and for a hung QEMU or storage on it',
    retryable: true,
  },
  VDT_FETCHER_TLS: {
    summary: 'no trusted connection to the host could be made',
    action: 'check the certificates of both sides, their names and dates',
    retryable: false,
  },
  VDT_FETCHER_AUTH: {
    summary: 'the host refused what was asked for lack of rights',
    action: 'give this user the right to read the host, or use the credentials of one that has it',
    retryable: false,
  },
  VDT_FETCHER_PARTIAL: {
    summary: 'the reply of the host broke off',
    action: 'nothing to do if it happens once; otherwise look at the network and the log of the agent',
    retryable: true,
  },
  VDT_FETCHER_MALFORMED: {
    summary: 'the reply of the host is not what the protocol says',
    action: 'compare the versions of both sides; the message names the place of the fault',
    retryable: false,
  },
  VDT_FETCHER_TOO_LARGE: {
    summary: 'the reply of the host is larger than is accepted',
    action: 'look at what the host sends; docs/limits.md has the limits',
    retryable: false,
  },
  VDT_FETCHER_IDENTITY: {
    summary: 'another host answers at this address',
    action: 'correct the URL of the host, or find out which two hosts share the address',
    retryable: false,
  },
  VDT_FETCHER_UNSUPPORTED: {
    summary: 'the host cannot do what was asked',
    action: 'do not ask this host for it; its capabilities tell',
    retryable: false,
  },
  VDT_FETCHER_FAILED: {
    summary: 'the host answered with an error of its own',
    action: 'read the message, which is the words of the host',
    retryable: true,
  },
  VDT_FETCHER_BUS_AWAY: {
    summary: 'the bus over which the agents are asked cannot be reached from here',
    action: 'look at the broker and at the network of this process; it says nothing about the hosts',
    retryable: true,
  },
  VDT_FETCHER_CLOSED: {
    summary: 'the fetcher was closed',
    action: 'nothing to do while its owner is stopping; otherwise the caller outlived the fetcher',
    retryable: false,
  },
});

/** The codes, as the type to switch over. */
export type FetcherErrorCode = keyof typeof fetcherErrors;
