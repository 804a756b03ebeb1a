/** A feed in memory, filled by hand: for tests of everything that reads a feed. Delivery as the port says. */
import { OffsetTrimmedError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import { type ToldDurable, toldDurable } from '../../../core/log/durable-source.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { Feed, FeedRecord } from '../../../core/ports/feed.ts'
import { waitingReader } from '../log/waiting-reader.ts'

export interface MemoryFeed extends Feed {
  /** Adds a record, durable at once; gives its offset. */
  push(partition: number, payload: Uint8Array): Offset
  /** Forgets the records before `before`. */
  trim(partition: number, before: Offset): void
}

export interface MemoryFeedOptions {
  readonly source: string
  readonly partitions: readonly number[]
  /** Ends waits. */
  readonly timers: Timers
}

interface Partition {
  readonly records: Buffer[]
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
  return {
    source,
    partitions,
    push(partition, payload) {
      const { records, durable } = find(partition)
      records.push(Buffer.from(payload))
      durable.set(records.length as Offset)
      return (records.length - 1) as Offset
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
            for (let payload = found.records[next]; payload && bytes < maxBytes; payload = found.records[next]) {
              taken.push({ offset: next as Offset, payload })
              bytes += payload.length
              next++
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
