import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { RealClock, VedetteError, withDeadline } from '@vedette/runtime';

/**
 * Runs one line of shell in a full guest, over its second serial port: without the guest agent, so also while that one
 * hangs or is not there. The guest runs one line at a time; a caller that comes while another is served is served next.
 *
 * @param socketPath where QEMU gives access to the port
 * @returns what the line wrote, trimmed
 * @throws VedetteError VDT_TESTBED_COMMAND when it exits with another code than 0
 */
export async function runInGuest(
  socketPath: string,
  line: string,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const { timeoutMs = 30_000, signal } = options;
  const deadline = { what: `${line} in the guest`, timeoutMs, ...(signal === undefined ? {} : { signal }) };
  return withDeadline(new RealClock(), deadline, async (abort) => {
    const socket = await connect(socketPath, abort);
    try {
      // Marks this answer: what an earlier line that was given up writes late is none of ours.
      const token = randomUUID();
      const answer = new RegExp(`^begin-${token}\\r?\\n([^]*?)^end-${token} (\\d+)\\r?\\n`, 'm');
      socket.write(`${token} ${line.replaceAll('\n', ' ')}\n`);
      let said = '';
      for (;;) {
        const [chunk] = (await once(socket, 'data', { signal: abort })) as [string];
        said += chunk;
        const [whole, output = '', code] = answer.exec(said) ?? [];
        if (whole === undefined) continue;
        const words = output.replaceAll('\r', '').trim();
        if (code === '0') return words;
        throw new VedetteError('VDT_TESTBED_COMMAND', { message: `${line} in the guest: exit ${code}: ${words}` });
      }
    } finally {
      socket.destroy();
    }
  });
}

/** QEMU serves one, lets one wait, and has others come again. */
async function connect(socketPath: string, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    const socket = createConnection(socketPath).setEncoding('utf8');
    try {
      await once(socket, 'connect', { signal });
      return socket;
    } catch (error) {
      socket.destroy();
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    await new RealClock().sleep(20, { signal });
  }
}
