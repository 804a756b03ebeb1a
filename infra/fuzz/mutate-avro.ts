/**
 * Changes of Avro values that know their schema: a count that lies, a branch that is none, an item twice, a value of
 * another record. A reader of its own finds the places, so that a bug of the readers under test is not shared.
 */
import type { Draw } from '../sim/random.ts'
import { mutateBytes } from './mutate-bytes.ts'

type Schema = string | readonly Schema[] | SchemaObject
interface SchemaObject {
  readonly type: Schema
  readonly name?: string
  readonly namespace?: string
  readonly fields?: readonly { readonly name: string; readonly type: Schema }[]
  readonly items?: Schema
  readonly values?: Schema
  readonly size?: number
}

/** A stretch of bytes and what it means; `type` tells which two may be exchanged. */
interface Span {
  readonly type: string
  readonly start: number
  readonly end: number
}

/** The schema as the corpus' bytes are of it; values may be a whole number of records one after the other. */
export function mutateAvro(draw: Draw, schema: unknown, body: Buffer, others: readonly Buffer[]): Buffer {
  const spans = spansOf(schema, body)
  if (spans === undefined || spans.length === 0 || draw.oneIn(15)) return mutateBytes(draw, body, draw.of(others))
  const span = draw.of(spans)
  const changed = replacement(draw, span, body, spans, schema, others)
  return Buffer.concat([body.subarray(0, span.start), changed, body.subarray(span.end)])
}

const longs = [
  ...[0n, -1n, 1n, 2n, 3n, -2n, 63n, 64n, -64n, -65n, 2n ** 31n - 1n, 2n ** 31n, -(2n ** 31n) - 1n, 2n ** 40n],
  ...[2n ** 52n - 1n, 2n ** 52n, -(2n ** 52n), 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n],
  ...[-(2n ** 63n)],
]
const texts = ['', '__proto__', 'constructor', 'a', '\u0000', '😀', 'x'.repeat(300)].map((text) => Buffer.from(text))
const noText = [Buffer.from([0xff]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0xc0, 0x80])]
const doubles = [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 1.7e308, 2 ** 53]

function replacement(
  draw: Draw,
  { type, start, end }: Span,
  body: Buffer,
  spans: readonly Span[],
  schema: unknown,
  others: readonly Buffer[],
): Buffer {
  const own = body.subarray(start, end)
  if (draw.oneIn(4)) {
    const [lender, from] = draw.oneIn(2) ? [body, spans] : lent(draw, schema, others)
    const alike = (from ?? []).filter((each) => each.type === type)
    const found = alike.length === 0 ? undefined : draw.of(alike)
    if (found !== undefined) return lender.subarray(found.start, found.end)
  }
  switch (type) {
    case 'long':
    case 'count':
    case 'length':
    case 'branch':
    case 'symbol':
      return draw.oneIn(8) ? strangeLong(draw, own) : zigzag(draw.oneIn(3) ? near(draw, own) : draw.of(longs))
    case 'string':
    case 'bytes': {
      const text = draw.oneIn(3) ? draw.of(noText) : draw.of(texts)
      return Buffer.concat([zigzag(BigInt(text.length)), text])
    }
    case 'double': {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(draw.of(doubles))
      return bytes
    }
    case 'boolean':
      return Buffer.from([draw.of([0, 1, 2, 255])])
    case 'item':
      return draw.oneIn(2) ? Buffer.alloc(0) : Buffer.concat([own, own])
    case 'blocks':
      return draw.of([Buffer.from([0]), sized(own), Buffer.concat([own.subarray(0, -1), own]), zigzag(draw.of(longs))])
    default:
      return draw.oneIn(2) ? Buffer.concat([own, own]) : mutateBytes(draw, own, draw.of(others))
  }
}

function lent(draw: Draw, schema: unknown, others: readonly Buffer[]): [Buffer, readonly Span[] | undefined] {
  const lender = draw.of(others)
  return [lender, spansOf(schema, lender)]
}

/** The same blocks, the first with a negative count and a size that is somewhere near. */
function sized(blocks: Buffer): Buffer {
  const cursor = { bytes: blocks, at: 0 }
  const count = readLong(cursor)
  if (count === undefined || count <= 0n) return Buffer.from([1, 0, 0])
  const rest = blocks.subarray(cursor.at)
  return Buffer.concat([zigzag(-count), zigzag(BigInt(rest.length - 1)), rest])
}

function near(draw: Draw, own: Buffer): bigint {
  return (readLong({ bytes: own, at: 0 }) ?? 0n) + BigInt(draw.of([-1, 1, 1, 2, 100]))
}

