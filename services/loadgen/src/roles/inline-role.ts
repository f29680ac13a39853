import { commonCalls } from './common-calls.ts';
import type { RoleContext, RoleHandle, RoleStart } from './role.ts';

/** Runs a role in this process: for the memory bus, and for tests. */
export async function startInlineRole<S>(
  name: string,
  start: RoleStart<S>,
  settings: S,
  context: RoleContext,
): Promise<RoleHandle> {
  const role = await start(settings, context);
  const calls: Readonly<Record<string, (args: never) => unknown>> = { ...commonCalls(context), ...role.calls };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= role.stop();
    return stopped;
  };
  return {
    name,
    pid: process.pid,
    async ask<T>(call: string, args?: unknown): Promise<T> {
      const handler = calls[call];
      if (handler === undefined) throw new Error(`role ${name} answers no call named ${call}`);
      return (await handler(args as never)) as T;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
