/** Changes of JSON text: by its tree, now and then by its bytes. */
import type { Draw } from '../sim/random.ts'
import { at, type JsonTree, type Path, pathsOf, replaced, textOf, treeOf } from './json-tree.ts'
import { inputMaxBytes, mutateBytes } from './mutate-bytes.ts'

/** What a target's documents are made of, beside what the corpus shows. */
export interface JsonWords {
  /** Texts of values: strings with their quotes, numbers, whole lists. */
  readonly values: readonly string[]
  /** Keys, without quotes. */
  readonly keys: readonly string[]
}

const numbers = [
  ...['0', '-0', '1', '-1', '0.5', '1e3', '1e999', '-1e999', '1e-999', '2147483648', '4294967296', '9007199254740991'],
  ...['9007199254740993', '-9007199254740993', '9223372036854775807', '9223372036854775808', '-9223372036854775809'],
  ...['123456789012345678901234567890', '1.7976931348623157e308', '0.1234567891', '1772000000000', '01', '1.', '.5'],
]
const texts = [
  ...[
    '',
    ' ',
    'a',
    '0',
    '1',
    'null',
    'true',
    'now',
    '__proto__',
    'constructor',
    'toString',
    'length',
    'hasOwnProperty',
  ],
  ...[
    "'",
    "';--",
    '%',
    '_',
    '$.a',
    '/',
    '~1',
    '[other]',
    '(other)',
    '\ufeff',
    '\u2028',
    '😀',
    'e\u0301',
    'ü',
    '\u{10ffff}',
  ],
  ...['2026-02-30', '2026-03-29T02:30:00', '2026-03-29T01:30:00Z', '-000001-01-01T00:00:00Z', '+275760-09-13', '24:00'],
  ...['x'.repeat(64), 'x'.repeat(65), 'y'.repeat(300), 'z'.repeat(2_049), '€'.repeat(20_000)],
].map((text) => JSON.stringify(text))
const escapes = ['"\\ud800"', '"\\udc00x"', '"\\u0000"', '"a\\u0000b"', '"\\\\"', '"\\""', '"\\x"', '"\t"', '"\\u12"']
const objects = ['[]', '{}', '[[]]', '{"length":{"toString":1}}', '{"toString":1,"valueOf":1}', '{"length":1e9}']
const leaves = ['null', 'true', 'false', ...numbers, ...texts, ...escapes, ...objects, 'undefined', 'NaN', '']
const strangeKeys = ['__proto__', 'constructor', '', 'toString', 'a/b~c', 'x'.repeat(200), '\\u005f_proto__', '0', 'é']

/** Another document of those of the corpus. */
export function mutateJson(draw: Draw, corpus: readonly Buffer[], words: JsonWords): Buffer {
  const input = draw.of(corpus)
  const other = draw.of(corpus)
  let tree = treeIn(input)
  if (tree === undefined || draw.oneIn(12)) return mutateBytes(draw, input, other)
  const lent = treeIn(other) ?? tree
  for (let left = draw.oneIn(3) ? draw.between(2, 8) : 1; left > 0; left--) tree = changed(draw, tree, lent, words)
  const bytes = Buffer.from(textOf(tree))
  return (draw.oneIn(25) ? mutateBytes(draw, bytes, other) : bytes).subarray(0, inputMaxBytes)
}

// Documents of the corpus are read again and again.
const known = new WeakMap<Buffer, { readonly tree: JsonTree | undefined }>()

function treeIn(input: Buffer): JsonTree | undefined {
  const found = known.get(input) ?? { tree: treeOf(input.toString('utf8')) }
  known.set(input, found)
  return found.tree
}

