const special = /[\\"\n]/;

/** A label's value as both formats write it: any Unicode text, with backslash, quote and line feed escaped. */
export function labelValue(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  if (!special.test(wellFormed)) return wellFormed;
  return wellFormed.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** `name="value"` */
export function label(name: string, value: string): string {
  return `${name}="${labelValue(value)}"`;
}
