import { defineErrors } from '@vedette/runtime';

/** The error codes of this package. Faults of the store itself leave nothing written. */
export const storeErrors = defineErrors({
  VDT_STORE_LOCKED: {
    summary: 'another process has this store open',
    action: 'stop the process named, or give this one a store file of its own',
    retryable: false,
  },
  VDT_STORE_CANNOT_OPEN: {
    summary: 'the store file cannot be opened',
    action: 'check that its directory exists and that this user may read and write both',
    retryable: false,
  },
  VDT_STORE_NOT_A_DATABASE: {
    summary: 'the file is not a store',
    action: 'check the path; nothing was written to the file',
    retryable: false,
  },
  VDT_STORE_NEWER_SCHEMA: {
    summary: 'the store was written by a newer release',
    action: 'run that release or a later one; nothing was written to the file',
    retryable: false,
  },
  VDT_STORE_CORRUPT: {
    summary: 'the store file is damaged',
    action: 'stop, keep a copy of the file, restore a backup or start with a new file: hosts are then read anew',
    retryable: false,
  },
  VDT_STORE_DISK_FULL: {
    summary: 'the store has no room left',
    action: 'free disk space or raise the size limit; the same batch can then be written',
    retryable: true,
  },
  VDT_STORE_IO: {
    summary: 'reading or writing the store file failed',
    action: 'look at the disk and at the log of the operating system; the same batch can be tried again',
    retryable: true,
  },
  VDT_STORE_FAULT: {
    summary: 'the store met a fault of its own',
    action: 'report this with the log lines around it; nothing of the batch was written',
    retryable: false,
  },
  VDT_STORE_BUSY: {
    summary: 'as many calls as are allowed wait for the store',
    action: 'send less at once, or look at why the store is slow',
    retryable: true,
  },
  VDT_STORE_CLOSED: {
    summary: 'the store was closed',
    action: 'nothing to do while its owner is stopping; otherwise the caller outlived the store',
    retryable: false,
  },
  VDT_STORE_WORKER_LOST: {
    summary: 'the thread of the store ended unexpectedly',
    action: 'restart the process: what was acknowledged is in the file; look at the cause',
    retryable: false,
  },
  VDT_STORE_CURSOR: {
    summary: 'the cursor is not one of this query',
    action: 'start again from the first page, with the cursors that the store gives',
    retryable: false,
  },
  VDT_STORE_QUERY: {
    summary: 'the query asks for something that cannot be',
    action: 'correct the field named',
    retryable: false,
  },
  VDT_STORE_IDENTIFIER: {
    summary: 'an identifier cannot be used',
    action: 'use 1 to 80 bytes in escaped form, without control characters',
    retryable: false,
  },
  VDT_STORE_UNKNOWN_HOST: {
    summary: 'no such host is registered',
    action: 'list the hosts; register the host first',
    retryable: false,
  },
});
