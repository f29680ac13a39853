/** What a {@link SubjectIndex} holds; the index writes `indexMark`, so a target belongs to one index only. */
export interface Indexed {
  indexMark: number;
}

interface Node<T> {
  readonly children: Map<string, Node<T>>;
  /** Below `*`. */
  star: Node<T> | undefined;
  /** Targets whose pattern ends here. */
  readonly here: T[];
  /** Targets whose pattern ends here with `>`. */
  readonly below: T[];
}

/**
 * Finds whom a subject concerns by walking its tokens once, however many patterns there are. Same matching as
 * `matchSubject` of `@vedette/model`; patterns and subjects are taken as valid.
 */
export class SubjectIndex<T extends Indexed> {
  readonly #root: Node<T> = createNode();
  #mark = 0;

  add(pattern: string, target: T): void {
    target.indexMark = 0;
    const tokens = pattern.split('.');
    const rest = tokens.at(-1) === '>';
    if (rest) tokens.pop();
    let node = this.#root;
    for (const token of tokens) node = childOf(node, token);
    (rest ? node.below : node.here).push(target);
  }

  /** Takes one `add` of this pattern and target back; nothing happens if there was none. */
  remove(pattern: string, target: T): void {
    const tokens = pattern.split('.');
    prune(this.#root, tokens, 0, target);
  }

  /** Appends to `into` every target with a matching pattern, each once. */
  match(subject: string, into: T[]): void {
    this.#mark++;
    this.#walk(this.#root, subject, 0, into);
  }

  #walk(node: Node<T>, subject: string, from: number, into: T[]): void {
    if (node.below.length > 0) this.#collect(node.below, into);
    const dot = subject.indexOf('.', from);
    const child = node.children.get(dot === -1 ? subject.slice(from) : subject.slice(from, dot));
    if (child !== undefined) this.#enter(child, subject, dot, into);
    if (node.star !== undefined) this.#enter(node.star, subject, dot, into);
  }

  #enter(node: Node<T>, subject: string, dot: number, into: T[]): void {
    if (dot === -1) this.#collect(node.here, into);
    else this.#walk(node, subject, dot + 1, into);
  }

  #collect(targets: readonly T[], into: T[]): void {
    for (const target of targets) {
      if (target.indexMark === this.#mark) continue;
      target.indexMark = this.#mark;
      into.push(target);
    }
  }
}

function createNode<T>(): Node<T> {
  return { children: new Map(), star: undefined, here: [], below: [] };
}

function childOf<T>(node: Node<T>, token: string): Node<T> {
  if (token === '*') {
    node.star ??= createNode();
    return node.star;
  }
  const existing = node.children.get(token);
  if (existing !== undefined) return existing;
  const child = createNode<T>();
  node.children.set(token, child);
  return child;
}

/** Removes the target at the end of the path and, on the way back, the nodes that hold nothing any more. */
function prune<T>(node: Node<T>, tokens: readonly string[], at: number, target: T): void {
  const token = tokens[at];
  if (token === undefined || (token === '>' && at === tokens.length - 1)) {
    const held = token === undefined ? node.here : node.below;
    const index = held.indexOf(target);
    if (index !== -1) held.splice(index, 1);
    return;
  }
  const child = token === '*' ? node.star : node.children.get(token);
  if (child === undefined) return;
  prune(child, tokens, at + 1, target);
  if (child.children.size > 0 || child.star || child.here.length > 0 || child.below.length > 0) return;
  if (token === '*') node.star = undefined;
  else node.children.delete(token);
}
