import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { avroType, encodeContainer } from './avro-container.ts'
import { avroSchemaMaxDepth, avroSchemaMaxParts } from './read-avro.ts'
import { containerMaxHeaderEntries, readContainer } from './read-container.ts'

const sync = Buffer.alloc(16, 7)

/** Zig-zag, as Avro has lengths and counts. */
function long(value: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}
const text = (value: string) => Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)])
const head = (schema: unknown, codec = 'null') =>
  Buffer.concat([
    Buffer.from('Obj\u0001', 'latin1'),
    long(2),
    text('avro.schema'),
    text(JSON.stringify(schema)),
    text('avro.codec'),
    text(codec),
    long(0),
    sync,
  ])
const block = (count: number | bigint, bytes: Buffer) => Buffer.concat([long(count), long(bytes.length), bytes, sync])
const file = (schema: unknown, count: number | bigint, bytes: Buffer) =>
  Buffer.concat([head(schema), block(count, bytes)])
const row = (type: unknown) => ({ type: 'record', name: 'row', fields: [{ name: 'value', type }] })

describe('a container file', () => {
  it('is read as our writer writes it, whatever the values', () => {
    const schema = {
      type: 'record',
      name: 'all',
      fields: [
        { name: 'a', type: 'long' },
        { name: 'b', type: ['null', 'string'] },
        { name: 'c', type: { type: 'array', items: 'int' } },
        { name: 'd', type: 'bytes' },
        { name: 'e', type: { type: 'map', values: 'boolean' } },
        { name: 'f', type: 'double' },
        { name: 'g', type: { type: 'enum', name: 'kind', symbols: ['one', 'two'] } },
        { name: 'h', type: { type: 'fixed', name: 'four', size: 4 } },
      ],
    }
    const records = fc.array(
      fc.record({
        a: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        b: fc.option(fc.string({ unit: 'grapheme' })),
        c: fc.array(fc.integer()),
        d: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        e: fc.constant({}),
        f: fc.double({ noNaN: true }),
        g: fc.constantFrom('one', 'two'),
        h: fc.constant(Buffer.from('abcd')),
      }),
    )
    fc.assert(
      fc.property(records, (given) => {
        const bytes = encodeContainer({
          schemaJson: JSON.stringify(schema),
          type: avroType(schema),
          records: given,
          header: { more: 'x' },
          sync,
        })
        const read = readContainer(bytes)
        expect(read.records).toEqual(given.map((one) => ({ ...one, e: new Map() })))
        expect(read.header.get('more')).toBe('x')
      }),
    )
  })

  it.each<[string, Buffer]>([
    [
      'of 2^60 records that take no bytes',
      file({ type: 'record', name: 'none', fields: [] }, 2n ** 60n, Buffer.alloc(0)),
    ],
    ['with a list of 2^62 nulls', file(row({ type: 'array', items: 'null' }), 1, long(2n ** 62n))],
    ['with a list of 2^40 numbers', file(row({ type: 'array', items: 'int' }), 1, long(2n ** 40n))],
    [
      'with a list of -2^62 numbers',
      file(row({ type: 'array', items: 'int' }), 1, Buffer.concat([long(-(2n ** 62n)), long(0)])),
    ],
    ['with a text of 2^50 bytes', file(row('string'), 1, long(2n ** 50n))],
    ['with a text of -1 bytes', file(row('string'), 1, long(-1))],
    ['with a number of more than 64 bits', file(row('long'), 1, Buffer.alloc(11, 0xff))],
    ['with a block of -1 records', file(row('null'), -1, Buffer.alloc(0))],
    ['with a block longer than the file', Buffer.concat([head(row('int')), long(1), long(2n ** 52n)])],
    ['with bytes behind the last record', file(row('int'), 1, Buffer.from([2, 2]))],
    ['with a union branch that is not there', file(row(['null', 'int']), 1, Buffer.from([8]))],
    ['whose schema holds itself', file(row('row'), 1, Buffer.alloc(9))],
    [
      'with a column that would set a prototype',
      file({ ...row('int'), fields: [{ name: '__proto__', type: 'int' }] }, 1, Buffer.from([2])),
    ],
    ['without a schema', file(null, 1, Buffer.from([2]))],
  ])('%s is refused at once', (_case, bytes) => {
    expect(() => readContainer(bytes)).toThrow(RangeError)
  })

  it('whose schema unfolds to 2^40 values without bytes is refused at once', () => {
    let schema: unknown = { type: 'record', name: 'r0', fields: [] }
    const named: unknown[] = []
    for (let n = 1; n <= 20; n++) {
      const twice = {
        type: 'record',
        name: `r${n}`,
        fields: [
          { name: 'a', type: schema },
          { name: 'b', type: `r${n - 1}` },
          { name: 'c', type: `r${n - 1}` },
          { name: 'd', type: `r${n - 1}` },
        ],
      }
      named.push(twice)
      schema = twice
    }
    expect(() => readContainer(file(schema, 1, Buffer.alloc(0)))).toThrow('more values than its bytes can hold')
  })

  it('that unpacks to more than allowed is refused, at the limit it is read', () => {
    const plain = Buffer.concat([long(990), Buffer.alloc(990, 0x61)])
    const packed = Buffer.concat([head(row('string'), 'deflate'), block(1, deflateRawSync(plain))])
    expect(readContainer(packed, plain.length).records).toHaveLength(1)
    expect(() => readContainer(packed, plain.length - 1)).toThrow('unpacks to more bytes than allowed')
  })

  it('may have a schema of so many levels and parts, not one more', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 'null' : { type: 'array', items: nested(levels - 1) })
    expect(readContainer(file(nested(avroSchemaMaxDepth), 0, Buffer.alloc(0))).records).toEqual([])
    expect(() => readContainer(file(nested(avroSchemaMaxDepth + 1), 0, Buffer.alloc(0)))).toThrow('nested')
    const wide = (parts: number) => Array.from({ length: parts - 1 }, () => 'null')
    expect(readContainer(file(wide(avroSchemaMaxParts), 0, Buffer.alloc(0))).records).toEqual([])
    expect(() => readContainer(file(wide(avroSchemaMaxParts + 1), 0, Buffer.alloc(0)))).toThrow('parts')
  })

  it(`may have ${containerMaxHeaderEntries} header entries, not one more`, () => {
    const entries = (count: number) =>
      Buffer.concat([
        Buffer.from('Obj\u0001', 'latin1'),
        long(count),
        text('avro.schema'),
        text('"null"'),
        ...Array.from({ length: count - 1 }, (_, n) => [text(`k${n}`), text('')]).flat(),
        long(0),
        sync,
      ])
    expect(readContainer(entries(containerMaxHeaderEntries)).header.size).toBe(containerMaxHeaderEntries)
    expect(() => readContainer(entries(containerMaxHeaderEntries + 1))).toThrow('header has more')
  })
})
