import { type Clock, RealClock, VedetteError, withDeadline } from '@vedette/runtime';
import { type LibvirtAddress, type LibvirtTransport, parseLibvirtUri } from './address.ts';
import { beAdmitted } from './admission.ts';
import { type EventListeners, LibvirtConnection } from './connection.ts';
import { dialAddress } from './dial.ts';
import './errors.ts';
import { decodeEvent } from './events.ts';
import type { KeepAliveOptions } from './keep-alive.ts';
import * as procedures from './procedures.ts';
import { type CallOptions, RpcConnection } from './rpc.ts';
import type { Dial } from './transport.ts';
import type { XdrDecoder } from './xdr.ts';

/** Open flag: nothing that changes or burdens a domain (virConnectFlags). */
const OPEN_READ_ONLY = 1;
/** The feature whose asking makes libvirtd send keepalive messages, and drop a client that does not answer them. */
const FEATURE_KEEPALIVE = 10;
/** A login takes longer than a socket: name services, keys, the user's shell. */
const SSH_TIMEOUT_MS = 20_000;

export interface ConnectOptions {
  /** As in `virsh -c`, local or remote; `qemu:///system` unless said. See {@link parseLibvirtUri}. */
  readonly uri?: string;
  /** The unix socket, where it is not the one the URI stands for. */
  readonly socketPath?: string;
  /** For the read-only socket: list, statistics, definitions, leases and events, nothing else. As `readonly=1`. */
  readonly readOnly?: boolean;
  readonly clock?: Clock;
  /** Deadline of every call that names none; 10,000 unless said. */
  readonly timeoutMs?: number;
  /** Deadline of the connection's making; `timeoutMs` unless said, and where that is not said, 20,000 by ssh. */
  readonly connectTimeoutMs?: number;
  /** Ends the making of the connection, not the connection. */
  readonly signal?: AbortSignal;
  /** How a connection that went silent is found out; false leaves it to the deadlines of calls. */
  readonly keepAlive?: KeepAliveOptions | false;
  /** Another way to a libvirtd than the URI's; then `socketPath` is not used. */
  readonly dial?: Dial;
}

/**
 * Connects to a libvirtd, is admitted and opens the driver of the URI. Whoever connected closes it. When it fails or is
 * given up, nothing of it is left: no socket, no ssh.
 *
 * @throws VedetteError VDT_LIBVIRT_ADDRESS, _PERMISSION, _AUTH, _HOST_IDENTITY, _CREDENTIALS, _HELPER, _PROTOCOL;
 * _UNREACHABLE, _CLOSED, VDT_RUNTIME_DEADLINE (retryable); or the signal's reason
 */
export function connectLibvirt(options: ConnectOptions = {}): Promise<LibvirtConnection> {
  const { uri = 'qemu:///system', clock = new RealClock(), timeoutMs = 10_000 } = options;
  const deadline = {
    what: `connecting to ${uri}`,
    timeoutMs: options.connectTimeoutMs ?? options.timeoutMs ?? (uri.includes('+ssh:') ? SSH_TIMEOUT_MS : timeoutMs),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  return withDeadline(clock, deadline, async (signal) => {
    const address = addressOf(options);
    const dial = options.dial ?? dialAddress(address, clock);
    const listeners: EventListeners = new Set();
    const rpc = await RpcConnection.open(dial, { clock, timeoutMs, onEvent: (...m) => tell(listeners, ...m) }, signal);
    try {
      await shakeHands(rpc, address, options, { signal, timeoutMs: deadline.timeoutMs });
      return new LibvirtConnection(rpc, listeners, address.readOnly);
    } catch (error) {
      // At once and without a goodbye: nobody waits any more, and libvirtd has nothing to put away yet.
      rpc.end(new VedetteError('VDT_LIBVIRT_CLOSED', { message: 'the connection was given up', cause: error }));
      throw error;
    }
  });
}

/**
 * The address the options stand for.
 *
 * @throws VedetteError VDT_LIBVIRT_ADDRESS
 */
export function addressOf(options: Pick<ConnectOptions, 'uri' | 'readOnly' | 'socketPath'>): LibvirtAddress {
  const address = parseLibvirtUri(options.uri ?? 'qemu:///system', options.readOnly === true);
  if (options.socketPath === undefined || address.transport.kind !== 'unix') return address;
  const transport: LibvirtTransport = { kind: 'unix', socketPaths: [options.socketPath] };
  return { ...address, transport };
}

async function shakeHands(
  rpc: RpcConnection,
  address: LibvirtAddress,
  { keepAlive = {} }: ConnectOptions,
  call: CallOptions & { readonly signal: AbortSignal },
): Promise<void> {
  await beAdmitted(rpc, address.transport.kind, call);
  const answersKeepAlive = await rpc.call(procedures.supportsFeature, FEATURE_KEEPALIVE, call);
  if (answersKeepAlive && keepAlive !== false) rpc.startKeepAlive(keepAlive);
  const flags = address.readOnly ? OPEN_READ_ONLY : 0;
  await rpc.call(procedures.open, { uri: address.driverUri, flags }, call);
  call.signal.throwIfAborted(); // nobody waits for it any more
}

function tell(listeners: EventListeners, procedure: number, decoder: XdrDecoder): void {
  const event = decodeEvent(procedure, decoder);
  if (event !== undefined) for (const listener of listeners) listener(event);
}
