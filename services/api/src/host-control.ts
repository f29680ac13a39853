import type { AddHostBody } from './bodies.ts';

/**
 * Hosts that come and go while the process runs: made by whoever owns the monitor and knows the configuration. What it
 * does outlives the process; it answers when the store has it and the monitor was told.
 */
export interface HostControl {
  /**
   * Watches a host from now on, by word of a person. One that is watched already at the same URL stays as it is, but
   * for its name and realm, and that it is now a person's.
   *
   * @throws VedetteError VDT_API_HOST_INVALID, VDT_API_HOST_EXISTS, VDT_API_HOSTS_FIXED, or the store's
   */
  add(host: AddHostBody): Promise<AddedHost>;
  /**
   * Ends watching it; nothing but `add` brings it back.
   *
   * @throws VedetteError VDT_STORE_UNKNOWN_HOST, or the store's
   */
  remove(id: string, author: string): Promise<void>;
}

export interface AddedHost {
  readonly id: string;
  /** It was watched before. */
  readonly known: boolean;
}
