/** One line of a hosts file that names something. */
export interface HostsLine {
  /** From 1. */
  readonly line: number;
  /** A host, a range or a URL. */
  readonly target: string;
  readonly name?: string;
  readonly id?: string;
  readonly realm?: string;
  readonly group?: string;
  /** What is wrong with the line; nothing else of it counts then. */
  readonly fault?: string;
}

const words = ['name', 'id', 'realm', 'group'] as const;
type Word = (typeof words)[number];

/**
 * Reads a hosts file: one host, range or URL a line, then `name=`, `id=`, `realm=` and `group=` where wanted. `#` at
 * the beginning of a line or after a space begins a comment. Pure.
 */
export function readHostsFile(text: string): readonly HostsLine[] {
  const lines: HostsLine[] = [];
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const [target, ...rest] = raw
      .replace(/(^|\s)#.*$/, '')
      .split(/\s+/)
      .filter(Boolean);
    if (target !== undefined) lines.push(readLine(at + 1, target, rest));
  }
  return lines;
}

function readLine(line: number, target: string, rest: readonly string[]): HostsLine {
  const said: Partial<Record<Word, string>> = {};
  for (const text of rest) {
    const [, name = '', value = ''] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
    const word = words.find((one) => one === name);
    if (word === undefined) return { line, target, fault: `${shown(text)} is none of name=, id=, realm= and group=` };
    if (said[word] !== undefined) return { line, target, fault: `says ${word}= twice` };
    said[word] = value;
  }
  return { line, target, ...said };
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}
