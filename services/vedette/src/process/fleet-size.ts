/** A simulated fleet as it is asked for: `25x40`. */
export interface FleetSize {
  readonly hosts: number;
  readonly vmsPerHost: number;
}

/** Undefined for text that is none. */
export function parseFleetSize(text: string): FleetSize | undefined {
  const match = /^([1-9][0-9]{0,4})x([1-9][0-9]{0,3})$/.exec(text);
  return match === null ? undefined : { hosts: Number(match[1]), vmsPerHost: Number(match[2]) };
}
