import avro from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PoisonRecordError } from '../../core/errors.ts'
import { singleObjectHeader } from './fingerprint.ts'
import { encodeHitBatch } from './hit-batch.ts'
import { arbitraryBatch } from './hit-batch-under-test.ts'
import { decodeHitPack, encodeHitPack, type HitPack, isHitPack, knownPackSchemas } from './hit-pack.ts'
import { longLimit } from './long-limit.ts'

const [v1] = knownPackSchemas as [(typeof knownPackSchemas)[number]]
const avscType = avro.Type.forSchema(v1 as Parameters<typeof avro.Type.forSchema>[0])
const header = singleObjectHeader(v1)
const place = fc.oneof(
  fc.nat({ max: 300 }),
  fc.nat(),
  fc.integer({ min: 0, max: longLimit - 1 }),
  fc.constant(longLimit - 1),
)
const bytes = fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.from(data))
const arbitraryPack: fc.Arbitrary<HitPack> = fc
  .record({
    log: fc.stringMatching(/^[\x21-\x7e]{1,64}$/),
    entries: fc.uniqueArray(fc.tuple(place, bytes), { selector: ([at]) => at, minLength: 1, maxLength: 20 }),
  })
  .map(({ log, entries }) => {
    const sorted = [...entries].sort(([a], [b]) => a - b)
    return { log, places: sorted.map(([at]) => at), batches: sorted.map(([, data]) => data) }
  })

const pack: HitPack = {
  log: '00112233445566778899aabbccddeeff',
  places: [0, 7, 70_000_000_000],
  batches: [Buffer.from('one'), Buffer.from(''), Buffer.from('three')],
}

describe('a pack', () => {
  it('holds exactly the places and batches that were written', () => {
    fc.assert(
      fc.property(arbitraryPack, (written) => {
        expect(decodeHitPack(encodeHitPack(written))).toEqual(written)
      }),
    )
  })

  it('has the bytes that avsc writes', () => {
    fc.assert(
      fc.property(arbitraryPack, (written) => {
        const expected = Buffer.concat([header, avscType.toBuffer(written)])
        expect(encodeHitPack(written).equals(expected)).toBe(true)
      }),
    )
  })

  it('is read where its arrays are in several blocks, with their sizes', () => {
    const log = Buffer.from([2, 0x61])
    const places = Buffer.from([1, 2, 0, 2, 2, 0]) // count -1, size 1, place 0; count 1, place 1; end
    const batches = Buffer.from([2, 2, 0x78, 1, 4, 2, 0x79, 0])
    expect(decodeHitPack(Buffer.concat([header, log, places, batches]))).toEqual({
      log: 'a',
      places: [0, 1],
      batches: [Buffer.from('x'), Buffer.from('y')],
    })
  })

  // Written by the first version. It must be readable for ever.
  it('of version 1 is read by the newest code', () => {
    const record = Buffer.from(
      'wwE/RGSVUMKA9EAwMDExMjIzMzQ0NTU2Njc3ODg5OWFhYmJjY2RkZWVmZgYADoDwmcWJBAAGBm9uZQAKdGhyZWUA',
      'base64',
    )
    expect(decodeHitPack(record)).toEqual(pack)
    expect(isHitPack(record)).toBe(true)
  })

  it('gives batches that are views of the record', () => {
    const record = encodeHitPack(pack)
    const [first] = decodeHitPack(record).batches
    record[record.indexOf('one')] = 'O'.charCodeAt(0)
    expect(first?.toString()).toBe('One')
  })

  it('is told from a bare batch by its first ten bytes', () => {
    fc.assert(
      fc.property(arbitraryBatch, (batch) => {
        expect(isHitPack(encodeHitBatch(batch))).toBe(false)
      }),
      { numRuns: 20 },
    )
    expect(isHitPack(header)).toBe(true)
    expect(isHitPack(header.subarray(0, 9))).toBe(false)
    expect(isHitPack(Buffer.alloc(0))).toBe(false)
  })
})

describe('what is not a pack', () => {
  it('is refused as poison, whatever its bytes', () => {
    const poison = (value: Buffer) => {
      try {
        decodeHitPack(value)
      } catch (error) {
        expect(error).toBeInstanceOf(PoisonRecordError)
      }
    }
    fc.assert(fc.property(bytes, poison))
    fc.assert(fc.property(bytes, (tail) => poison(Buffer.concat([header, tail]))))
    const changed = fc.record({ from: arbitraryPack, at: fc.nat(), to: fc.nat({ max: 255 }) })
    fc.assert(
      fc.property(changed, ({ from, at, to }) => {
        const record = Buffer.from(encodeHitPack(from))
        record[at % record.length] = to
        poison(record)
      }),
      { numRuns: 1_000 },
    )
  })

  it('is every beginning of a pack, and a pack with a byte behind it', () => {
    const record = encodeHitPack(pack)
    for (let length = 0; length < record.length; length++) {
      expect(() => decodeHitPack(record.subarray(0, length)), `${length}`).toThrow(PoisonRecordError)
    }
    expect(() => decodeHitPack(Buffer.concat([record, Buffer.from([0])]))).toThrow('1 bytes follow')
  })

  it.each([
    ['no batch', { log: 'a', places: [], batches: [] }],
    ['more places than batches', { log: 'a', places: [1, 2], batches: [Buffer.from('x')] }],
    ['more batches than places', { log: 'a', places: [1], batches: [Buffer.from('x'), Buffer.from('y')] }],
    ['places that stand still', { log: 'a', places: [1, 1], batches: [Buffer.from('x'), Buffer.from('y')] }],
    ['places that fall', { log: 'a', places: [2, 1], batches: [Buffer.from('x'), Buffer.from('y')] }],
    ['a place below 0', { log: 'a', places: [-1], batches: [Buffer.from('x')] }],
    ['a place beyond 2^52', { log: 'a', places: [2 ** 52], batches: [Buffer.from('x')] }],
    ['a log without a name', { log: '', places: [1], batches: [Buffer.from('x')] }],
    ['a log with a zero in its name', { log: 'a\0', places: [1], batches: [Buffer.from('x')] }],
    ['a log of 65 letters', { log: 'a'.repeat(65), places: [1], batches: [Buffer.from('x')] }],
  ])('is one with %s', (_what, wrong) => {
    expect(() => encodeHitPack(wrong)).toThrow(TypeError)
    expect(() => decodeHitPack(Buffer.concat([header, avscType.toBuffer(wrong)]))).toThrow(PoisonRecordError)
  })

  it('claims a billion batches at no cost', () => {
    const claim = Buffer.concat([header, Buffer.from([2, 0x61, 0x80, 0xa8, 0xd6, 0xb9, 0x07])])
    expect(() => decodeHitPack(claim)).toThrow(PoisonRecordError)
  })
})
