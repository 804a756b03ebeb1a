/**
 * Walks Avro bytes without making values of them: checks that every length, count, branch and symbol is one the schema
 * allows and that nothing is left over, and picks three facts of a batch on the way. What passes here cannot send a
 * decoder beyond its bytes or into a loop over a count that a damaged or hostile record claims.
 */
import { PoisonRecordError } from '../../core/errors.ts'
import { type AvroObject, type AvroSchema, fullName, innerNamespace } from './fingerprint.ts'
import { longLimit } from './long-limit.ts'

/** What a ledger needs of a record: whose it is, when it was taken, how many hits it holds. */
export interface BatchFacts {
  readonly merchant: string
  readonly received: number
  readonly hits: number
}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

/** Moves the cursor past one value. Returns the number of items for an array, the number for a long, else 0. */
type Skip = (cursor: Cursor) => number

/** A walker for a batch schema. It starts at `from` and must end where the bytes end. @throws PoisonRecordError */
export function compileSkim(schema: AvroObject): (bytes: Buffer, from: number) => BatchFacts {
  const named = new Map<string, Skip>()
  const namespace = innerNamespace(schema, '')
  const fields = (schema.fields ?? []).map(({ name, type }) => ({ name, skip: compile(type, namespace, named) }))
  return (bytes, from) => {
    const cursor = { bytes, at: from }
    const facts = { merchant: '', received: 0, hits: 0 }
    for (const { name, skip } of fields) {
      const start = cursor.at
      const value = skip(cursor)
      if (name === 'merchant') facts.merchant = stringAt(bytes, start)
      else if (name === 'received') facts.received = value
      else if (name === 'hits') facts.hits = value
    }
    if (cursor.at !== bytes.length) throw new PoisonRecordError(`${bytes.length - cursor.at} bytes follow the batch`)
    return facts
  }
}

/**
 * A walker for any schema of ours, of which only the end is told. Longs may have 64 bits: whoever decodes them says which
 * it holds. @throws PoisonRecordError
 */
export function compileCheck(schema: AvroObject): (bytes: Buffer, from: number) => void {
  const skip = compile(schema, innerNamespace(schema, ''), new Map([['long', skipLong64]]))
  return (bytes, from) => {
    const cursor = { bytes, at: from }
    skip(cursor)
    if (cursor.at !== bytes.length) throw new PoisonRecordError(`${bytes.length - cursor.at} bytes follow the record`)
  }
}

function compile(schema: AvroSchema, namespace: string, named: Map<string, Skip>): Skip {
  if (typeof schema === 'string') return skipByName(schema, namespace, named)
  if (Array.isArray(schema)) return union(schema.map((branch) => compile(branch, namespace, named)))
  const node = schema as AvroObject
  if (node.type === 'record') return record(node, namespace, named)
  if (node.type === 'enum') {
    const skip = symbol(node.symbols?.length ?? 0)
    named.set(fullName(node.name ?? '', innerNamespace(node, namespace)), skip)
    return skip
  }
  if (node.type === 'array') return blocks(compile(node.items ?? 'null', namespace, named), undefined)
  if (node.type === 'map') return blocks(compile(node.values ?? 'null', namespace, named), skipKey)
  if (node.type === 'long' && node.logicalType === 'micros') return skipLong64
  return compile(node.type, namespace, named)
}

function skipByName(name: string, namespace: string, named: Map<string, Skip>): Skip {
  const skip = {
    ...{ null: skipNull, boolean: skipBoolean, int: readInt, long: readLong, double: skipDouble },
    ...{ bytes: skipString, string: skipString },
  }[name]
  const found = named.get(name) ?? skip ?? named.get(fullName(name, namespace))
  if (found === undefined) throw new TypeError(`no rule to skip the Avro type ${name}; add one to skim.ts`)
  return found
}

function record(node: AvroObject, namespace: string, named: Map<string, Skip>): Skip {
  const inner = innerNamespace(node, namespace)
  const skips = (node.fields ?? []).map((field) => compile(field.type, inner, named))
  const skip: Skip = (cursor) => {
    for (const skipField of skips) skipField(cursor)
    return 0
  }
  named.set(fullName(node.name ?? '', inner), skip)
  return skip
}

