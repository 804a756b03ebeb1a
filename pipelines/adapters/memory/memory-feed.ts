/** A feed in memory, filled by hand: for tests of everything that reads a feed. Delivery as the port says. */
import { OffsetTrimmedError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import { type ToldDurable, toldDurable } from '../../../core/log/durable-source.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { BatchOrigin, Feed, FeedRecord } from '../../../core/ports/feed.ts'
import { waitingReader } from '../log/waiting-reader.ts'

export interface MemoryFeed extends Feed {
  /** Adds a record of one batch, durable at once; gives its offset. Without an origin it came past every collector. */
  push(partition: number, payload: Uint8Array, origin?: BatchOrigin | null): Offset
  /** Adds a record of several batches. */
  pushPack(partition: number, batches: readonly MemoryBatch[]): Offset
  /** Lets the next record have this offset: those between are not there, as after a transaction's marker. */
  skipTo(partition: number, offset: Offset): void
  /** Forgets the records before `before`. */
  trim(partition: number, before: Offset): void
}

export interface MemoryBatch {
  readonly payload: Uint8Array
  readonly origin: BatchOrigin | null
}

export interface MemoryFeedOptions {
  readonly source: string
  readonly partitions: readonly number[]
  /** Ends waits. */
  readonly timers: Timers
}

interface Partition {
  /** By offset; undefined where there is none. */
  readonly records: (readonly FeedRecord[] | undefined)[]
  oldest: number
  /** One past the last record. */
  readonly durable: ToldDurable
}

/** A feed without records. */
export function memoryFeed({ source, partitions, timers }: MemoryFeedOptions): MemoryFeed {
  const content = new Map<number, Partition>(
    partitions.map((partition) => [partition, { records: [], oldest: 0, durable: toldDurable() }]),
  )
  function find(partition: number): Partition {
    const found = content.get(partition)
    if (!found) throw new RangeError(`${source} has no partition ${partition}`)
    return found
  }
  function pushPack(partition: number, batches: readonly MemoryBatch[]): Offset {
    const { records, durable } = find(partition)
    const offset = records.length as Offset
    records.push(batches.map(({ payload, origin }) => ({ offset, payload: Buffer.from(payload), origin })))
    durable.set(records.length as Offset)
    return offset
  }
  return {
    source,
    partitions,
    push(partition, payload, origin = null) {
      return pushPack(partition, [{ payload, origin }])
    },
    pushPack,
    skipTo(partition, offset) {
      const { records, durable } = find(partition)
      while (records.length < offset) records.push(undefined)
      durable.set(records.length as Offset)
    },
    trim(partition, before) {
      const found = find(partition)
      found.oldest = Math.max(found.oldest, Math.min(before, found.records.length))
    },
    async read(partition, from) {
      const found = find(partition)
      if (from < found.oldest) throw new OffsetTrimmedError(from, found.oldest)
      let next: number = from
      return waitingReader({
        timers,
        durable: found.durable,
        reader: {
          get position() {
            return next as Offset
          },
          async read(maxBytes) {
            if (next < found.oldest) throw new OffsetTrimmedError(next, found.oldest)
            const taken: FeedRecord[] = []
            let bytes = 0
            for (; next < found.records.length && bytes < maxBytes; next++) {
              for (const record of found.records[next] ?? []) {
                taken.push(record)
                bytes += record.payload.length
              }
            }
            return taken
          },
          close: async () => undefined,
        },
      })
    },
    async end(partition) {
      return find(partition).durable.current()
    },
  }
}
