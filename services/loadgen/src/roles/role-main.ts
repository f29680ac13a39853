/** The process of one role: is told which by its first message, answers the run, and ends with it. */
import { RealClock } from '@vedette/runtime';
import { SocketMeter } from '../harness/sockets.ts';
import { openWires } from '../wires/open-wires.ts';
import { commonCalls } from './common-calls.ts';
import type { FromRole, ToRole } from './process-role.ts';
import type { Role, RoleContext } from './role.ts';
import { type RoleName, type RoleSettings, startNamedRole } from './role-starts.ts';

const sockets = new SocketMeter();
const clock = new RealClock();
const common = commonCalls({ clock, sockets });
let running: { readonly role: Role; readonly close: () => Promise<void> } | undefined;

process.on('message', (message) => void heard(message as ToRole));
process.on('disconnect', () => process.exit(1)); // the run is gone
process.on('SIGINT', () => undefined); // a terminal sends it to every process of the run, which ends its roles itself

async function heard(message: ToRole): Promise<void> {
  const id = message.kind === 'ask' ? message.id : undefined;
  try {
    if (message.kind === 'start') await start(message);
    else if (message.kind === 'ask') send({ kind: 'answer', id: message.id, value: await answer(message) });
    else await stop();
  } catch (error) {
    send({ kind: 'failed', id, message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    if (message.kind !== 'ask') process.exit(1);
  }
}

async function start({ role: name, settings, wires: address }: Extract<ToRole, { kind: 'start' }>): Promise<void> {
  const wires = await openWires(address, clock);
  const context: RoleContext = { clock, wires, sockets, tell: (line) => send({ kind: 'tell', line }) };
  const role = await startNamedRole(name as RoleName, settings as RoleSettings[RoleName], context);
  running = { role, close: () => wires.close() };
  send({ kind: 'ready' });
}

function answer({ call, args }: Extract<ToRole, { kind: 'ask' }>): unknown {
  const calls: Role['calls'] = { ...common, ...running?.role.calls };
  const handler = calls[call];
  if (handler === undefined) throw new Error(`no call named ${call}`);
  return handler(args as never);
}

async function stop(): Promise<void> {
  await running?.role.stop();
  await running?.close();
  process.exit(0);
}

function send(message: FromRole): void {
  if (process.connected) process.send?.(message);
}
