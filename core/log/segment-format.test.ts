import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Offset } from '../ids.ts'
import {
  checkFrame,
  decodeSegmentHeader,
  encodeSegmentHeader,
  frameBytes,
  frameHeaderBytes,
  framePlace,
  payloadLimitBytes,
  segmentBase,
  segmentName,
  writeFrame,
} from './segment-format.ts'

const offset = fc.maxSafeNat() as fc.Arbitrary<number> as fc.Arbitrary<Offset>
const salt = fc.integer({ min: 0, max: 0xffff_ffff })

describe('the format of a segment', () => {
  it('gives a header back as it was, up to the largest offset', () => {
    const header = fc.record({
      id: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
      salt,
      base: offset,
      previous: fc.option(fc.record({ base: offset, bytes: fc.maxSafeNat() })),
    })
    fc.assert(
      fc.property(header, (one) => {
        expect(decodeSegmentHeader(encodeSegmentHeader(one))).toEqual(one)
      }),
    )
  })

  it('gives a record back as it was, and knows it from every other offset and salt', () => {
    const record = fc.record({
      salt,
      offset,
      indexInGroup: fc.nat({ max: 100_000 }),
      bytes: fc.uint8Array({ maxLength: 300 }),
      at: fc.nat({ max: 40 }),
    })
    fc.assert(
      fc.property(record, ({ at, bytes, ...place }) => {
        const target = Buffer.alloc(at + frameHeaderBytes + bytes.length + 3)
        writeFrame(target, at, place, bytes)
        expect(checkFrame(target, at, place.salt, place.offset)).toBe('whole')
        expect(frameBytes(target, at)).toBe(frameHeaderBytes + bytes.length)
        expect(framePlace(target, at)).toEqual({ offset: place.offset, groupFirst: place.offset - place.indexInGroup })
        expect(target.subarray(at + frameHeaderBytes, at + frameHeaderBytes + bytes.length)).toEqual(Buffer.from(bytes))
        expect(checkFrame(target, at, place.salt, place.offset + 1)).toBe('wrong offset')
        expect(checkFrame(target, at, (place.salt ^ 1) >>> 0, place.offset)).toBe('bad crc')
        for (let end = at; end < at + frameHeaderBytes + bytes.length; end++) {
          expect(checkFrame(target.subarray(0, end), at, place.salt, place.offset)).toBe('incomplete')
        }
      }),
    )
  })

  it('refuses a length that no record has, before anybody allocates it', () => {
    const target = Buffer.alloc(frameHeaderBytes)
    writeFrame(target, 0, { salt: 1, offset: 0, indexInGroup: 0 }, Buffer.alloc(0))
    target.writeUInt32LE(payloadLimitBytes + 1, 8)
    expect(checkFrame(target, 0, 1, 0)).toBe('bad length')
    target.writeUInt32LE(payloadLimitBytes, 8)
    expect(checkFrame(target, 0, 1, 0)).toBe('incomplete')
  })

  it('stays readable: a segment of version 1, byte by byte', () => {
    const header = encodeSegmentHeader({
      id: '000102030405060708090a0b0c0d0e0f',
      salt: 0x01020304,
      base: 5 as Offset,
      previous: { base: 2 as Offset, bytes: 300 },
    })
    const record = Buffer.alloc(frameHeaderBytes + 3)
    writeFrame(record, 0, { salt: 0x01020304, offset: 6, indexInGroup: 1 }, Buffer.from('hit'))
    expect(header.toString('hex')).toMatchInlineSnapshot(
      `"4849544c4f470d0a0100000004030201000102030405060708090a0b0c0d0e0f050000000000000002000000000000002c01000000000000000000004e711063"`,
    )
    expect(record.toString('hex')).toMatchInlineSnapshot(`"fec7b1ffe87039f403000000010000000600000000000000686974"`)
  })

  it('names a segment so that names sort as offsets do', () => {
    expect(segmentName(0)).toBe('00000000000000000000.log')
    expect(segmentBase('00009007199254740991.log')).toBe(Number.MAX_SAFE_INTEGER)
    for (const name of [
      '0.log',
      '00009007199254740992.log',
      '00000000000000000001.log.new',
      'x00000000000000000001.log',
    ]) {
      expect(segmentBase(name)).toBeUndefined()
    }
    fc.assert(
      fc.property(offset, offset, (a, b) => {
        expect(segmentBase(segmentName(a))).toBe(a)
        expect(segmentName(a) < segmentName(b)).toBe(a < b)
      }),
    )
  })
})
