/** Avro object container files taken apart and put together again, by code that shares nothing with the readers. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Draw } from '../sim/random.ts'
import { mutateAvro, readLong, zigzag } from './mutate-avro.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { mutateJson } from './mutate-json.ts'

const magic = Buffer.from('Obj\u0001', 'latin1')
const syncBytes = 16
const plainMaxBytes = 4 * 1024 * 1024

export interface ContainerParts {
  readonly header: readonly (readonly [name: string, value: Buffer])[]
  readonly sync: Buffer
  /** Count of records, and their bytes unpacked. */
  readonly count: bigint
  readonly body: Buffer
}

/** Of a file of one block at most, deflated: as our writer makes them. Undefined for others. */
export function containerParts(bytes: Buffer): ContainerParts | undefined {
  const cursor = { bytes, at: magic.length }
  const take = (): Buffer => {
    const length = Number(readLong(cursor) ?? -1n)
    if (length < 0 || cursor.at + length > bytes.length) throw new RangeError('no container')
    cursor.at += length
    return bytes.subarray(cursor.at - length, cursor.at)
  }
  try {
    const header: [string, Buffer][] = []
    for (let left = Number(readLong(cursor) ?? 0n); left > 0; left--) header.push([take().toString('utf8'), take()])
    readLong(cursor)
    const sync = bytes.subarray(cursor.at, cursor.at + syncBytes)
    cursor.at += syncBytes
    if (cursor.at >= bytes.length) return { header, sync, count: 0n, body: Buffer.alloc(0) }
    const count = readLong(cursor) ?? 0n
    return { header, sync, count, body: inflateRawSync(take(), { maxOutputLength: plainMaxBytes }) }
  } catch {
    return undefined
  }
}

export function containerOf({ header, sync, count, body }: ContainerParts): Buffer {
  const text = (value: Buffer) => Buffer.concat([zigzag(BigInt(value.length)), value])
  const entries = header.flatMap(([name, value]) => [text(Buffer.from(name)), text(value)])
  const packed = header.some(([name, value]) => name === 'avro.codec' && value.toString() === 'null')
    ? body
    : deflateRawSync(body)
  const block = [zigzag(count), text(packed), sync]
  return Buffer.concat([magic, zigzag(BigInt(header.length)), ...entries, zigzag(0n), sync, ...block])
}

const schemaWords = {
  values: [
    '"null"',
    '"long"',
    '"int"',
    '"string"',
    '"bytes"',
    '"record"',
    '"array"',
    '"map"',
    '"enum"',
    '"fixed"',
    '["null","long"]',
    '"manifest_entry"',
  ],
  keys: ['type', 'name', 'fields', 'items', 'values', 'symbols', 'size', 'namespace', 'logicalType', 'field-id'],
}

/** Another file: records changed by their schema, the schema itself, the header, or bytes. */
export function mutateContainer(draw: Draw, corpus: readonly Buffer[]): Buffer {
  const input = draw.of(corpus)
  const parts = containerParts(input)
  if (parts === undefined || draw.oneIn(8)) return mutateBytes(draw, input, draw.of(corpus))
  const schemaText = parts.header.find(([name]) => name === 'avro.schema')?.[1] ?? Buffer.alloc(0)
  const changedHeader = (name: string, value: Buffer) =>
    parts.header.map((entry) => (entry[0] === name ? ([name, value] as const) : entry))
  switch (draw.below(8)) {
    case 0:
      return containerOf({
        ...parts,
        header: changedHeader('avro.schema', mutateJson(draw, [schemaText], schemaWords)),
      })
    case 1:
      return containerOf({
        ...parts,
        header: changedHeader('avro.codec', Buffer.from(draw.of(['null', 'snappy', 'zstandard', '']))),
      })
    case 2:
      return containerOf({
        ...parts,
        count: draw.of([0n, -1n, parts.count + 1n, parts.count * 2n, 2n ** 53n, 2n ** 62n]),
      })
    case 3:
      return containerOf({ ...parts, count: parts.count * 2n, body: Buffer.concat([parts.body, parts.body]) })
    default: {
      const schema = schemaOf(schemaText)
      let { body } = parts
      for (let left = draw.oneIn(3) ? draw.between(2, 4) : 1; left > 0; left--)
        body = mutateAvro(draw, schema, body, [parts.body])
      return containerOf({ ...parts, body })
    }
  }
}

const schemas = new Map<string, unknown>()

function schemaOf(text: Buffer): unknown {
  const key = text.toString('utf8')
  if (!schemas.has(key)) schemas.set(key, JSON.parse(key))
  return schemas.get(key)
}
