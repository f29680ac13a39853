import { VedetteError } from '@vedette/runtime';
import '../../errors.ts';
import type { FetcherErrorCode } from '../../errors.ts';

const codes: Readonly<Record<string, FetcherErrorCode>> = {
  VDT_LIBVIRT_UNREACHABLE: 'VDT_FETCHER_REFUSED',
  VDT_LIBVIRT_CLOSED: 'VDT_FETCHER_RESET',
  VDT_LIBVIRT_PROTOCOL: 'VDT_FETCHER_MALFORMED',
  VDT_LIBVIRT_XML: 'VDT_FETCHER_MALFORMED',
  VDT_LIBVIRT_AUTH: 'VDT_FETCHER_AUTH',
  VDT_LIBVIRT_HOST_IDENTITY: 'VDT_FETCHER_AUTH',
  VDT_LIBVIRT_CREDENTIALS: 'VDT_FETCHER_AUTH',
  VDT_LIBVIRT_PERMISSION: 'VDT_FETCHER_AUTH',
  VDT_LIBVIRT_DENIED: 'VDT_FETCHER_AUTH',
  VDT_LIBVIRT_UNSUPPORTED: 'VDT_FETCHER_UNSUPPORTED',
  VDT_LIBVIRT_ADDRESS: 'VDT_FETCHER_URL',
  VDT_RUNTIME_DEADLINE: 'VDT_FETCHER_TIMEOUT',
};

/** A fault of the libvirt client in the words of the port; what is no fault of it passes as it is. */
export function fetcherFault(error: unknown): unknown {
  if (!VedetteError.is(error) || error.code.startsWith('VDT_FETCHER_')) return error;
  if (!error.code.startsWith('VDT_LIBVIRT_') && error.code !== 'VDT_RUNTIME_DEADLINE') return error;
  const code = codes[error.code] ?? 'VDT_FETCHER_FAILED';
  return new VedetteError(code, { message: error.message, action: error.action, cause: error });
}
