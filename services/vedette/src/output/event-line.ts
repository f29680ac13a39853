import { describeEvent } from './describe-event.ts';
import { clockText } from './durations.ts';
import type { Paint } from './style.ts';
import { fitText, textWidth } from './text-width.ts';

export interface LinedEvent {
  readonly name: string;
  /** RFC 3339. */
  readonly time: string;
  readonly data: unknown;
}

const whatWidth = 11;
const whoWidth = 18;

/** One event as one line for people, without its line break; cut to `width` columns where given. */
export function eventLine({ name, time, data }: LinedEvent, paint: Paint, width?: number): string {
  const { what, who, text, tone } = describeEvent(name, data);
  const head = `${clockText(time)}  `;
  const middle = `${pad(what, whatWidth)}  `;
  const end = `${pad(who, whoWidth)}  ${text}`.trimEnd();
  const room = width === undefined ? Number.POSITIVE_INFINITY : width - textWidth(head) - textWidth(middle);
  return `${paint('dim', head)}${paint(tone, middle)}${fitText(end, room)}`;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}
