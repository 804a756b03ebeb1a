import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PoisonRecordError } from '../../core/errors.ts'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { Hit, HitBatch } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import { avroType } from './avro-type.ts'
import { type AvroObject, singleObjectHeader } from './fingerprint.ts'
import {
  createHitBatchCodec,
  decodeHitBatch,
  encodeHitBatch,
  hitBatchWriter,
  knownSchemas,
  peekBatch,
} from './hit-batch.ts'
import { arbitraryBatch, arbitraryHit } from './hit-batch-under-test.ts'

const [v1, v2] = knownSchemas as [AvroObject, AvroObject]
const inV1 = createHitBatchCodec([v1])

const hit: Hit = {
  id: 'h-1',
  name: 'purchase',
  time: Date.parse('2026-03-01T09:00:00Z') as EventTime,
  visitor: 'v-1',
  session: null,
  user: null,
  url: 'https://shop.example/größe',
  referrer: null,
  title: null,
  revenue: { micros: 999_999_999_999_999_999n, currency: 'EUR' },
  items: [{ id: 'sku', name: null, quantity: 2, priceMicros: -1n }],
  props: { member: true, load_ms: 12.5, theme: 'dark', gone: null },
  context: null,
}
const batch: HitBatch = {
  merchant: 'demo' as MerchantId,
  zone: 'Asia/Kathmandu',
  currency: 'NPR',
  received: Date.parse('2026-03-01T09:00:01Z') as ReceivedTime,
  addressPrefix: '203.0.113.0/24',
  requestUserAgent: null,
  requestLanguage: null,
  requestClientHints: null,
  keyKind: 'server',
  hits: [hit],
}

const hints = {
  brands: '"Chromium";v="126", "Google Chrome";v="126"',
  mobile: '?0',
  platform: '"Windows"',
  platformVersion: null,
  model: '""',
}

