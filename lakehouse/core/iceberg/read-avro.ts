/**
 * Avro records of files that anybody may have written (Avro 1.11 specification, "Binary Encoding"), by the writer's schema:
 * longs are bigints, unions plain values, bytes buffers. Nothing is believed of a length or a count: a read beyond the end
 * throws at once, and the values of one block are bounded by its bytes, so that neither a block of 2^60 empty items nor a
 * schema that unfolds without end takes more time or memory than the file's size allows.
 */

/** Schema parts that one schema may have, all told; a manifest's has about 60. */
export const avroSchemaMaxParts = 10_000
/** Types within types. */
export const avroSchemaMaxDepth = 32
/** Values of a block that take no bytes (null, an empty record), for each byte it has. */
const valuesPerByte = 4
const spareValues = 1_024

export type AvroReader = (block: AvroBlock) => unknown

/** Bytes being read, from the front. */
export class AvroBlock {
  private at = 0
  private valuesLeft: number

  constructor(private readonly bytes: Buffer) {
    this.valuesLeft = bytes.length * valuesPerByte + spareValues
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length
  }

  /** Counts one value; @throws RangeError where there are more than bytes can hold */
  count(): void {
    if (--this.valuesLeft < 0) throw new RangeError('more values than its bytes can hold')
  }

  byte(): number {
    const byte = this.bytes[this.at++]
    if (byte === undefined) throw new RangeError('a block ends inside a record')
    return byte
  }

  take(length: number): Buffer {
    if (length < 0 || length > this.bytes.length - this.at) throw new RangeError('a block ends inside a record')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  /** Zig-zag, 7 bits a byte, at most 64 bits. */
  long(): bigint {
    let low = 0
    let scale = 1
    for (let n = 0; n < 7; n++) {
      const byte = this.byte()
      low += (byte & 0x7f) * scale
      if (byte < 0x80) return BigInt(low % 2 === 0 ? low / 2 : -(low + 1) / 2)
      scale *= 0x80
    }
    let value = BigInt(low)
    for (let shift = 49n; shift <= 63n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte >= 0x80) continue
      if (value >= 1n << 64n) break
      return (value >> 1n) ^ -(value & 1n)
    }
    throw new RangeError('a number of more than 64 bits')
  }

  /** A long that is a length, a count or an int. */
  int(): number {
    const value = Number(this.long())
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no length`)
    return value
  }
}

/** @throws RangeError where the schema is none, or one without end */
export function compileAvro(schema: unknown): AvroReader {
  return new Compiler().reader(schema, 0)
}

class Compiler {
  private parts = 0
  /** Named types met so far; undefined while one is being made: a type may not hold itself. */
  private readonly named = new Map<string, AvroReader | undefined>()

  reader(schema: unknown, depth: number): AvroReader {
    if (depth > avroSchemaMaxDepth) throw new RangeError(`its schema is nested more than ${avroSchemaMaxDepth} deep`)
    if (++this.parts > avroSchemaMaxParts) throw new RangeError(`its schema has more than ${avroSchemaMaxParts} parts`)
    if (typeof schema === 'string') return primitive(schema) ?? this.earlier(schema)
    if (Array.isArray(schema)) return union(schema.map((branch) => this.reader(branch, depth + 1)))
    const { type, name, fields, items, values, symbols, size } = objectOf(schema)
    const make = (): AvroReader => {
      switch (type) {
        case 'record':
          return record(
            listOf(fields).map((field) => {
              const { name: own, type: ofField } = objectOf(field)
              return { name: fieldName(own), read: this.reader(ofField, depth + 1) }
            }),
          )
        case 'array':
          return array(this.reader(items, depth + 1))
        case 'map':
          return map(this.reader(values, depth + 1))
        case 'enum':
          return enumeration(listOf(symbols))
        case 'fixed':
          return fixed(size)
        default:
          return this.reader(type, depth + 1)
      }
    }
    if (typeof name !== 'string' || (type !== 'record' && type !== 'enum' && type !== 'fixed')) return make()
    this.named.set(name, undefined)
    const reader = make()
    this.named.set(name, reader)
    return reader
  }

  private earlier(name: string): AvroReader {
    const reader = this.named.get(name)
    if (reader !== undefined) return reader
    throw new RangeError(`its schema ${this.named.has(name) ? 'holds itself' : 'has an unknown type'}: ${short(name)}`)
  }
}

function primitive(name: string): AvroReader | undefined {
  switch (name) {
    case 'null':
      return () => null
    case 'boolean':
      return (block) => block.byte() !== 0
    case 'int':
      return (block) => block.int()
    case 'long':
      return (block) => block.long()
    case 'float':
      return (block) => block.take(4).readFloatLE()
    case 'double':
      return (block) => block.take(8).readDoubleLE()
    // A copy: what is kept of a manifest must not keep all of it.
    case 'bytes':
      return (block) => Buffer.from(block.take(block.int()))
    case 'string':
      return (block) => block.take(block.int()).toString('utf8')
    default:
      return undefined
  }
}

function record(fields: readonly { readonly name: string; readonly read: AvroReader }[]): AvroReader {
  return (block) => {
    block.count()
    const value: Record<string, unknown> = {}
    for (const { name, read } of fields) {
      block.count()
      value[name] = read(block)
    }
    return value
  }
}

function array(read: AvroReader): AvroReader {
  return (block) => {
    const list: unknown[] = []
    inBlocks(block, () => list.push(read(block)))
    return list
  }
}

function map(read: AvroReader): AvroReader {
  const key = primitive('string') as AvroReader
  return (block) => {
    const entries = new Map<unknown, unknown>()
    inBlocks(block, () => entries.set(key(block), read(block)))
    return entries
  }
}

function inBlocks(block: AvroBlock, item: () => void): void {
  for (;;) {
    let count = block.int()
    if (count === 0) return
    if (count < 0) {
      // A negative count is followed by the length in bytes.
      count = -count
      block.long()
    }
    for (let n = 0; n < count; n++) {
      block.count()
      item()
    }
  }
}

function union(branches: readonly AvroReader[]): AvroReader {
  return (block) => {
    const read = branches[block.int()]
    if (read === undefined) throw new RangeError('a union has no such branch')
    return read(block)
  }
}

function enumeration(symbols: readonly unknown[]): AvroReader {
  return (block) => {
    const symbol = symbols[block.int()]
    if (symbol === undefined) throw new RangeError('an enum has no such symbol')
    return symbol
  }
}

function fixed(size: unknown): AvroReader {
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw new RangeError('a fixed type has no size')
  return (block) => Buffer.from(block.take(size as number))
}

// `__proto__` would set the prototype of what is read.
function fieldName(name: unknown): string {
  if (typeof name === 'string' && name !== '__proto__') return name
  throw new RangeError(`a field cannot be named ${short(name)}`)
}

function objectOf(schema: unknown): Readonly<Record<string, unknown>> {
  if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema as Record<string, unknown>
  throw new RangeError(`its schema has no type where one belongs: ${short(schema)}`)
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new RangeError('its schema has no list where one belongs')
}

function short(value: unknown): string {
  return String(value).slice(0, 100)
}
