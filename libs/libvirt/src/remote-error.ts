import { VedetteError } from '@vedette/runtime';
import { errorCodes } from './constants.ts';
import { decodeDomain } from './domain.ts';
import './errors.ts';
import type { XdrDecoder } from './xdr.ts';

/** An error as libvirtd reported it; the cause of the VedetteError a call rejects with. */
export class RemoteError extends Error {
  /** virErrorNumber; see {@link errorCodes}. */
  readonly code: number;
  /** virErrorDomain: the part of libvirt it comes from. */
  readonly domain: number;
  /** 1 warning, 2 error. */
  readonly level: number;

  constructor(code: number, domain: number, level: number, message: string) {
    super(message);
    this.name = 'RemoteError';
    this.code = code;
    this.domain = domain;
    this.level = level;
  }
}

/** What libvirtd said, where `error` came from a call that libvirtd answered with an error. */
export function remoteErrorOf(error: unknown): RemoteError | undefined {
  return VedetteError.is(error) && error.cause instanceof RemoteError ? error.cause : undefined;
}

/**
 * Whether libvirtd or its driver does not know what was asked for. Besides the codes for that: the daemon's own words
 * for an event id or a procedure that is newer than itself (remote_daemon_dispatch.c, virnetserverprogram.c).
 */
export function isUnsupported(error: unknown): boolean {
  if (VedetteError.is(error, 'VDT_LIBVIRT_UNSUPPORTED')) return true;
  const remote = remoteErrorOf(error);
  if (remote?.code !== errorCodes.internalError && remote?.code !== errorCodes.rpc) return false;
  return /unsupported event ID|unknown procedure/i.test(remote.message);
}

/** Reads the payload of a reply with error status (remote_error); the fields we have no use for must still be sound. */
export function decodeRemoteError(decoder: XdrDecoder): RemoteError {
  const code = decoder.int();
  const domain = decoder.int();
  const message = decoder.optional(() => decoder.string());
  const level = decoder.int();
  decoder.optional(decodeDomain);
  for (let text = 0; text < 3; text++) decoder.optional(() => decoder.string());
  decoder.int();
  decoder.int();
  decoder.optional(() => [decoder.string(), decoder.opaque(16)]); // a network
  return new RemoteError(code, domain, level, message ?? `error ${code}`);
}

/** Our error for what libvirtd answered to `call`. */
export function refusal(call: string, error: RemoteError): VedetteError {
  const message = `${call}: ${error.message}`;
  return new VedetteError(codeOf.get(error.code) ?? 'VDT_LIBVIRT_REFUSED', { message, cause: error });
}

const codeOf: ReadonlyMap<number, string> = new Map([
  [errorCodes.noSupport, 'VDT_LIBVIRT_UNSUPPORTED'],
  [errorCodes.operationDenied, 'VDT_LIBVIRT_DENIED'],
  [errorCodes.noDomain, 'VDT_LIBVIRT_NO_DOMAIN'],
  [errorCodes.authFailed, 'VDT_LIBVIRT_AUTH'],
  [errorCodes.operationInvalid, 'VDT_LIBVIRT_STATE'],
  [errorCodes.operationTimeout, 'VDT_LIBVIRT_BUSY'],
  [errorCodes.argumentUnsupported, 'VDT_LIBVIRT_UNSUPPORTED'],
  [errorCodes.authCancelled, 'VDT_LIBVIRT_AUTH'],
  [errorCodes.operationUnsupported, 'VDT_LIBVIRT_UNSUPPORTED'],
  [errorCodes.agentUnresponsive, 'VDT_LIBVIRT_AGENT'],
  [errorCodes.resourceBusy, 'VDT_LIBVIRT_BUSY'],
  [errorCodes.accessDenied, 'VDT_LIBVIRT_DENIED'],
  [errorCodes.authUnavailable, 'VDT_LIBVIRT_AUTH'],
  [errorCodes.agentUnsynced, 'VDT_LIBVIRT_AGENT'],
  [errorCodes.agentCommandTimeout, 'VDT_LIBVIRT_AGENT'],
  [errorCodes.agentCommandFailed, 'VDT_LIBVIRT_AGENT'],
]);
