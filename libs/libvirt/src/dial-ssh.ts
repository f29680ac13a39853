import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { type Clock, VedetteError } from '@vedette/runtime';
import type { LibvirtAddress, SshAddress } from './address.ts';
import './errors.ts';
import { sshArguments } from './ssh-command.ts';
import { sshFault } from './ssh-faults.ts';
import type { Dial, Transport, TransportHandlers } from './transport.ts';

/** An ssh that was told to end and has not is killed after this. */
const GRACE_MS = 2_000;
/** The end of what ssh said on stderr. */
const STDERR_MAX_CHARS = 4_096;

/**
 * Dials through the system's own `ssh`, with its configuration, agent and known hosts: a host whose key is not known is
 * never talked to, and nothing is ever asked. On the host it runs what relays to libvirtd's socket.
 *
 * It resolves as soon as ssh runs; whether that gets anywhere shows in the first answer, or in what
 * {@link TransportHandlers.onClose} is given. The child ends with the transport, and with this process.
 */
export function dialSsh(ssh: SshAddress, address: LibvirtAddress, clock: Clock): Dial {
  return async (handlers, signal) => {
    signal.throwIfAborted();
    const child = spawn('ssh', sshArguments(ssh, address), { stdio: ['pipe', 'pipe', 'pipe'] });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(cannotRun(error)));
    });
    const transport = transportOf(child, ssh, clock, handlers);
    if (!signal.aborted) return transport;
    transport.close();
    throw signal.reason;
  };
}

function transportOf(
  child: ChildProcessWithoutNullStreams,
  ssh: SshAddress,
  clock: Clock,
  handlers: TransportHandlers,
): Transport {
  let stderr = '';
  let answered = false;
  let closing = false;
  const forget = endsWithProcess(child);
  child.stdout.on('data', (chunk: Buffer) => {
    answered = true;
    if (!closing) handlers.onData(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_MAX_CHARS);
  });
  child.on('error', ignored).stdin.on('error', ignored); // its end says it all
  child.on('close', (code) => {
    forget();
    handlers.onClose(closing ? undefined : sshFault(ssh, { code, stderr, answered }));
  });
  return {
    send: (bytes) => {
      if (child.stdin.writable) child.stdin.write(bytes);
    },
    close: () => {
      if (closing) return;
      closing = true;
      end(child, clock);
    },
  };
}

/** In order, so that it ends its own helpers (ProxyJump) too; by force when that does not help. */
function end(child: ChildProcessWithoutNullStreams, clock: Clock): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.stdin.destroy();
  child.kill('SIGTERM');
  const timer = clock.setTimer(() => child.kill('SIGKILL'), GRACE_MS);
  child.once('exit', () => timer.cancel());
}

const running = new Set<ChildProcessWithoutNullStreams>();

/**
 * Ends the child when this process exits. When it is killed, the child's input ends, and so does the child.
 *
 * @returns forgets a child that has ended
 */
function endsWithProcess(child: ChildProcessWithoutNullStreams): () => void {
  if (running.size === 0) process.on('exit', endAll);
  running.add(child);
  return () => {
    running.delete(child);
    if (running.size === 0) process.off('exit', endAll);
  };
}

function endAll(): void {
  for (const child of running) child.kill('SIGTERM');
}

function ignored(): void {}

function cannotRun(error: NodeJS.ErrnoException): VedetteError {
  const message = error.code === 'ENOENT' ? 'there is no ssh in the PATH' : `ssh cannot be run: ${error.message}`;
  return new VedetteError('VDT_LIBVIRT_HELPER', { message, cause: error });
}