/** Longer than needed, or than any number is. */
function strangeLong(draw: Draw, own: Buffer): Buffer {
  const last = own.at(-1) ?? 0
  const long = [...own.subarray(0, -1), last | 0x80, ...Array.from({ length: draw.between(0, 12) }, () => 0x80), 0]
  return draw.oneIn(2) ? Buffer.from(long) : Buffer.alloc(draw.between(8, 12), 0xff)
}

export function zigzag(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  const bytes: number[] = []
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

/** Undefined where the bytes end first, or it takes more than ten. */
export function readLong(cursor: Cursor): bigint | undefined {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes[cursor.at++]
    if (byte === undefined) return undefined
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return (value >> 1n) ^ -(value & 1n)
  }
  return undefined
}

// Bodies of the corpus are walked again and again.
const known = new WeakMap<Buffer, { readonly schema: unknown; readonly spans: readonly Span[] | undefined }>()

/** Places of all values, inner ones too; undefined where the bytes are no values of the schema. */
export function spansOf(schema: unknown, bytes: Buffer): readonly Span[] | undefined {
  const found = known.get(bytes)
  if (found !== undefined && found.schema === schema) return found.spans
  const spans = walked(schema, bytes)
  known.set(bytes, { schema, spans })
  return spans
}

function walked(schema: unknown, bytes: Buffer): readonly Span[] | undefined {
  const walk = new Walk(bytes)
  try {
    do walk.value(schema as Schema, '')
    while (walk.at < bytes.length)
    return walk.spans
  } catch {
    return undefined
  }
}

/** A value has at most so many places: a corpus is small. */
const maxSpans = 20_000

class Walk implements Cursor {
  at = 0
  readonly spans: Span[] = []
  private readonly named = new Map<string, Schema>()

  constructor(readonly bytes: Buffer) {}

  value(schema: Schema, namespace: string): void {
    const start = this.at
    const type = this.inner(schema, namespace)
    if (this.at > this.bytes.length || this.spans.length > maxSpans) throw new RangeError('no value of the schema')
    if (this.at > start) this.spans.push({ type, start, end: this.at })
  }

  private long(type: string): number {
    const start = this.at
    const value = Number(readLong(this) ?? Number.NaN)
    if (!Number.isSafeInteger(value)) throw new RangeError('no number')
    this.spans.push({ type, start, end: this.at })
    return value
  }

  /** Name of the type. */
  private inner(schema: Schema, namespace: string): string {
    if (Array.isArray(schema)) {
      const branch = (schema as readonly Schema[])[this.long('branch')]
      if (branch === undefined) throw new RangeError('no branch')
      this.value(branch, namespace)
      return JSON.stringify(schema).slice(0, 60)
    }
    if (typeof schema === 'string') return this.primitive(schema, namespace)
    const node = schema as SchemaObject
    const inside = node.namespace ?? namespace
    if (node.name !== undefined) {
      this.named.set(node.name, node)
      this.named.set(`${inside}.${node.name}`, node)
    }
    switch (node.type) {
      case 'record':
        for (const field of node.fields ?? []) this.value(field.type, inside)
        return node.name ?? 'record'
      case 'enum':
        this.long('symbol')
        return node.name ?? 'enum'
      case 'fixed':
        this.at += node.size ?? 0
        return node.name ?? 'fixed'
      case 'array':
        return this.blocks(() => this.value(node.items as Schema, inside))
      case 'map':
        return this.blocks(() => {
          this.primitive('string', inside)
          this.value(node.values as Schema, inside)
        })
      default:
        return this.inner(node.type, inside)
    }
  }

  private primitive(name: string, namespace: string): string {
    switch (name) {
      case 'null':
        return name
      case 'boolean':
        this.at += 1
        return name
      case 'int':
      case 'long':
        if (readLong(this) === undefined) throw new RangeError('no number')
        return 'long'
      case 'float':
        this.at += 4
        return name
      case 'double':
        this.at += 8
        return name
      case 'string':
      case 'bytes': {
        const length = this.long('length')
        if (length < 0) throw new RangeError('no length')
        this.at += length
        return name
      }
      default: {
        const known = this.named.get(name) ?? this.named.get(`${namespace}.${name}`)
        if (known === undefined) throw new RangeError(`no type ${name}`)
        return this.inner(known, namespace)
      }
    }
  }

  private blocks(item: () => void): string {
    for (;;) {
      let count = this.long('count')
      if (count === 0) return 'blocks'
      if (count < 0) {
        count = -count
        this.long('length')
      }
      for (let i = 0; i < count; i++) {
        const start = this.at
        item()
        this.spans.push({ type: 'item', start, end: this.at })
        if (this.at > this.bytes.length || this.spans.length > maxSpans) throw new RangeError('no value of the schema')
      }
    }
  }
}
