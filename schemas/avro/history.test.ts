import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PoisonRecordError } from '../../core/errors.ts'
import type { FeedHit } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { singleObjectHeader } from './fingerprint.ts'
import {
  decodeHistoryBatch,
  decodeHistoryHit,
  encodeHistoryBatch,
  encodeHistoryHit,
  type HistoryBatch,
  knownHistoryBatchSchemas,
  knownHistoryHitSchemas,
} from './history.ts'
import { arbitraryBatch } from './hit-batch-under-test.ts'

const place = fc.record({
  partition: fc.integer({ min: 0, max: 9_999 }),
  offset: fc.integer({ min: 0, max: 2 ** 50 }).map((offset) => offset as Offset),
  index: fc.integer({ min: 0, max: 10_000 }),
})

const merchantHits = fc.tuple(arbitraryBatch, place, fc.string()).map(([{ hits, ...batch }, position, source]) => {
  const merchant = 'shop' as MerchantId
  return hits.map((hit): FeedHit => ({ ...hit, ...batch, merchant, source, position }))
})

const batches = merchantHits
  .filter((hits) => hits.length > 0)
  .map((hits): HistoryBatch => {
    const entries = hits.map((hit, n) => ({ hour: 490_000 + n, hit }))
    return { emission: 'all-of-march', merchant: 'shop' as MerchantId, entries }
  })

describe('history as Avro', () => {
  it('reads back what was written, hit by hit and in batches', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        for (const { hit } of batch.entries) expect(decodeHistoryHit(encodeHistoryHit(hit))).toEqual(hit)
        expect(decodeHistoryBatch(encodeHistoryBatch(batch))).toEqual(batch)
      }),
    )
  })

  it('keeps the names of its versions for ever', () => {
    const names = (schemas: typeof knownHistoryHitSchemas) =>
      schemas.map((schema) => singleObjectHeader(schema).toString('hex'))
    expect(names(knownHistoryHitSchemas)).toMatchInlineSnapshot(`
      [
        "c30117ce48a94c063c63",
      ]
    `)
    expect(names(knownHistoryBatchSchemas)).toMatchInlineSnapshot(`
      [
        "c30160ce6c9063b72f7b",
      ]
    `)
  })

  it('takes every change of a byte for poison or for another batch, and never breaks', () => {
    const decoded = (bytes: Buffer) => {
      try {
        decodeHistoryBatch(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(PoisonRecordError)
      }
    }
    fc.assert(
      fc.property(batches, fc.nat(), fc.integer({ min: 0, max: 255 }), (batch, at, byte) => {
        const bytes = encodeHistoryBatch(batch)
        decoded(bytes.subarray(0, at % bytes.length))
        bytes[at % bytes.length] = byte
        decoded(bytes)
      }),
    )
  })

  it('refuses to write a batch of nothing, of two merchants, or of an emission without a name', () => {
    const [batch] = fc.sample(batches, { numRuns: 1, seed: 2 }) as [HistoryBatch]
    expect(() => encodeHistoryBatch({ ...batch, entries: [] })).toThrow(TypeError)
    expect(() => encodeHistoryBatch({ ...batch, merchant: 'other' as MerchantId })).toThrow(TypeError)
    expect(() => encodeHistoryBatch({ ...batch, emission: 'No Name' })).toThrow(TypeError)
  })
})
