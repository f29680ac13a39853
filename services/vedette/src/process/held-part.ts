import type { RunPart, StopOptions } from '@vedette/runtime';

/** Ends what a part began. */
export type Stop = (options: StopOptions) => Promise<unknown>;

/** A part of the process that is made when its turn comes: `begin` starts it and returns what stops it. */
export function heldPart(name: string, begin: (options: { readonly signal: AbortSignal }) => Promise<Stop>): RunPart {
  let stop: Stop | undefined;
  return {
    name,
    start: async (options) => {
      stop = await begin(options);
    },
    stop: async (options) => {
      await stop?.(options);
    },
  };
}
