import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { VedetteError } from '@vedette/runtime';
import { describeFault, RemoteError, type RemoteFault } from '../../remote-error.ts';

/**
 * What this driver writes on the wire beside subjects and payloads.
 *
 * W1. A request is a plain NATS request: subject, payload, reply subject. The last two tokens of the reply subject say
 *     what it is and how long its caller waits: `<inbox>.<kind><number>.<timeoutMs>`. No header is needed, so that the
 *     way there and back costs what a bare request costs.
 * W2. A request whose reply subject is not of that form (from another program, or rewritten by an import between
 *     accounts) is a call; its deadline is the header `Vdt-Timeout-Ms`, none without.
 * W3. A reply without headers is the answer. A fault carries `Vdt-Fault`.
 * W4. Every server also listens below {@link controlPrefix}, without queue group: fan-outs go there, and cancellations,
 *     which have no reply subject and carry that of the request as their payload.
 */

/** In front of the subject of what goes to every server of it; no subject of the bus begins with it by itself. */
export const controlPrefix = '_VDT.all.';

export const timeoutHeader = 'Vdt-Timeout-Ms';
const faultHeader = 'Vdt-Fault';

/** The first character of the last token but one of a reply subject. */
export const replyKinds = { call: 'c', cast: 'k', fanOut: 'f', store: 'p', api: 'j' } as const;
export type ReplyKind = (typeof replyKinds)[keyof typeof replyKinds];

export interface Envelope {
  readonly kind: 'call' | 'cast' | 'fanOut';
  /** How long the caller waits, from when it asked; undefined: nobody knows. */
  readonly timeoutMs: number | undefined;
}

const foreign: Envelope = { kind: 'call', timeoutMs: undefined };

/** Reads W1 from the end of a reply subject. */
export function readEnvelope(reply: string): Envelope {
  const last = reply.lastIndexOf('.');
  const timeoutMs = digits(reply, last + 1, reply.length);
  if (timeoutMs === undefined || last <= 0) return foreign;
  const before = reply.lastIndexOf('.', last - 1);
  if (digits(reply, before + 2, last) === undefined) return foreign;
  switch (reply.charCodeAt(before + 1)) {
    case 0x63 /* c */:
      return { kind: 'call', timeoutMs };
    case 0x66 /* f */:
      return { kind: 'fanOut', timeoutMs };
    case 0x6b /* k */:
      return { kind: 'cast', timeoutMs: undefined };
    default:
      return foreign;
  }
}

/** Whether this is the reply subject of a request of ours: who follows subjects without serving them passes it over. */
export function isRequest(reply: string): boolean {
  const envelope = readEnvelope(reply);
  return envelope.timeoutMs !== undefined || envelope.kind === 'cast';
}

function digits(text: string, from: number, to: number): number | undefined {
  if (from >= to) return undefined;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

// ---- Headers -------------------------------------------------------------------------------------------------

/**
 * Headers written at once. The client's own class keeps a map and writes it again at each sending; of what it is given
 * to send it calls nothing but `encode` (nats-core, protocol.ts, `publish`), which a test holds it to.
 */
class WrittenHeaders {
  readonly #bytes: Uint8Array;

  constructor(lines: string) {
    this.#bytes = Buffer.from(`NATS/1.0\r\n${lines}\r\n`, 'latin1');
  }

  encode(): Uint8Array {
    return this.#bytes;
  }
}

/** The header that lets the broker store a message once, however often it is sent. */
export function messageIdHeaders(id: string, more: Readonly<Record<string, string>> = {}): MsgHdrs {
  let lines = `Nats-Msg-Id: ${headerValue(id)}\r\n`;
  for (const [name, value] of Object.entries(more)) lines += `${name}: ${headerValue(value)}\r\n`;
  return new WrittenHeaders(lines) as unknown as MsgHdrs;
}

/** Any text as a header's value: equal texts give equal values, different ones different values. */
export function headerValue(text: string): string {
  return /^[\x21-\x24\x26-\x7e]*$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}

// ---- Faults --------------------------------------------------------------------------------------------------

/** What a server answers instead of a reply. */
export type Fault =
  | { readonly kind: 'remote'; readonly fault: RemoteFault }
  | { readonly kind: 'busy' | 'gone'; readonly message: string };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function remoteFault(error: unknown): Fault {
  return { kind: 'remote', fault: describeFault(error) };
}

export function writeFault(fault: Fault): { readonly payload: Uint8Array; readonly headers: MsgHdrs } {
  const written = headers();
  written.set(faultHeader, fault.kind);
  const body = fault.kind === 'remote' ? fault.fault : { message: fault.message };
  return { payload: encoder.encode(JSON.stringify(body)), headers: written };
}

/** The error that a reply with headers stands for; undefined when it is an answer all the same. */
export function readFault(found: MsgHdrs, payload: Uint8Array): VedetteError | undefined {
  const kind = found.get(faultHeader);
  if (kind === '') return undefined;
  const body = parse(payload);
  const message = typeof body.message === 'string' ? body.message : 'the server gave no reason';
  if (kind === 'busy') return new VedetteError('VDT_BUS_BUSY', { message });
  if (kind === 'gone') return new VedetteError('VDT_BUS_DISCONNECTED', { message });
  return new RemoteError({
    message,
    code: textOf(body.code),
    retryable: body.retryable === true,
    action: textOf(body.action),
    path: textOf(body.path),
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function parse(payload: Uint8Array): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(decoder.decode(payload));
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {}; // a fault without a readable body is a fault all the same
  }
}