function union(branches: readonly Skip[]): Skip {
  return (cursor) => {
    const skip = branches[readLong(cursor)]
    if (skip === undefined) throw new PoisonRecordError(`no such branch of a union before byte ${cursor.at}`)
    return skip(cursor)
  }
}

function symbol(count: number): Skip {
  return (cursor) => {
    const index = readLong(cursor)
    if (index < 0 || index >= count) throw new PoisonRecordError(`no such symbol of an enum before byte ${cursor.at}`)
    return 0
  }
}

/** Arrays and maps: blocks of a count and so many items, ended by a count of 0; a negative count is followed by a size. */
function blocks(skipItem: Skip, skipName: Skip | undefined): Skip {
  return (cursor) => {
    let total = 0
    for (;;) {
      let count = readLong(cursor)
      if (count === 0) return total
      if (count < 0) {
        count = -count
        readLong(cursor)
      }
      // Every item of ours takes a byte at least: a count that is a lie ends where the record does.
      total += count
      for (let i = 0; i < count; i++) {
        if (skipName !== undefined) skipName(cursor)
        skipItem(cursor)
      }
    }
  }
}

const skipNull: Skip = () => 0

const skipBoolean: Skip = (cursor) => {
  const byte = cursor.bytes[cursor.at++]
  if (byte === undefined) throw truncated(cursor)
  if (byte > 1) throw new PoisonRecordError(`neither true nor false at byte ${cursor.at - 1}`)
  return 0
}

const skipDouble: Skip = (cursor) => advance(cursor, 8)

const skipString: Skip = (cursor) => advance(cursor, readLong(cursor))

// An object literal that decodes this key would change its own prototype instead of holding it: avsc does.
const prototypeKey = Buffer.from('__proto__')

const skipKey: Skip = (cursor) => {
  const length = readLong(cursor)
  const start = cursor.at
  advance(cursor, length)
  if (length === prototypeKey.length && prototypeKey.compare(cursor.bytes, start, cursor.at) === 0) {
    throw new PoisonRecordError('a property is named __proto__')
  }
  return 0
}

function advance(cursor: Cursor, byteCount: number): number {
  if (byteCount < 0 || byteCount > cursor.bytes.length - cursor.at) throw truncated(cursor)
  cursor.at += byteCount
  return 0
}

/** A zigzag varint that a JavaScript number holds exactly. */
function readLong(cursor: Cursor): number {
  const { bytes } = cursor
  const first = bytes[cursor.at++]
  if (first === undefined) throw truncated(cursor)
  if (first < 0x80) return first & 1 ? -(first >> 1) - 1 : first >> 1
  let value = first & 0x7f
  let scale = 128
  for (;;) {
    const byte = bytes[cursor.at++]
    if (byte === undefined) throw truncated(cursor)
    value += (byte & 0x7f) * scale
    if (byte < 0x80) break
    scale *= 128
    if (scale > 2 ** 56) throw new PoisonRecordError(`a number beyond 2^52 before byte ${cursor.at}`)
  }
  // Zigzag doubles the number, which is exact up to 2^53; avsc misreads larger ones.
  if (value >= 2 * longLimit - 1) throw new PoisonRecordError(`a number beyond 2^52 before byte ${cursor.at}`)
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2
}

function readInt(cursor: Cursor): number {
  const value = readLong(cursor)
  if (value !== (value | 0)) throw new PoisonRecordError(`a number beyond 32 bits before byte ${cursor.at}`)
  return value
}

/** A zigzag varint of up to 64 bits, for values that are decoded as bigint. */
const skipLong64: Skip = (cursor) => {
  const start = cursor.at
  for (;;) {
    const byte = cursor.bytes[cursor.at++]
    if (byte === undefined) throw truncated(cursor)
    const length = cursor.at - start
    if (length > 10 || (length === 10 && byte > 1))
      throw new PoisonRecordError(`a number beyond 64 bits at byte ${start}`)
    if (byte < 0x80) return 0
  }
}

function stringAt(bytes: Buffer, at: number): string {
  const cursor = { bytes, at }
  const length = readLong(cursor)
  return bytes.toString('utf8', cursor.at, cursor.at + length)
}

function truncated(cursor: Cursor): PoisonRecordError {
  return new PoisonRecordError(
    `it ends before byte ${Math.max(cursor.at, cursor.bytes.length)}, in the middle of a value`,
  )
}
