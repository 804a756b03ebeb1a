/**
 * JSON as a tree that keeps what parsers lose: digits of numbers, escapes, equal keys. Written for changing text, so that
 * it shares nothing with the parsers that are tested.
 */
export type JsonTree =
  | { readonly kind: 'object'; readonly entries: readonly (readonly [key: string, value: JsonTree])[] }
  | { readonly kind: 'array'; readonly items: readonly JsonTree[] }
  /** The text of a string, number or word, as it stands there. */
  | { readonly kind: 'leaf'; readonly text: string }

const token = /\s*("(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+)/y
/** Of recursion: what is nested deeper is changed as text. */
const maxDepth = 200

/** The tree of a text; undefined where it is not JSON, or too deep. Keys keep their quotes. */
export function treeOf(text: string): JsonTree | undefined {
  token.lastIndex = 0
  const next = () => token.exec(text)?.[1]

  function value(first: string | undefined, depth: number): JsonTree | undefined {
    if (first === undefined || depth > maxDepth) return undefined
    if (first === '[') return array(depth)
    if (first === '{') return object(depth)
    return /^[\]},:]$/.test(first) ? undefined : { kind: 'leaf', text: first }
  }
  function array(depth: number): JsonTree | undefined {
    const items: JsonTree[] = []
    let found = next()
    if (found === ']') return { kind: 'array', items }
    for (;;) {
      const item = value(found, depth + 1)
      if (item === undefined) return undefined
      items.push(item)
      found = next()
      if (found === ']') return { kind: 'array', items }
      if (found !== ',') return undefined
      found = next()
    }
  }
  function object(depth: number): JsonTree | undefined {
    const entries: (readonly [string, JsonTree])[] = []
    let found = next()
    if (found === '}') return { kind: 'object', entries }
    for (;;) {
      if (found === undefined || !found.startsWith('"') || next() !== ':') return undefined
      const held = value(next(), depth + 1)
      if (held === undefined) return undefined
      entries.push([found, held])
      found = next()
      if (found === '}') return { kind: 'object', entries }
      if (found !== ',') return undefined
      found = next()
    }
  }

  const tree = value(next(), 0)
  return tree !== undefined && text.slice(token.lastIndex).trim() === '' ? tree : undefined
}

export function textOf(tree: JsonTree): string {
  if (tree.kind === 'leaf') return tree.text
  if (tree.kind === 'array') return `[${tree.items.map(textOf).join(',')}]`
  return `{${tree.entries.map(([key, value]) => `${key}:${textOf(value)}`).join(',')}}`
}

/** Indices from the root; an object's entries are counted, too. */
export type Path = readonly number[]

export function pathsOf(tree: JsonTree, from: Path = [], found: Path[] = []): Path[] {
  found.push(from)
  childrenOf(tree).forEach((child, i) => {
    pathsOf(child, [...from, i], found)
  })
  return found
}

export function childrenOf(tree: JsonTree): readonly JsonTree[] {
  if (tree.kind === 'array') return tree.items
  return tree.kind === 'object' ? tree.entries.map(([, value]) => value) : []
}

export function at(tree: JsonTree, path: Path): JsonTree {
  return path.reduce((node, i) => childrenOf(node)[i] ?? node, tree)
}

/** The tree with the node at `path` put through `change`; undefined from it takes the node away. */
export function replaced(
  tree: JsonTree,
  path: Path,
  change: (node: JsonTree) => JsonTree | undefined,
): JsonTree | undefined {
  const [first, ...rest] = path
  if (first === undefined) return change(tree)
  if (tree.kind === 'array') {
    return { kind: 'array', items: tree.items.flatMap((item, i) => (i === first ? one(item, rest, change) : [item])) }
  }
  if (tree.kind === 'leaf') return tree
  const entries = tree.entries.flatMap((entry, i) =>
    i === first ? one(entry[1], rest, change).map((value) => [entry[0], value] as const) : [entry],
  )
  return { kind: 'object', entries }
}

function one(node: JsonTree, path: Path, change: (node: JsonTree) => JsonTree | undefined): readonly JsonTree[] {
  const made = replaced(node, path, change)
  return made === undefined ? [] : [made]
}
