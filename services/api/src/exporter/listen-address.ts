import { VedetteError } from '@vedette/runtime';
import './errors.ts';

export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/**
 * Reads `HOST:PORT`; an IPv6 address stands in brackets. Without a host (`:9177`) it is 127.0.0.1: whoever wants the
 * metrics on the network says so (`0.0.0.0:9177`).
 *
 * @throws VedetteError VDT_API_METRICS_ADDRESS
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([\w.-]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new VedetteError('VDT_API_METRICS_ADDRESS', { message: `${text} is no address of the form HOST:PORT` });
  }
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

/** The same as text. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
