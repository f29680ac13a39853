const steps = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const;

/** A duration for people, to about two digits: `0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function durationText(ms: number): string {
  if (ms < 9_950) return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
  const step = steps.find((one) => ms >= one.ms * 0.9995) ?? steps[3];
  return `${Math.round(ms / step.ms)} ${step.unit}`;
}

/** How old knowledge is; `-` where there is none. */
export function ageText(ageMs: number | null): string {
  return ageMs === null ? '-' : durationText(ageMs);
}

/** A moment of the past, by two readings of the same clock. */
export function agoText(thenMs: number, nowMs: number): string {
  return `${durationText(nowMs - thenMs)} ago`;
}

/** The time of day of an RFC 3339 time, in the time zone of this machine; milliseconds included. */
export function clockText(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '--:--:--.---';
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`;
}

/** Date and time of day in the time zone of this machine. */
export function dateText(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '-';
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clockText(time)}`;
}