describe('a record', () => {
  it('holds exactly the batch that was written', () => {
    fc.assert(
      fc.property(arbitraryBatch, (written) => {
        expect(decodeHitBatch(encodeHitBatch(written))).toEqual(written)
      }),
      { numRuns: 500 },
    )
  })

  it('has the bytes that avsc writes', () => {
    const type = avroType(v2)
    fc.assert(
      fc.property(arbitraryBatch, (written) => {
        const expected = Buffer.concat([singleObjectHeader(v2), type.toBuffer(written)])
        expect(encodeHitBatch(written).equals(expected)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  // Written by the first version. It must be readable for ever.
  it('of version 1 is read by the newest code', () => {
    const record = Buffer.from(
      'wwHLg78AKBd6ighkZW1vHEFzaWEvS2F0aG1hbmR1Bk5QUtCJgoqVZwIcMjAzLjAuMTEzLjAvMjQAAAICBmgtMRBwdXJjaGFzZYD6gYqVZwZ2LTEAAAI4aHR0cHM6Ly9zaG9wLmV4YW1wbGUvZ3LDtsOfZQAAAv7/n/b0rNvgGwZFVVICAgZza3UAAgAAAAAAAABAAgEACAxtZW1iZXICAQ5sb2FkX21zBAAAAAAAAClACnRoZW1lBghkYXJrCGdvbmUAAAAA',
      'base64',
    )
    expect(decodeHitBatch(record)).toEqual(batch)
    expect(peekBatch(record)).toEqual({ merchant: 'demo', received: batch.received, hits: 1 })
    expect(inV1.encode(batch).equals(record)).toBe(true)
  })

  // Written by the second version. It must be readable for ever.
  it('of version 2 is read by the newest code', () => {
    const record = Buffer.from(
      'wwGoJqMW6HXHvwhkZW1vHEFzaWEvS2F0aG1hbmR1Bk5QUtCJgoqVZwIcMjAzLjAuMTEzLjAvMjQAAAICViJDaHJvbWl1bSI7dj0iMTI2IiwgIkdvb2dsZSBDaHJvbWUiO3Y9IjEyNiICBD8wAhIiV2luZG93cyIAAgQiIgICBmgtMRBwdXJjaGFzZYD6gYqVZwZ2LTEAAAI4aHR0cHM6Ly9zaG9wLmV4YW1wbGUvZ3LDtsOfZQAAAv7/n/b0rNvgGwZFVVICAgZza3UAAgAAAAAAAABAAgEACAxtZW1iZXICAQ5sb2FkX21zBAAAAAAAAClACnRoZW1lBghkYXJrCGdvbmUAAAAA',
      'base64',
    )
    expect(decodeHitBatch(record)).toEqual({ ...batch, requestClientHints: hints })
    expect(peekBatch(record)).toEqual({ merchant: 'demo', received: batch.received, hits: 1 })
    expect(encodeHitBatch({ ...batch, requestClientHints: hints }).equals(record)).toBe(true)
  })

  it('of version 1 holds the same batch as one of version 2 that has no client hints, whatever is in it', () => {
    fc.assert(
      fc.property(arbitraryBatch, (written) => {
        const record = inV1.encode(written)
        expect(decodeHitBatch(record)).toEqual({ ...written, requestClientHints: null })
        expect(peekBatch(record)).toEqual(peekBatch(encodeHitBatch(written)))
      }),
    )
  })

  it('tells merchant, time and number of hits without being decoded', () => {
    fc.assert(
      fc.property(arbitraryBatch, (written) => {
        expect(peekBatch(encodeHitBatch(written))).toEqual({
          merchant: Buffer.from(written.merchant).toString(),
          received: written.received,
          hits: written.hits.length,
        })
      }),
      { numRuns: 300 },
    )
  })

  it('may be a view into other bytes, and of any kind of byte array', () => {
    const bytes = encodeHitBatch(batch)
    const around = new Uint8Array(bytes.length + 20).fill(0xff)
    around.set(bytes, 7)
    expect(decodeHitBatch(around.subarray(7, 7 + bytes.length))).toEqual(batch)
  })

  it('may hold its hits in several blocks with sizes, as other writers make them', () => {
    const empty = encodeHitBatch({ ...batch, hits: [] })
    const body = encodeHitBatch(batch).subarray(empty.length, -1)
    const size = Buffer.from([((body.length * 2) & 0x7f) | 0x80, (body.length * 2) >> 7])
    // A block of −1 hits (zigzag 1), its size, the hit; a block of 1 hit (zigzag 2); the end.
    const blocks = Buffer.concat([Buffer.from([1]), size, body, Buffer.from([2]), body, Buffer.from([0])])
    const record = Buffer.concat([empty.subarray(0, -1), blocks])
    expect(decodeHitBatch(record).hits).toEqual([hit, hit])
    expect(peekBatch(record).hits).toBe(2)
  })

  it('of an older version is decoded into the newest: a field it lacks has its default', () => {
    const fields = (v2.fields ?? []).slice(0, -1)
    const spread = { name: 'spread', type: ['null', 'string'], default: null }
    const v3 = { ...v2, fields: [...fields, spread, ...(v2.fields ?? []).slice(-1)] }
    const newer = createHitBatchCodec([v1, v2, v3])
    for (const older of [inV1.encode(batch), encodeHitBatch(batch)]) {
      expect(newer.decode(older)).toEqual({ ...batch, spread: null })
    }
    const inV3 = newer.encode({ ...batch, spread: 'b' } as HitBatch)
    expect(newer.decode(inV3)).toEqual({ ...batch, spread: 'b' })
    expect(newer.peek(inV3)).toEqual({ merchant: 'demo', received: batch.received, hits: 1 })
    expect(() => decodeHitBatch(inV3)).toThrow(/its schema [0-9a-f]{16} is not one of those known/)
  })
})

describe('a record that is none', () => {
  const good = encodeHitBatch(batch)
  const poisoned = (bytes: Uint8Array, reason: RegExp) => {
    for (const read of [decodeHitBatch, peekBatch]) {
      expect(() => read(bytes)).toThrow(PoisonRecordError)
      expect(() => read(bytes)).toThrow(reason)
    }
  }

  it('is refused with the reason: too short, another magic, an unknown schema, bytes left over', () => {
    poisoned(Buffer.alloc(0), /it has 0 bytes/)
    poisoned(good.subarray(0, 9), /it has 9 bytes/)
    poisoned(Buffer.concat([Buffer.from([0xc3, 0x02]), good.subarray(2)]), /does not begin with C3 01/)
    poisoned(Buffer.concat([good.subarray(0, 2), Buffer.alloc(8), good.subarray(10)]), /schema 0000000000000000/)
    poisoned(Buffer.concat([good, Buffer.alloc(3)]), /3 bytes follow the batch/)
  })

  it('is refused wherever it is cut', () => {
    for (let length = 0; length < good.length; length++) poisoned(good.subarray(0, length), /cannot be decoded/)
  })

  it('is refused or read, in no longer time than its length allows, whatever byte of it is changed', () => {
    fc.assert(
      fc.property(arbitraryBatch, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, place, flip) => {
        const bytes = encodeHitBatch(written)
        const at = place % bytes.length
        bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at)
        const outcomes = [peekBatch, decodeHitBatch].map((read) => {
          try {
            read(bytes)
            return 'read'
          } catch (error) {
            if (!(error instanceof PoisonRecordError)) throw error
            return 'poison'
          }
        })
        // The ledger counts what the pipeline will see: nothing is countable and not decodable.
        expect(outcomes[0]).toBe(outcomes[1])
      }),
      { numRuns: 2_000 },
    )
  })

  it('cannot claim more hits than it has bytes for', () => {
    const empty = encodeHitBatch({ ...batch, hits: [] })
    const claim = (count: number[]) => Buffer.concat([empty.subarray(0, -1), Buffer.from(count)])
    // 2^34 hits in five bytes; then a number too large to be held.
    poisoned(claim([0x80, 0x80, 0x80, 0x80, 0x80, 0x01]), /in the middle of a value/)
    poisoned(claim([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), /beyond 2\^52/)
  })

  it('has booleans of one bit and money of 64', () => {
    const replaced = (from: Buffer, to: Buffer) => {
      const at = good.indexOf(from)
      expect(at).toBeGreaterThan(0)
      return Buffer.concat([good.subarray(0, at), to, good.subarray(at + from.length)])
    }
    const member = Buffer.from('\x0cmember\x02', 'latin1')
    poisoned(
      replaced(Buffer.concat([member, Buffer.from([1])]), Buffer.concat([member, Buffer.from([2])])),
      /neither true/,
    )
    const micros = Buffer.from(zigzag(999_999_999_999_999_999n))
    const ten = (last: number) => Buffer.concat([Buffer.alloc(9, 0xff), Buffer.from([last])])
    expect(decodeHitBatch(replaced(micros, ten(0x01))).hits[0]?.revenue?.micros).toBe(-(2n ** 63n))
    poisoned(replaced(micros, ten(0x02)), /beyond 64 bits/)
    poisoned(replaced(micros, Buffer.concat([Buffer.alloc(10, 0x80), Buffer.from([1])])), /beyond 64 bits/)
  })

  it('changes no prototype by a property named __proto__, and keeps one named constructor', () => {
    const named = (key: string) => encodeHitBatch({ ...batch, hits: [{ ...hit, props: { [key]: 'x' } }] })
    const hostile = Buffer.from(named('_-proto_-').toString('latin1').replace('_-proto_-', '__proto__'), 'latin1')
    poisoned(hostile, /a property is named __proto__/)
    expect(decodeHitBatch(named('constructor')).hits[0]?.props).toEqual({ constructor: 'x' })
  })
})

/** A positive number as Avro writes it. */
function zigzag(value: bigint): number[] {
  const bytes: number[] = []
  for (let rest = value * 2n; ; rest >>= 7n) {
    if (rest < 128n) return [...bytes, Number(rest)]
    bytes.push(Number(rest & 127n) | 128)
  }
}

describe('the writer of the hot path', () => {
  it('says the size of each hit and takes the last back', () => {
    const writer = hitBatchWriter()
    fc.assert(
      fc.property(fc.array(fc.tuple(arbitraryHit, fc.boolean()), { maxLength: 6 }), (hits) => {
        writer.begin()
        let sizes = 0
        for (const [each, keep] of hits) {
          const size = writer.add(each)
          if (keep) sizes += size
          else writer.dropLast()
        }
        const kept = hits.filter(([, keep]) => keep).map(([each]) => each)
        const record = writer.finish(batch)
        expect(decodeHitBatch(record)).toEqual({ ...batch, hits: kept })
        const empty = encodeHitBatch({ ...batch, hits: [] }).length
        expect(record.length).toBe(empty + sizes + (kept.length > 0 ? 1 : 0))
      }),
    )
  })

  it('takes one hit back, not two', () => {
    const writer = hitBatchWriter()
    writer.begin()
    writer.add(hit)
    writer.add(hit)
    writer.dropLast()
    expect(() => writer.dropLast()).toThrow(/no hit to take back/)
    expect(decodeHitBatch(writer.finish(batch)).hits).toEqual([hit])
  })

  it('grows for hits and headers of any size, and goes on after a large batch', () => {
    const writer = hitBatchWriter()
    for (const length of [0, 1_000, 70_000, 3_000_000, 5]) {
      const large = { ...batch, zone: 'z'.repeat(length), hits: [hit, { ...hit, title: 'é'.repeat(length) }, hit] }
      writer.begin()
      for (const each of large.hits) writer.add(each)
      expect(decodeHitBatch(writer.finish(large))).toEqual(large)
    }
  })

  it('writes a batch that just fits its buffer, and one that is a byte longer', () => {
    for (let length = 64 * 1024 - 200; length < 64 * 1024; length++) {
      const exact = { ...hit, title: 'x'.repeat(length) }
      const writer = hitBatchWriter()
      writer.begin()
      writer.add(exact)
      expect(decodeHitBatch(writer.finish(batch)).hits[0]?.title?.length).toBe(length)
    }
  })

  it('refuses what is not a hit rather than write something else', () => {
    const writer = hitBatchWriter()
    const wrong: object[] = [
      { id: undefined },
      { id: 7 },
      { time: 1.5 },
      { time: 2 ** 52 },
      { time: -(2 ** 52) },
      { session: undefined },
      { revenue: { micros: 2n ** 63n, currency: 'EUR' } },
      { revenue: { micros: 5, currency: 'EUR' } },
      { items: {} },
      { props: { a: undefined } },
      { props: { a: [] } },
      { props: null },
      { context: 'x' },
    ]
    for (const change of wrong) {
      writer.begin()
      expect(() => writer.add({ ...hit, ...change } as Hit), JSON.stringify(Object.keys(change))).toThrow(TypeError)
      writer.add(hit)
      expect(decodeHitBatch(writer.finish(batch)).hits).toEqual([hit])
    }
  })
})
