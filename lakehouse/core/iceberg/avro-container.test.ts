import { deflateRawSync } from 'node:zlib'
import avro from 'avsc'
import { describe, expect, it } from 'vitest'
import { avroType, encodeContainer } from './avro-container.ts'
import { readContainer } from './read-container.ts'

const schema = {
  type: 'record',
  name: 'r',
  fields: [
    { name: 'id', type: 'long', 'field-id': 7 },
    { name: 'note', type: ['null', 'string'], default: null, 'field-id': 8 },
    { name: 'big', type: ['null', 'long'], default: null, 'field-id': 9 },
  ],
}
const records = [
  { id: 2n ** 62n + 1n, note: null, big: -(2n ** 62n) - 1n },
  { id: 0n, note: 'é', big: null },
]
const encode = (some: readonly unknown[] = records) =>
  encodeContainer({
    schemaJson: JSON.stringify(schema),
    type: avroType(schema),
    records: some,
    header: { extra: 'é'.repeat(100) },
    sync: Buffer.alloc(16, 7),
  })

describe('an Avro container', () => {
  it('gives back its records, 63-bit longs exact, and its header with the field ids', () => {
    const { header, records: read } = readContainer(encode())
    expect(read.map((record) => ({ ...(record as object) }))).toEqual(records)
    expect(header.get('extra')).toBe('é'.repeat(100))
    expect(JSON.parse(header.get('avro.schema') ?? '')).toEqual(schema)
  })

  it('without records has no block', () => {
    expect(readContainer(encode([])).records).toEqual([])
  })

  it('is read by avsc itself, which knows nothing of us', async () => {
    const decoder = new avro.streams.BlockDecoder({ parseHook: (given) => avroType(given) })
    const read: unknown[] = []
    decoder.on('data', (record: object) => read.push({ ...record }))
    decoder.end(encode())
    await new Promise((resolve) => decoder.on('end', resolve))
    expect(read).toEqual(records)
  })

  it('of several blocks, null codec and a header of counted blocks is read too', () => {
    const type = avroType(schema)
    const sync = Buffer.alloc(16, 9)
    const map = (entries: readonly [string, string][]) =>
      Buffer.concat(entries.flatMap(([name, value]) => [text(name), text(value)]))
    const text = (value: string) => Buffer.concat([Buffer.from([value.length * 2]), Buffer.from(value)])
    const small = JSON.stringify({ type: 'record', name: 'r', fields: [] })
    const entries = map([
      ['avro.schema', small],
      ['avro.codec', 'null'],
    ])
    // A block of -2 entries: its length in bytes follows.
    const header = Buffer.concat([
      Buffer.from('Obj\u0001'),
      Buffer.from([3]),
      zigzag(entries.length),
      entries,
      Buffer.from([0]),
      sync,
    ])
    const block = Buffer.concat([Buffer.from([2 * 3, 0]), sync])
    expect(readContainer(Buffer.concat([header, block, block])).records).toHaveLength(6)
    expect(type.isValid(records[0])).toBe(true)
  })

  it('cut or changed anywhere is refused, never read as less', () => {
    const whole = encode()
    const blockStart =
      whole.length - 16 - deflateRawSync(Buffer.concat(records.map((one) => avroType(schema).toBuffer(one)))).length - 2
    for (let length = 0; length < whole.length; length++) {
      if (length === blockStart) continue // a file without its only block is a file without records
      expect(() => readContainer(whole.subarray(0, length)), `cut at ${length}`).toThrow()
    }
    const wrongSync = Buffer.from(whole)
    wrongSync[wrongSync.length - 1] = 0
    expect(() => readContainer(wrongSync)).toThrow('sync marker')
  })

  it('of a codec we do not have is refused by name', () => {
    const bytes = Buffer.from(encode().toString('latin1').replace('deflate', 'zstdard'), 'latin1')
    expect(() => readContainer(bytes)).toThrow('codec zstdard is not supported')
  })
})

function zigzag(value: number): Buffer {
  const bytes: number[] = []
  let rest = value * 2
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return Buffer.from([...bytes, rest])
}
