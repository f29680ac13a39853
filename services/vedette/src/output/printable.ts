/**
 * Text as it may go to a terminal: names and reasons come from hypervisors and guests, and a control character in one
 * of them could otherwise move the cursor, change the title or hide text. Also taken: line breaks, which would break a
 * table, and the marks that turn the direction of text.
 */
export function printable(text: string): string {
  return text.replaceAll(unprintable, '\u{fffd}');
}

const unprintable = /[\p{Cc}\p{Cs}\u{2028}\u{2029}\u{200e}\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu;
