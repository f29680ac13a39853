/**
 * Ids and hashes as 32-bit words. Only the one form that gives back the same text is taken: a UUID in lower case with
 * its dashes, a hash of 16 lower-case hex digits. Anything else is text, and kept as such.
 */

const notHex = 0xff;
const hexValues = new Uint8Array(128).fill(notHex);
for (let value = 0; value < 16; value++) hexValues[value.toString(16).charCodeAt(0)] = value;

/** The words of the last text that {@link readUuid} or {@link readHash} took: a result without an allocation. */
export const wordsRead = new Uint32Array(4);

/** Reads a UUID into the four {@link wordsRead}; false for any other text. */
export function readUuid(text: string): boolean {
  if (text.length !== 36 || !hasDashes(text)) return false;
  const a = readDigits(text, 0);
  const b = readDigits(text, 4);
  const c = readDigits(text, 9);
  const d = readDigits(text, 14);
  const e = readDigits(text, 19);
  const f = readDigits(text, 24);
  const g = readDigits(text, 28);
  const h = readDigits(text, 32);
  if ((a | b | c | d | e | f | g | h) < 0) return false;
  wordsRead[0] = (a << 16) | b;
  wordsRead[1] = (c << 16) | d;
  wordsRead[2] = (e << 16) | f;
  wordsRead[3] = (g << 16) | h;
  return true;
}

/** The UUID that these words were read from. */
export function uuidText(first: number, second: number, third: number, fourth: number): string {
  const b = hex(second);
  const c = hex(third);
  return `${hex(first)}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${hex(fourth)}`;
}

/** Reads a hash into the first two {@link wordsRead}; false for any other text. */
export function readHash(text: string): boolean {
  if (text.length !== 16) return false;
  const a = readDigits(text, 0);
  const b = readDigits(text, 4);
  const c = readDigits(text, 8);
  const d = readDigits(text, 12);
  if ((a | b | c | d) < 0) return false;
  wordsRead[0] = (a << 16) | b;
  wordsRead[1] = (c << 16) | d;
  return true;
}

/** The hash that these words were read from. */
export function hashText(high: number, low: number): string {
  return hex(high) + hex(low);
}

function hasDashes(text: string): boolean {
  return (
    text.charCodeAt(8) === 0x2d &&
    text.charCodeAt(13) === 0x2d &&
    text.charCodeAt(18) === 0x2d &&
    text.charCodeAt(23) === 0x2d
  );
}

/** Four hex digits; negative where one is none. */
function readDigits(text: string, at: number): number {
  const first = hexValue(text.charCodeAt(at));
  const second = hexValue(text.charCodeAt(at + 1));
  const third = hexValue(text.charCodeAt(at + 2));
  const fourth = hexValue(text.charCodeAt(at + 3));
  return (first | second | third | fourth) >= 0x10 ? -1 : (first << 12) | (second << 8) | (third << 4) | fourth;
}

function hexValue(code: number): number {
  return code < 128 ? (hexValues[code] as number) : notHex;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
