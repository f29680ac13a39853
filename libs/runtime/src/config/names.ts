/** The prefix of every environment variable that sets a key. */
export const ENVIRONMENT_PREFIX = 'VEDETTE_';

/** `['monitor', 'pollInterval']` -> `VEDETTE_MONITOR_POLL_INTERVAL`. */
export function variableName(path: readonly string[]): string {
  return ENVIRONMENT_PREFIX + path.map((key) => words(key).join('_').toUpperCase()).join('_');
}

/** `['monitor', 'pollInterval']` -> `monitor-poll-interval`. */
export function flagName(path: readonly string[]): string {
  return path.map((key) => words(key).join('-').toLowerCase()).join('-');
}

/** A word begins at a capital that follows a small letter or a digit, or that a small letter follows (`httpURLPath`). */
function words(key: string): string[] {
  return key.split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/);
}
