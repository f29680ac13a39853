/** One event of a stream. */
export interface SseEvent {
  readonly name: string;
  readonly data: string;
}

/** Longest event that is read, in characters; a HostSnapshot's part is at most 256 KiB. */
const maxEventCharacters = 16 * 2 ** 20;

/**
 * Reads server-sent events (WHATWG HTML, 9.2.6) as they come, in pieces cut anywhere. `lastEventId` is what to
 * resume with; it also follows heart-beats, which are no events.
 */
export class SseParser {
  lastEventId: string | undefined;
  #rest = '';
  #id: string | undefined;
  #name = '';
  #data: string[] = [];
  #characters = 0;

  /** @throws RangeError for an event that is too long */
  feed(text: string): SseEvent[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length + this.#characters > maxEventCharacters) throw new RangeError('an event is too long');
    return lines.flatMap((line) => this.#line(line.endsWith('\r') ? line.slice(0, -1) : line));
  }

  #line(line: string): SseEvent[] {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return []; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#name = value;
    else if (field === 'id') this.#id = value;
    else if (field === 'data') {
      this.#data.push(value);
      this.#characters += value.length;
    }
    return [];
  }

  #dispatch(): SseEvent[] {
    this.lastEventId = this.#id ?? this.lastEventId;
    const event = { name: this.#name === '' ? 'message' : this.#name, data: this.#data.join('\n') };
    this.#name = '';
    const empty = this.#data.length === 0;
    this.#data = [];
    this.#characters = 0;
    return empty ? [] : [event];
  }
}
