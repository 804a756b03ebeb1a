import fc from 'fast-check'
import { Partitioners } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { murmur2, partitionOf } from './partition-of.ts'

describe('murmur2', () => {
  // From org.apache.kafka.common.utils.UtilsTest.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ])('of %s is what Kafka says', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash)
  })
})

describe('the partition of a merchant', () => {
  it('is that of Kafka’s default partitioner for the key', () => {
    const theirs = Partitioners.DefaultPartitioner()
    const check = (merchant: string, partitions: number) => {
      const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
        partitionId,
        leader: 0,
        partitionErrorCode: 0,
        replicas: [],
        isr: [],
      }))
      const message = { key: merchant, value: '' }
      expect(partitionOf(merchant, partitions)).toBe(theirs({ topic: 'hits', partitionMetadata, message }))
    }
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 70 }), fc.integer({ min: 1, max: 50 }), check))
    for (let i = 0; i < 2_000; i++) check(`shop-${i}`, 12)
  })

  it('is refused where there are no partitions', () => {
    for (const partitions of [0, -1, 1.5, Number.NaN]) expect(() => partitionOf('demo', partitions)).toThrow(RangeError)
  })
})
