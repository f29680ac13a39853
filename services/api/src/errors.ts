import { defineErrors } from '@vedette/runtime';

/** What can go wrong at this door. The HTTP status of each is in problems.ts. */
export const apiErrors = defineErrors({
  VDT_API_BAD_REQUEST: {
    summary: 'a parameter of the request is malformed',
    action: 'correct the parameter as the detail says; docs/generated/openapi.json has the whole interface',
    retryable: false,
  },
  VDT_API_NOT_FOUND: {
    summary: 'there is no such record',
    action: 'check the id; list the records to see which there are',
    retryable: false,
  },
  VDT_API_NO_ENDPOINT: {
    summary: 'there is no such endpoint',
    action: 'check path and method; docs/generated/openapi.json lists all of them',
    retryable: false,
  },
  VDT_API_BODY: {
    summary: 'the request carries a body and this endpoint takes none',
    action: 'send the request without a body and without a content type',
    retryable: false,
  },
  VDT_API_BODY_TYPE: {
    summary: 'the body is none that this endpoint reads',
    action: 'send JSON of at most 16 KiB, with the content type application/json',
    retryable: false,
  },
  VDT_API_HOST_INVALID: {
    summary: 'the host cannot be watched as it was given',
    action: 'correct it as the message says; docs/inventory.md has the forms of hosts and URLs',
    retryable: false,
  },
  VDT_API_HOST_EXISTS: {
    summary: 'a host with this id is watched already, at another URL',
    action: 'remove that one first (vedette hosts rm), or give the new one another id (--id)',
    retryable: false,
  },
  VDT_API_HOSTS_FIXED: {
    summary: 'the hosts of this process are those it was started with',
    action: 'start one with a configuration (`vedette up --config FILE`) and add the host there',
    retryable: false,
  },
  VDT_API_HTTP: {
    summary: 'the request is not well-formed HTTP/1.1, or larger than is read',
    action: 'correct the client; headers may have 16 KiB together',
    retryable: false,
  },
  VDT_API_POSITION_GONE: {
    summary:
      'the stream cannot be followed from this position: its events are no longer kept, or it is of another store',
    action: 'list anew, and follow from the position on the first page',
    retryable: false,
  },
  VDT_API_SLOW_CONSUMER: {
    summary: 'the stream was closed because its client did not read it in time',
    action: 'connect again with the last event id; nothing of the fleet is lost within the retention of the log',
    retryable: true,
  },
  VDT_API_BUSY: {
    summary: 'as many event streams are open as are allowed',
    action: 'close streams that are not needed, or try again later',
    retryable: true,
  },
  VDT_API_STOPPING: {
    summary: 'the process is stopping',
    action: 'connect again once it has been started',
    retryable: true,
  },
  VDT_API_INTERNAL: {
    summary: 'the request failed for a reason of our own',
    action: 'look for the error in the log of the process; report it if it is a fault of Vedette',
    retryable: false,
  },
  VDT_API_SOCKET_IN_USE: {
    summary: 'another process already serves the API on this socket',
    action: 'stop that process, or set another socket (api.socket)',
    retryable: false,
  },
  VDT_API_SOCKET_PATH: {
    summary: 'the API socket cannot be made at this path',
    action: 'set another path (api.socket): at most 107 bytes, in a folder this user may write to',
    retryable: false,
  },
});
