/**
 * The head of a Parquet file's footer: how many rows it has and which field ids (parquet-format, "File Metadata", Thrift
 * compact protocol). Manifests of unknown origin are held against it, for a file without field ids would read as nulls and
 * one with more rows than stated would pass a budget it should not.
 */
import type { ObjectStore } from '../../../core/ports/object-store.ts'

/** Bytes of the footer that are read: version, schema and number of rows come first; the schema of 50 columns has 3 KB. */
export const footerHeadMaxBytes = 262_144
/** Structs and lists within one another. */
const maxDepth = 16
const magic = 'PAR1'
const tailBytes = 8

export interface ParquetFacts {
  readonly rows: number
  readonly fieldIds: ReadonlySet<number>
}

/** @throws RangeError where the object is no Parquet file that can be read */
export async function readParquetFacts(objects: ObjectStore, name: string, bytes: number): Promise<ParquetFacts> {
  const tail = await objects.getRange(name, Math.max(0, bytes - tailBytes), tailBytes)
  if (tail?.length !== tailBytes || tail.toString('latin1', 4) !== magic) throw new RangeError('it is no Parquet file')
  const length = tail.readUInt32LE()
  if (length + tailBytes + magic.length > bytes)
    throw new RangeError(`its footer has ${length} bytes, more than itself`)
  const head = await objects.getRange(name, bytes - tailBytes - length, Math.min(length, footerHeadMaxBytes))
  return parquetFacts(head ?? Buffer.alloc(0))
}

/** @throws RangeError */
export function parquetFacts(footer: Buffer): ParquetFacts {
  const thrift = new CompactReader(footer)
  const fieldIds = new Set<number>()
  let rows: number | undefined
  for (const [id, type] of thrift.fields()) {
    if (id === 2 && type === types.list) {
      for (const element of thrift.elements()) {
        if (element !== types.struct) throw new RangeError('its schema is not one')
        for (const [part, partType] of thrift.fields()) {
          if (part === 9 && partType === types.i32) fieldIds.add(thrift.zigzag())
          else thrift.skip(partType, 0)
        }
      }
    } else if (id === 3 && type === types.i64) {
      rows = thrift.zigzag()
      // What follows, the row groups, may be long and is not looked at.
      break
    } else thrift.skip(type, 0)
  }
  if (rows === undefined || rows < 0) throw new RangeError('its footer states no number of rows')
  return { rows, fieldIds }
}

const types = { true: 1, false: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, set: 10, struct: 12 }

class CompactReader {
  private at = 0

  constructor(private readonly bytes: Buffer) {}

  /** Ids and types of a struct's fields; whoever iterates reads each value before the next. */
  *fields(): Generator<readonly [number, number]> {
    let id = 0
    for (;;) {
      const head = this.byte()
      if (head === 0) return
      id = head >> 4 === 0 ? this.zigzag() : id + (head >> 4)
      yield [id, head & 0x0f]
    }
  }

  /** Type of each element of a list. */
  *elements(): Generator<number> {
    const head = this.byte()
    const count = head >> 4 === 15 ? this.varint() : head >> 4
    for (let n = 0; n < count; n++) yield head & 0x0f
  }

  skip(type: number, depth: number): void {
    if (depth > maxDepth) throw new RangeError('its footer is nested too deep')
    switch (type) {
      case types.true:
      case types.false:
        return
      case types.byte:
        this.forward(1)
        return
      case types.i16:
      case types.i32:
      case types.i64:
        this.varint()
        return
      case types.double:
        this.forward(8)
        return
      case types.binary:
        this.forward(this.varint())
        return
      case types.list:
      case types.set:
        // In a list a boolean takes a byte.
        for (const element of this.elements()) this.skip(element <= types.false ? types.byte : element, depth + 1)
        return
      case types.struct:
        for (const [, part] of this.fields()) this.skip(part, depth + 1)
        return
      default:
        throw new RangeError(`its footer has a value of type ${type}`)
    }
  }

  zigzag(): number {
    const value = this.varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  private varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte()
      if (scale > 2 ** 63) throw new RangeError('a number of more than 64 bits')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  private forward(length: number): void {
    if (length > this.bytes.length - this.at) throw new RangeError('its footer ends early')
    this.at += length
  }

  private byte(): number {
    const byte = this.bytes[this.at++]
    if (byte === undefined) throw new RangeError('its footer ends early')
    return byte
  }
}
