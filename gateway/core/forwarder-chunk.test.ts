import { describe, expect, it } from 'vitest'
import type { Offset } from '../../core/ids.ts'
import { partitionOf } from '../../core/partition-of.ts'
import type { FeedRecord } from '../../core/ports/feed.ts'
import { decodeHitPack } from '../../schemas/avro/hit-pack.ts'
import { makeChunk, packMaxBatches, packMaxBytes } from './forwarder-chunk.ts'
import { batchOf } from './forwarder-under-test.ts'

const record = (offset: number, payload: Buffer): FeedRecord => ({ offset: offset as Offset, payload, origin: null })
const packs = (records: readonly FeedRecord[], partitions = 1) =>
  makeChunk('log', records, partitions).records.map(({ value }) => decodeHitPack(value))

describe('a chunk', () => {
  it('holds every batch once, each where its merchant’s hits go, and copies it', () => {
    const payloads = ['anna', 'ben', 'anna', 'carla'].map((merchant) => batchOf(merchant, 1))
    const chunk = makeChunk(
      'log',
      payloads.map((payload, index) => record(10 + index, payload)),
      8,
    )
    expect(chunk.through).toBe(14)
    expect(chunk.places.map(({ place, partition }) => [place, partition])).toEqual(
      ['anna', 'ben', 'anna', 'carla'].map((merchant, index) => [10 + index, partitionOf(merchant, 8)]),
    )
    for (const payload of payloads) payload.fill(0)
    const found = chunk.records.flatMap(({ value, partition }) => {
      const pack = decodeHitPack(value)
      return pack.places.map((place, index) => ({ partition, place, batch: pack.batches[index] }))
    })
    expect(found.sort((a, b) => a.place - b.place)).toEqual(
      ['anna', 'ben', 'anna', 'carla'].map((merchant, index) => ({
        partition: partitionOf(merchant, 8),
        place: 10 + index,
        batch: batchOf(merchant, 1),
      })),
    )
  })

  it('closes a pack at 500 batches', () => {
    const payload = batchOf('a', 1)
    const sizes = (count: number) =>
      packs(Array.from({ length: count }, (_, place) => record(place, payload))).map(({ places }) => places.length)
    expect(packMaxBatches).toBe(500)
    expect(sizes(500)).toEqual([500])
    expect(sizes(501)).toEqual([500, 1])
  })

  it('closes a pack before it grows beyond 60 KB', () => {
    const half = Buffer.alloc(packMaxBytes / 2)
    const sizes = (...lengths: number[]) =>
      packs(lengths.map((length, place) => record(place, Buffer.alloc(length)))).map(({ places }) => places.length)
    expect(sizes(half.length, half.length)).toEqual([2])
    expect(sizes(half.length, half.length + 1)).toEqual([1, 1])
    expect(sizes(10, packMaxBytes * 3, 10)).toEqual([1, 1, 1])
  })

  it('keeps the order of places over the packs of a partition', () => {
    const records = Array.from({ length: 1_700 }, (_, place) => record(place, batchOf(`shop-${place % 7}`, 1)))
    const last = new Map<number, number>()
    for (const { partition, value } of makeChunk('log', records, 3).records) {
      for (const place of decodeHitPack(value).places) {
        expect(place).toBeGreaterThan(last.get(partition) ?? -1)
        last.set(partition, place)
      }
    }
  })
})
