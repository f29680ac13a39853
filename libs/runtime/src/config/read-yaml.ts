import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { type ConfigFault, type ConfigFaultCode, faultAt } from './faults.ts';
import { type Input, itemIn, keyIn, type MapEntry } from './input.ts';
import type { Origin } from './origin.ts';
import { expandVariables } from './variables.ts';

/** A configuration file that has been read. */
export interface ConfigFile {
  /** As the messages are to name it. */
  readonly path: string;
  readonly text: string;
}

/** What a configuration file may be at most. */
export const configLimits = {
  /** Of the file, in bytes: some 40,000 hosts of 100 bytes each. */
  fileBytes: 4 * 2 ** 20,
  /** Levels of sections and lists within each other. */
  depth: 32,
  /** Values after every alias has been replaced by what it stands for. */
  values: 500_000,
} as const;

/** Names that mean something to every JavaScript object; no key of ours will ever be one of them. */
const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** YAML 1.2 core types and nothing else: no merge keys, no tags; duplicate keys are looked for here, in linear time. */
const composing = {
  version: '1.2',
  schema: 'core',
  merge: false,
  resolveKnownTags: false,
  stringKeys: true,
  uniqueKeys: false,
  prettyErrors: false,
} as const;

export interface ReadYamlOptions {
  readonly file: ConfigFile;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of every environment variable the file refers to. */
  readonly onVariable: (name: string) => void;
  readonly faults: ConfigFault[];
}

/** The file as an input tree; undefined when its text is not well formed or too large (then the faults say why). */
export function readYaml(options: ReadYamlOptions): Input | undefined {
  return new YamlReader(options).read();
}

class YamlReader {
  readonly #file: ConfigFile;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #onVariable: (name: string) => void;
  readonly #faults: ConfigFault[];
  readonly #lines = new LineCounter();
  #targets: ReadonlyMap<Alias, Node> = new Map();
  #values = 0;

  constructor({ file, env, onVariable, faults }: ReadYamlOptions) {
    this.#file = file;
    this.#env = env;
    this.#onVariable = onVariable;
    this.#faults = faults;
  }

  read(): Input | undefined {
    const faultsBefore = this.#faults.length;
    const document = this.#parse();
    if (document === undefined || this.#faults.length > faultsBefore) return undefined;
    this.#targets = aliasTargets(document);
    const contents = document.contents as Node | null;
    if (contents === null) return { kind: 'map', origin: this.#origin(0), entries: new Map() };
    const input = this.#input(contents, '', 0);
    return this.#values > configLimits.values ? undefined : input;
  }

  #parse(): Document | undefined {
    const { text } = this.#file;
    if (Buffer.byteLength(text) > configLimits.fileBytes) {
      this.#fault('VDT_CONFIG_TOO_LARGE', '', 0, `the file is larger than ${configLimits.fileBytes / 2 ** 20} MiB`);
      return undefined;
    }
    const tokens = this.#tokens(text);
    if (tokens === undefined) return undefined;
    const documents = [...new Composer(composing).compose(tokens, true, text.length)];
    for (const { errors, warnings, directives } of documents) {
      for (const { message, pos } of [...errors, ...warnings]) this.#fault('VDT_CONFIG_SYNTAX', '', pos[0], message);
      if (directives.yaml.explicit) this.#fault('VDT_CONFIG_SYNTAX', '', 0, 'directives (%YAML) are not supported');
    }
    const second = documents[1];
    if (second !== undefined) {
      this.#fault('VDT_CONFIG_SYNTAX', '', second.range[0], 'the file holds a second document; only one is allowed');
    }
    return documents[0];
  }

  /**
   * The composer recurses, and a document that is nested deep enough ends the process in it (seen with yaml 2.9: V8
   * runs out of memory compiling a regular expression at the end of the stack). The parser keeps its own stack, so the
   * depth is measured there, before anything recurses.
   */
  #tokens(text: string): Token[] | undefined {
    const parser = new Parser(this.#lines.addNewLine);
    const tokens: Token[] = [];
    this.#lines.addNewLine(0);
    for (const lexeme of new Lexer().lex(text)) {
      tokens.push(...parser.next(lexeme));
      if (parser.stack.length > configLimits.depth + 2) {
        this.#tooDeep('', parser.offset);
        return undefined;
      }
    }
    tokens.push(...parser.end());
    return tokens;
  }

  #input(node: Node | null | undefined, key: string, depth: number): Input {
    const origin = this.#origin(node?.range?.[0] ?? 0);
    this.#values++;
    if (this.#values === configLimits.values + 1) {
      const message = `the document stands for more than ${configLimits.values} values`;
      this.#faults.push(faultAt('VDT_CONFIG_TOO_LARGE', key, origin, message));
    }
    if (this.#values > configLimits.values) return { kind: 'broken', origin };
    if (depth > configLimits.depth) return this.#broken(() => this.#tooDeep(key, node?.range?.[0] ?? 0), origin);
    if (isAlias(node)) return this.#alias(node, key, depth, origin);
    if (isMap<Node, Node>(node)) return this.#map(node, key, depth, origin);
    if (isSeq<Node>(node)) return this.#list(node, key, depth, origin);
    if (isScalar(node)) return this.#scalar(node, key, origin);
    return { kind: 'scalar', origin, value: null, untyped: false };
  }

  #alias(node: Alias, key: string, depth: number, origin: Origin): Input {
    const target = this.#targets.get(node);
    if (target !== undefined) return this.#input(target, key, depth + 1);
    const message = `*${node.source} refers to an anchor that does not stand before it`;
    return this.#broken(() => this.#faults.push(faultAt('VDT_CONFIG_SYNTAX', key, origin, message)), origin);
  }

