import { VedetteError } from '@vedette/runtime';
import '../errors.ts';

/**
 * A small strict reader of the XML that libvirtd writes. It takes elements, attributes, text, CDATA, comments and
 * processing instructions; it refuses document types (so entities cannot be declared) and everything malformed, and it
 * is bounded in size, depth and number of elements. Time and memory are proportional to the document's length.
 */

export interface XmlElement {
  /** As written, with its prefix: `qemu:commandline`. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** The text directly inside this element, its pieces joined. */
  readonly text: string;
}

export interface XmlLimits {
  readonly maxChars: number;
  readonly maxDepth: number;
  readonly maxElements: number;
}

/** A definition with hundreds of devices has some 200,000 characters; the wire allows 4 MiB. */
const defaultLimits: XmlLimits = { maxChars: 4 * 1024 * 1024, maxDepth: 64, maxElements: 100_000 };

interface OpenElement {
  readonly name: string;
  readonly attributes: Map<string, string>;
  readonly children: XmlElement[];
  text: string;
}

/** @throws VedetteError VDT_LIBVIRT_XML, its path the place of the fault as `line:column` */
export function parseXml(document: string, limits: Partial<XmlLimits> = {}): XmlElement {
  return new XmlReader(document, { ...defaultLimits, ...limits }).read();
}

const spaces = /[ \t\r\n]*/y;
const nameToken = /[\p{L}_:][\p{L}\p{N}_:.-]*/uy;
const textToken = /[^<]+/y;
const attributeValue = /"([^"<]*)"|'([^'<]*)'/y;
const entities: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

class XmlReader {
  readonly #document: string;
  readonly #limits: XmlLimits;
  readonly #open: OpenElement[] = [];
  #root: XmlElement | undefined;
  #elements = 0;
  #at = 0;

  constructor(document: string, limits: XmlLimits) {
    this.#document = document;
    this.#limits = limits;
  }

  read(): XmlElement {
    if (this.#document.length > this.#limits.maxChars) {
      throw this.#refused(`${this.#document.length} characters are more than ${this.#limits.maxChars}`);
    }
    if (this.#document.startsWith('\uFEFF')) this.#at = 1;
    while (this.#at < this.#document.length) this.#readNext();
    if (this.#root === undefined) throw this.#refused('the document ends early');
    return this.#root;
  }

  #readNext(): void {
    if (this.#document[this.#at] !== '<') this.#readText();
    else if (this.#skips('<!--')) this.#readUntil('-->');
    else if (this.#skips('<![CDATA[')) this.#addText(this.#readUntil(']]>'));
    else if (this.#skips('<?')) this.#readUntil('?>');
    else if (this.#skips('<!')) throw this.#refused('document types are not allowed');
    else if (this.#skips('</')) this.#readEndTag();
    else this.#readStartTag();
  }

  #readText(): void {
    const raw = this.#match(textToken) ?? '';
    if (this.#open.length > 0) this.#addText(this.#decoded(raw));
    else if (raw.trim() !== '') throw this.#refused('text outside of the root element');
  }

  #addText(text: string): void {
    const element = this.#open.at(-1);
    if (element === undefined) throw this.#refused('text outside of the root element');
    element.text += text;
  }

  #readStartTag(): void {
    this.#at += 1;
    if (this.#root !== undefined) throw this.#refused('a second root element');
    if (++this.#elements > this.#limits.maxElements) throw this.#refused('too many elements');
    const element: OpenElement = { name: this.#readName(), attributes: new Map(), children: [], text: '' };
    for (;;) {
      const spaced = this.#match(spaces) !== '';
      if (this.#skips('/>')) {
        this.#finish(element);
        return;
      }
      if (this.#skips('>')) break;
      if (!spaced) throw this.#refused('an attribute without a space before it');
      this.#readAttribute(element.attributes);
    }
    if (this.#open.push(element) > this.#limits.maxDepth) throw this.#refused('elements nested too deeply');
  }

  #readAttribute(attributes: Map<string, string>): void {
    const name = this.#readName();
    this.#match(spaces);
    if (!this.#skips('=')) throw this.#refused(`attribute ${name} without a value`);
    this.#match(spaces);
    const quoted = this.#match(attributeValue);
    if (quoted === undefined) throw this.#refused(`attribute ${name} without a quoted value`);
    if (attributes.has(name)) throw this.#refused(`attribute ${name} twice`);
    attributes.set(name, this.#decoded(quoted.slice(1, -1)));
  }

  #readEndTag(): void {
    const name = this.#readName();
    this.#match(spaces);
    if (!this.#skips('>')) throw this.#refused(`end tag ${name} not closed`);
    const element = this.#open.pop();
    if (element?.name !== name) throw this.#refused(`end tag ${name} where ${element?.name ?? 'none'} was expected`);
    this.#finish(element);
  }

  #finish(element: OpenElement): void {
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = element;
    else parent.children.push(element);
  }

  #decoded(raw: string): string {
    if (!raw.includes('&')) return raw;
    return raw.replace(/&([^;&]{0,12});?/g, (whole, name: string) => {
      const character = whole.endsWith(';') ? this.#entity(name) : undefined;
      if (character === undefined) throw this.#refused(`unknown entity ${whole}`);
      return character;
    });
  }

  #entity(name: string): string | undefined {
    const [, hex, decimal] = name.match(/^#(?:x([0-9a-fA-F]+)|([0-9]+))$/) ?? [];
    if (hex === undefined && decimal === undefined) return entities.get(name);
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : undefined;
  }

  #readName(): string {
    const name = this.#match(nameToken);
    if (name === undefined) throw this.#refused('no name where one was expected');
    return name;
  }

  #readUntil(end: string): string {
    const found = this.#document.indexOf(end, this.#at);
    if (found === -1) throw this.#refused(`no ${end} before the end`);
    const text = this.#document.slice(this.#at, found);
    this.#at = found + end.length;
    return text;
  }

  #skips(token: string): boolean {
    if (!this.#document.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#document);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match[0];
  }

  #refused(what: string): VedetteError {
    const before = this.#document.slice(0, this.#at).split('\n');
    const path = `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    return new VedetteError('VDT_LIBVIRT_XML', { message: `malformed XML at ${path}: ${what}`, path });
  }
}

/** The elements reached from `element` by going down through children of these names; all of them, in order. */
export function findAll(element: XmlElement, ...path: readonly string[]): readonly XmlElement[] {
  let found: readonly XmlElement[] = [element];
  for (const name of path) found = found.flatMap(({ children }) => children.filter((child) => child.name === name));
  return found;
}

/** The first of {@link findAll}. */
export function find(element: XmlElement, ...path: readonly string[]): XmlElement | undefined {
  return findAll(element, ...path)[0];
}
