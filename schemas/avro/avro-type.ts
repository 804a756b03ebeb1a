/** How Avro's types are held in JavaScript. */
import avro from 'avsc'
import type { AvroObject } from './fingerprint.ts'

const scratch = Buffer.alloc(8)

/** 64-bit integers as bigint: money in micros passes 2^53, times do not. */
const micros = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    scratch.writeBigInt64LE(value)
    return scratch
  },
  fromJSON: (value: unknown) => BigInt(value as number),
  toJSON: (value: bigint) => Number(value),
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
})

/** The avsc type of a schema of ours: unions unwrapped, plain records, `micros` as bigint. */
export function avroType(schema: AvroObject): avro.Type {
  return avro.Type.forSchema(
    schema as Parameters<typeof avro.Type.forSchema>[0],
    {
      omitRecordMethods: true,
      wrapUnions: 'never',
      typeHook: (node) => (isMicros(node) ? micros : undefined),
    } as Parameters<typeof avro.Type.forSchema>[1],
  )
}

function isMicros(node: unknown): boolean {
  return typeof node === 'object' && node !== null && (node as AvroObject).logicalType === 'micros'
}