  #map(node: YAMLMap<Node, Node | null>, parent: string, depth: number, origin: Origin): Input {
    const entries = new Map<string, MapEntry>();
    for (const pair of node.items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : '';
      const keyOrigin = this.#origin(pair.key.range?.[0] ?? 0);
      const key = keyIn(parent, name);
      const first = entries.get(name);
      if (forbiddenKeys.has(name)) {
        this.#faults.push(faultAt('VDT_CONFIG_FORBIDDEN_KEY', key, keyOrigin, 'a key of this name is not allowed'));
      } else if (first !== undefined) {
        const line = first.origin.source === 'file' ? first.origin.line : 0;
        const message = `the key is already given in line ${line}`;
        this.#faults.push(faultAt('VDT_CONFIG_DUPLICATE_KEY', key, keyOrigin, message));
      } else {
        entries.set(name, { origin: keyOrigin, value: this.#input(pair.value, key, depth + 1) });
      }
    }
    return { kind: 'map', origin, entries };
  }

  #list(node: YAMLSeq<Node>, key: string, depth: number, origin: Origin): Input {
    const items = node.items.map((item, at) => this.#input(item, itemIn(key, at), depth + 1));
    return { kind: 'list', origin, items };
  }

  #scalar(node: Scalar, key: string, origin: Origin): Input {
    const { value } = node;
    if (typeof value !== 'string') {
      return { kind: 'scalar', origin, value: value as number | boolean | null, untyped: false };
    }
    const expansion = expandVariables(value, this.#env, this.#onVariable);
    if ('text' in expansion) return { kind: 'scalar', origin, value: expansion.text, untyped: expansion.replaced };
    const [code, message] =
      'missing' in expansion
        ? (['VDT_CONFIG_MISSING_VARIABLE', missingVariable(expansion.missing)] as const)
        : (['VDT_CONFIG_SYNTAX', malformedReference(expansion.malformed)] as const);
    return this.#broken(() => this.#faults.push(faultAt(code, key, origin, message)), origin);
  }

  #tooDeep(key: string, offset: number): void {
    this.#fault('VDT_CONFIG_TOO_LARGE', key, offset, `sections are nested deeper than ${configLimits.depth} levels`);
  }

  #broken(report: () => void, origin: Origin): Input {
    report();
    return { kind: 'broken', origin };
  }

  #fault(code: ConfigFaultCode, key: string, offset: number, message: string): void {
    this.#faults.push(faultAt(code, key, this.#origin(offset), message));
  }

  #origin(offset: number): Origin {
    const { line, col } = this.#lines.linePos(offset);
    return { source: 'file', path: this.#file.path, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

type Token = ReturnType<Parser['next']> extends Iterable<infer T> ? T : never;

/** What each alias stands for: the last anchor of its name before it. One pass, whatever the document. */
function aliasTargets(document: Document): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Alias: (_key, alias) => {
      const target = anchors.get(alias.source);
      if (target !== undefined) targets.set(alias, target);
    },
    Value: (_key, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function missingVariable(name: string): string {
  return `the environment variable ${name} is not set; set it, or give a default: \${${name}:-default}`;
}

function malformedReference(written: string): string {
  return `${written} is not a reference to a variable; allowed are \${NAME}, \${NAME:-default}, and $\${ for a literal \${`;
}