/** One change of a tree; pieces of `lent` may come into it. */
export function changed(draw: Draw, tree: JsonTree, lent: JsonTree, words: JsonWords): JsonTree {
  const paths = pathsOf(tree)
  const path = draw.of(paths)
  const piece = () => at(lent, draw.of(pathsOf(lent)))
  switch (draw.below(10)) {
    case 0:
      return replaced(tree, path, () => undefined) ?? leaf('null')
    case 1:
      return put(tree, path, leaf(draw.of(leaves)))
    case 2:
    case 9:
      return words.values.length === 0 ? tree : put(tree, path, leaf(draw.of(words.values)))
    case 3:
      return put(tree, path, piece())
    case 4:
      return put(tree, path, at(tree, draw.of(paths)))
    case 5:
      return replaced(tree, path, (node) => grown(draw, node, piece(), words)) ?? tree
    case 6:
      return replaced(tree, path, (node) => nested(draw, node)) ?? tree
    case 7:
      return replaced(tree, path, (node) => renamed(draw, node, words)) ?? tree
    default:
      return replaced(tree, path, (node) => tweaked(draw, node)) ?? tree
  }
}

const leaf = (text: string): JsonTree => ({ kind: 'leaf', text })
const put = (tree: JsonTree, path: Path, node: JsonTree): JsonTree => replaced(tree, path, () => node) ?? tree

function keyOf(draw: Draw, words: JsonWords): string {
  const all = draw.oneIn(3) ? strangeKeys : words.keys
  return all.length === 0 ? '"a"' : JSON.stringify(draw.of(all))
}

function grown(draw: Draw, node: JsonTree, piece: JsonTree, words: JsonWords): JsonTree {
  if (node.kind === 'leaf') return leaf(draw.of(leaves))
  const room = Math.floor(inputMaxBytes / (textOf(piece).length + 2))
  const times = Math.min(room, draw.oneIn(12) ? draw.between(10, 1_100) : 1)
  if (node.kind === 'array') {
    const place = draw.below(node.items.length + 1)
    return { kind: 'array', items: node.items.toSpliced(place, 0, ...Array.from({ length: times }, () => piece)) }
  }
  const own = node.entries.length > 0 && draw.oneIn(3) ? draw.of(node.entries)[0] : keyOf(draw, words)
  const entry = [own, draw.oneIn(2) ? piece : leaf(draw.of(leaves))] as const
  return { kind: 'object', entries: node.entries.toSpliced(draw.below(node.entries.length + 1), 0, entry) }
}

function nested(draw: Draw, node: JsonTree): JsonTree {
  let made = node
  for (let left = draw.of([1, 1, 1, 2, 8, 9, 63, 64, 65, 150]); left > 0; left--) {
    made = draw.oneIn(2) ? { kind: 'array', items: [made] } : { kind: 'object', entries: [['"a"', made]] }
  }
  return made
}

function renamed(draw: Draw, node: JsonTree, words: JsonWords): JsonTree {
  if (node.kind !== 'object' || node.entries.length === 0) return leaf(draw.of(leaves))
  const which = draw.below(node.entries.length)
  const key = keyOf(draw, words)
  return { kind: 'object', entries: node.entries.map((entry, i) => (i === which ? [key, entry[1]] : entry)) }
}

function tweaked(draw: Draw, node: JsonTree): JsonTree {
  if (node.kind === 'array') return { kind: 'array', items: [...node.items].reverse() }
  if (node.kind === 'object') return { kind: 'object', entries: [...node.entries].reverse() }
  if (/^-?\d/.test(node.text)) {
    return leaf(
      draw.of([
        `-${node.text}`,
        `${node.text}0`,
        `${node.text}.5`,
        `${node.text}e1`,
        `"${node.text}"`,
        next(node.text),
      ]),
    )
  }
  if (!node.text.startsWith('"')) return leaf(draw.of(leaves))
  const inside = node.text.slice(1, -1)
  const cut = draw.below(inside.length + 1)
  const added = draw.of([...texts, ...escapes]).slice(1, -1)
  return leaf(`"${draw.oneIn(3) ? inside.slice(0, cut) : `${inside.slice(0, cut)}${added}${inside.slice(cut)}`}"`)
}

function next(text: string): string {
  return /^-?\d+$/.test(text) ? String(BigInt(text) + 1n) : text
}
