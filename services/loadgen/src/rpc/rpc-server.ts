import type { Role, RoleContext } from '../roles/role.ts';
import { rpcSubjects } from './subjects.ts';

export interface RpcServerSettings {
  /** Handlers at once, and requests that wait for one. */
  readonly concurrency: number;
}

/** Answers what it is asked with what it was sent, through the library and bare. */
export async function startRpcServer({ concurrency }: RpcServerSettings, { wires }: RoleContext): Promise<Role> {
  const bus = await wires.connect('rpc-server');
  const subscription = await bus.serve({
    pattern: rpcSubjects.library,
    group: 'loadgen',
    concurrency,
    maxQueued: concurrency,
    handler: ({ payload }) => payload,
  });
  const raw = await wires.raw('rpc-server');
  raw.subscribe(rpcSubjects.bare, (payload, reply) => reply(payload));
  await raw.flush();
  return { calls: {}, stop: () => subscription.close() };
}
