import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { footerHeadMaxBytes, parquetFacts, readParquetFacts } from './read-parquet-footer.ts'

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.from([...bytes, rest])
}

/** Thrift compact: a schema of one column with a name of so many bytes and field id 7, then 300 rows, then `rest`. */
const footer = (nameBytes: number, rest = Buffer.from([0x19, 0x0c, 0])) =>
  Buffer.concat([
    Buffer.from([0x15, 2, 0x19, 0x1c, 0x48]),
    varint(nameBytes),
    Buffer.alloc(nameBytes, 0x61),
    Buffer.from([0x55, 14, 0, 0x16]),
    varint(600),
    rest,
  ])

async function facts(bytes: Buffer) {
  const objects = memoryObjectStore()
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  const file = Buffer.concat([Buffer.from('PAR1'), bytes, length, Buffer.from('PAR1')])
  await objects.put('a.parquet', file)
  return readParquetFacts(objects, 'a.parquet', file.length)
}

describe('the footer of a Parquet file', () => {
  it('says how many rows there are, and the field ids', async () => {
    expect(await facts(footer(3))).toEqual({ rows: 300, fieldIds: new Set([7]) })
  })

  it('is not read behind the number of rows', async () => {
    expect((await facts(footer(3, Buffer.alloc(100, 0xff)))).rows).toBe(300)
  })

  it(`is read where rows are stated within ${footerHeadMaxBytes} bytes, not one byte later`, async () => {
    const around = footer(100_000, Buffer.alloc(0)).length - 100_000
    const rest = Buffer.alloc(10)
    expect((await facts(footer(footerHeadMaxBytes - around, rest))).rows).toBe(300)
    await expect(facts(footer(footerHeadMaxBytes - around + 1, rest))).rejects.toThrow('its footer ends early')
  })

  it.each<[string, Buffer]>([
    ['without rows', Buffer.from([0x15, 2, 0])],
    ['with a list of 2^48 columns', Buffer.from([0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    [
      'with a list of 2^48 values that take no bytes',
      Buffer.from([0x49, 0xf1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    ],
    ['nested without end', Buffer.alloc(10_000, 0x1c)],
    ['with a type nobody knows', Buffer.from([0x1e, 0])],
    ['with fewer than no rows', Buffer.from([0x36, 1, 0])],
  ])('%s is refused', (_case, bytes) => {
    expect(() => parquetFacts(bytes)).toThrow(RangeError)
  })

  it('of any bytes is read or refused as such', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parquetFacts(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
