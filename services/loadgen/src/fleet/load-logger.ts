import type { Clock } from '@vedette/runtime';
import { createLogger, type Logger } from '@vedette/telemetry';

const MOST_TOLD = 10;

/** Tells the first warnings of a part, so that a run under load is not drowned in those that follow from them. */
export function loadLogger(component: string, clock: Clock, tell: (line: string) => void): Logger {
  let lines = 0;
  const destination = {
    write: (line: string): void => {
      lines++;
      if (lines <= MOST_TOLD) tell(line.trimEnd());
      if (lines === MOST_TOLD) tell(`${component}: further warnings are left out`);
    },
  };
  return createLogger({ clock, level: 'warn', base: { component }, destination });
}
