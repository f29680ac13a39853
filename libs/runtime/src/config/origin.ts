/** Where a value, or the lack of one, comes from. */
export type Origin =
  | { readonly source: 'file'; readonly path: string; readonly line: number; readonly column: number }
  /** A file of which no line was looked at. */
  | { readonly source: 'whole-file'; readonly path: string }
  | { readonly source: 'environment'; readonly variable: string }
  | { readonly source: 'flag'; readonly flag: string }
  | { readonly source: 'default' }
  /** Nothing was given: there is no file. */
  | { readonly source: 'none' };

/** The origin as people look for it: `vedette.yaml:3:5`, `VEDETTE_LOG_LEVEL`, `--log-level`, `default`. */
export function originText(origin: Origin): string {
  switch (origin.source) {
    case 'file':
      return `${origin.path}:${origin.line}:${origin.column}`;
    case 'whole-file':
      return origin.path;
    case 'environment':
      return origin.variable;
    case 'flag':
      return `--${origin.flag}`;
    case 'default':
      return 'default';
    case 'none':
      return 'no configuration file';
  }
}
