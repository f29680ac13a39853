import { RemoteError } from '@vedette/bus';
import { VedetteError } from '@vedette/runtime';
import { fetcherErrors } from '../../errors.ts';

/**
 * What the bus said of a question, in the words of the port. Whoever judges hosts must be able to tell our own bus from
 * them: VDT_FETCHER_BUS_AWAY counts against us, never against the host (I2, N8).
 *
 * @param connected whether our bus is there now
 */
export function agentFault(error: unknown, host: string, connected: boolean): unknown {
  if (error instanceof RemoteError) return remoteFault(error, host);
  if (!VedetteError.is(error)) return error; // the caller's own abort reason
  switch (error.code) {
    case 'VDT_BUS_NO_RESPONDERS':
      return fault('VDT_FETCHER_REFUSED', `no agent serves ${host}`, error);
    case 'VDT_BUS_DEADLINE':
      return connected
        ? fault('VDT_FETCHER_TIMEOUT', `the agent of ${host} did not answer in time`, error)
        : fault('VDT_FETCHER_BUS_AWAY', error.message, error);
    case 'VDT_BUS_DISCONNECTED':
    case 'VDT_BUS_CLOSED':
      return fault('VDT_FETCHER_BUS_AWAY', error.message, error);
    case 'VDT_BUS_BUSY':
      return fault('VDT_FETCHER_FAILED', `the agent of ${host} is busy: ${error.message}`, error);
    case 'VDT_BUS_PAYLOAD_TOO_LARGE':
      return fault('VDT_FETCHER_TOO_LARGE', error.message, error);
    default:
      return error;
  }
}

/** Codes that an agent may give for its own hypervisor; the others are about the way between it and us. */
const agentsOwn: ReadonlySet<string> = new Set(
  Object.keys(fetcherErrors).filter((code) => code !== 'VDT_FETCHER_BUS_AWAY' && code !== 'VDT_FETCHER_CLOSED'),
);

function remoteFault(error: RemoteError, host: string): VedetteError {
  const { remoteCode = '', message, action, path } = error;
  const code = agentsOwn.has(remoteCode) ? remoteCode : 'VDT_FETCHER_FAILED';
  return new VedetteError(code, {
    message: `the agent of ${host}: ${message}`,
    cause: error,
    ...(code === remoteCode && { action }),
    ...(path !== undefined && { path }),
  });
}

function fault(code: string, message: string, cause: VedetteError): VedetteError {
  return new VedetteError(code, { message, cause });
}
