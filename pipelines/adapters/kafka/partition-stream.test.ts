import { describe, expect, it } from 'vitest'
import type { Offset } from '../../../core/ids.ts'
import type { FeedRecord } from '../../../core/ports/feed.ts'
import { PartitionStream } from './partition-stream.ts'

const from = 10 as Offset
const message = (offset: number, bytes = 4) => ({ offset: `${offset}`, value: Buffer.alloc(bytes) })
const offsets = (records: readonly FeedRecord[]) => records.map(({ offset }) => offset)

describe('the stream of a partition', () => {
  it('takes what follows, and nothing that was fetched from anywhere else', () => {
    const stream = new PartitionStream(0, from)
    expect(stream.push([message(12)], 12, 13)).toBe(false)
    expect(stream.push([message(9), message(10)], 9, 11)).toBe(false)
    expect(stream.push([message(10), message(11)], 10, 12)).toBe(true)
    expect(stream.push([message(10), message(11)], 10, 12)).toBe(false)
    expect(offsets(stream.take(1_000))).toEqual([10, 11])
    expect(stream.expected).toBe(12)
  })

  it('goes past offsets that hold nothing at the end of a fetch', () => {
    const stream = new PartitionStream(0, from)
    stream.push([message(10)], 10, 14)
    expect(stream.push([message(14)], 14, 15)).toBe(true)
  })

  // fetched: markers 10..11 | from 12
  it('goes past a fetch that held nothing for readers, where it cannot have begun behind what is expected', () => {
    const stream = new PartitionStream(0, from)
    stream.skip(12, 20)
    stream.skip(null, 11)
    stream.skip(3, 9)
    expect(stream.expected).toBe(10)
    stream.skip(10, 11)
    expect(stream.expected).toBe(12)
    stream.skip(null, 12)
    expect(stream.expected).toBe(13)
  })

  it('tells its listeners what came, and gives at least one record and about as many bytes as asked', () => {
    const stream = new PartitionStream(0, from)
    let told = 0
    const stop = stream.onChange(() => {
      told += 1
    })
    stream.push(
      [10, 11, 12, 13].map((offset) => message(offset, 100)),
      10,
      14,
    )
    expect([told, stream.queuedBytes]).toEqual([1, 400])
    expect(offsets(stream.take(1))).toEqual([10])
    expect(offsets(stream.take(150))).toEqual([11, 12])
    expect(stream.queuedBytes).toBe(100)
    stop()
    stream.push([], 14, 15)
    expect(told).toBe(1)
  })

  it('fails only after what came before the failure was taken', () => {
    const stream = new PartitionStream(0, from)
    stream.push([message(10)], 10, 11)
    stream.fail(new Error('trimmed'))
    expect(offsets(stream.take(1_000))).toEqual([10])
    expect(() => stream.take(1_000)).toThrow('trimmed')
  })

  it('keeps no message for long once it was taken', () => {
    const stream = new PartitionStream(0, 0 as Offset)
    let next = 0
    for (let round = 0; round < 50; round++) {
      stream.push(
        Array.from({ length: 100 }, (_, i) => message(next + i)),
        next,
        next + 100,
      )
      next += 100
      // Never quite empty.
      while (stream.queuedBytes > 4) stream.take(1)
    }
    expect(offsets(stream.take(1))).toEqual([next - 1])
  })
})
