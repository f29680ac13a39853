/** A place in the fleet's event log: in which store, after which event. Written `<store>-<position>`. */
export interface StreamPosition {
  readonly store: string;
  readonly position: number;
}

/** What {@link parseStreamPosition} accepts, as a pattern for schemas. */
export const streamPositionPattern = '^[A-Za-z0-9_.~-]{1,128}-(0|[1-9][0-9]{0,15})$';
const pattern = new RegExp(streamPositionPattern);

export function formatStreamPosition({ store, position }: StreamPosition): string {
  return `${store}-${position}`;
}

/** Undefined for text that {@link formatStreamPosition} cannot have written. */
export function parseStreamPosition(text: string): StreamPosition | undefined {
  if (!pattern.test(text)) return undefined;
  const dash = text.lastIndexOf('-');
  const position = Number(text.slice(dash + 1));
  return Number.isSafeInteger(position) ? { store: text.slice(0, dash), position } : undefined;
}
