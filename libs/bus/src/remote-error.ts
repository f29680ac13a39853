import { VedetteError } from '@vedette/runtime';
import './errors.ts';

/** What of a server's error crosses the bus: no class, no stack, no cause. */
export interface RemoteFault {
  /** The code, if it was a VedetteError. */
  readonly code: string | undefined;
  readonly message: string;
  readonly retryable: boolean;
  readonly action: string | undefined;
  readonly path: string | undefined;
}

/** The server's error, as its caller sees it: code VDT_BUS_REMOTE, the rest the server's own. */
export class RemoteError extends VedetteError {
  /** The server's own code; undefined when it threw something that has none. */
  readonly remoteCode: string | undefined;
  /** Whether the server says that trying again can help. */
  override readonly retryable: boolean;

  constructor(fault: RemoteFault) {
    super('VDT_BUS_REMOTE', {
      message: fault.message,
      ...(fault.action !== undefined && { action: fault.action }),
      ...(fault.path !== undefined && { path: fault.path }),
    });
    this.remoteCode = fault.code;
    this.retryable = fault.retryable;
  }
}

/** Describes what a handler threw, for the way back to the caller. */
export function describeFault(error: unknown): RemoteFault {
  if (error instanceof VedetteError) {
    const code = error instanceof RemoteError ? (error.remoteCode ?? error.code) : error.code;
    return { code, message: error.message, retryable: error.retryable, action: error.action, path: error.path };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: undefined, message, retryable: false, action: undefined, path: undefined };
}
