import type { Bus } from '../../port.ts';
import { NatsBus } from './connection.ts';
import { dial } from './dial.ts';
import type { NatsOptions } from './options.ts';

/**
 * Connects to a NATS broker, nats-server 2.10 or later with JetStream, and makes sure of its streams. Whoever
 * connected closes the bus. Once connected it reconnects by itself, for ever.
 *
 * What may be lost, by B2: nothing that was acknowledged while a majority of the stream's replicas, or the one disk of
 * an unreplicated one, survives. nats-server writes to disk at once and syncs every two minutes unless configured
 * (`sync_interval`): an unreplicated stream can lose the last of it with the machine's power, not with the process.
 *
 * A client with restricted permissions needs, beside the subjects it uses: to subscribe to `_INBOX.>` (the option
 * `inboxPrefix` narrows it) and, to serve, to `_VDT.all.<pattern>`; to publish to `_INBOX.>` (replies) and to
 * `_VDT.all.<subject>` (fan-outs, cancellations); for durable messages also `$JS.API.>`, `$JS.ACK.>` and `_VDT.dead.>`.
 *
 * A call or a message that is sent to a subject which the stream keeps is kept, too; requests belong elsewhere.
 *
 * @throws VedetteError VDT_BUS_CONNECT, VDT_BUS_UNAVAILABLE (both retryable), VDT_BUS_AUTH, VDT_BUS_BROKER,
 *   VDT_BUS_STORAGE, VDT_BUS_USAGE, or the signal's reason
 */
export async function connectNats(options: NatsOptions): Promise<Bus> {
  const { clock, connectTimeoutMs = 10_000 } = options;
  const endMs = clock.now() + connectTimeoutMs;
  const connection = await dial(options, connectTimeoutMs);
  let bus: NatsBus;
  try {
    bus = new NatsBus(connection, options);
  } catch (error) {
    await connection.close();
    throw error;
  }
  try {
    await bus.prepare(Math.max(1_000, endMs - clock.now()));
  } catch (error) {
    await bus.close({ timeoutMs: 0 });
    throw error;
  }
  return bus;
}
