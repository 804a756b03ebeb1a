/** Fields of decoded Avro records, each with its type checked: the record may be anybody's. */

export type AvroRecord = Readonly<{ [name: string]: unknown }>

export function recordOf(value: unknown, what: string): AvroRecord {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as AvroRecord
  throw new TypeError(`${what} is not a record`)
}

export function textOf(record: AvroRecord, name: string): string {
  const value = record[name]
  if (typeof value === 'string') return value
  throw new TypeError(`${name} is not a text`)
}

/** A whole number from 0 that is safe. */
export function countOf(record: AvroRecord, name: string): number {
  const value = Number(numeric(record[name], name))
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new RangeError(`${name} is ${value}`)
}

export function longOrNull(record: AvroRecord, name: string): bigint | null {
  const value = record[name] ?? null
  return value === null ? null : BigInt(numeric(value, name))
}

export function optionalList(record: AvroRecord, name: string): readonly unknown[] {
  const value = record[name] ?? null
  if (value === null) return []
  if (Array.isArray(value)) return value
  throw new TypeError(`${name} is not a list`)
}

/** An Iceberg map of counts by field id. */
export function numberMap(record: AvroRecord, name: string): Map<number, number> {
  return mapOf(record, name, (value) => Number(numeric(value, name)))
}

export function bytesMap(record: AvroRecord, name: string): Map<number, Buffer> {
  return mapOf(record, name, (value) => {
    if (Buffer.isBuffer(value)) return value
    throw new TypeError(`${name} has a value that is not bytes`)
  })
}

/** Fields of an Avro schema that is a record; none of any other. */
export function fieldsOf(schema: unknown): AvroRecord[] {
  if (typeof schema !== 'object' || schema === null || !('fields' in schema)) return []
  return Array.isArray(schema.fields) ? schema.fields.map((field) => recordOf(field, 'a field of the schema')) : []
}

function mapOf<T>(record: AvroRecord, name: string, convert: (value: unknown) => T): Map<number, T> {
  return new Map(
    optionalList(record, name).map((pair) => {
      const { key, value } = recordOf(pair, name)
      return [Number(numeric(key, name)), convert(value)]
    }),
  )
}

function numeric(value: unknown, name: string): number | bigint {
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return value
  throw new TypeError(`${name} is not a whole number`)
}
