/**
 * Avro object container files (Avro 1.11 specification, "Object Container Files"), as Iceberg keeps manifests and manifest
 * lists in. Written by hand, because the header must hold Iceberg's schema JSON with its `field-id` attributes, which
 * avsc's own writer drops; the records themselves are avsc's. Reading: `read-container.ts`.
 */
import { deflateRawSync } from 'node:zlib'
import avro from 'avsc'

const magic = Buffer.from('Obj\u0001', 'latin1')

// 63-bit snapshot ids and counters: every long is a bigint here.
export const longType = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: (value: number) => BigInt(value),
  toJSON: (value: bigint) => Number(value),
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/** The avsc type of an Iceberg Avro schema: longs are bigints, unions with null are plain values or null. */
export function avroType(schema: unknown): avro.Type {
  return avro.Type.forSchema(
    schema as avro.Schema,
    {
      wrapUnions: 'never',
      typeHook: (part) => (part === 'long' || isLong(part) ? longType : undefined),
    } as Parameters<typeof avro.Type.forSchema>[1],
  )
}

// `{"type":"long","logicalType":…}`: the logical type is only a note for us.
function isLong(part: unknown): boolean {
  return typeof part === 'object' && part !== null && (part as { type?: unknown }).type === 'long'
}

/**
 * One file with all records in one block, deflated. `sync` is 16 bytes drawn by the caller.
 * `schemaJson` goes into the header as it stands.
 */
export function encodeContainer(options: {
  readonly schemaJson: string
  readonly type: avro.Type
  readonly records: readonly unknown[]
  readonly header: Readonly<Record<string, string>>
  readonly sync: Uint8Array
}): Buffer {
  const header: Record<string, string> = {
    'avro.schema': options.schemaJson,
    'avro.codec': 'deflate',
    ...options.header,
  }
  const parts: Uint8Array[] = [magic, mapBlock(header), options.sync]
  if (options.records.length > 0) {
    const block = deflateRawSync(Buffer.concat(options.records.map((record) => options.type.toBuffer(record))))
    parts.push(varint(options.records.length), varint(block.length), block, options.sync)
  }
  return Buffer.concat(parts)
}

function mapBlock(entries: Readonly<Record<string, string>>): Buffer {
  const parts: Uint8Array[] = [varint(Object.keys(entries).length)]
  for (const [name, value] of Object.entries(entries)) parts.push(lengthPrefixed(name), lengthPrefixed(value))
  parts.push(varint(0))
  return Buffer.concat(parts)
}

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  return Buffer.concat([varint(bytes.length), bytes])
}

// Zig-zag, 7 bits a byte. Counts and lengths only: they are safe integers.
function varint(value: number): Buffer {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  const bytes: number[] = []
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}
