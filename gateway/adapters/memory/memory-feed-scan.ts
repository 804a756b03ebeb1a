/** A feed in memory as the books look through it. */
import { FeedUnavailableError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import type { BatchOrigin } from '../../../core/ports/feed.ts'
import type { FeedScan } from '../../core/cluster-feed-scan.ts'

export interface BatchInFeed {
  readonly payload: Buffer
  readonly origin: BatchOrigin | null
}

export interface MemoryFeedScan extends FeedScan {
  /** Adds one record, of one batch or several; gives its offset. */
  push(partition: number, batches: readonly BatchInFeed[]): Offset
  /** Retention: records before `before` are gone. */
  trim(partition: number, before: Offset): void
  /** While `away`, every call fails. */
  state: 'there' | 'away'
}

export function createMemoryFeedScan(partitions: number): MemoryFeedScan {
  const records = Array.from({ length: partitions }, () => [] as (readonly BatchInFeed[])[])
  const oldest = records.map(() => 0)
  const of = (partition: number) => {
    const found = records[partition]
    if (found === undefined) throw new RangeError(`there is no partition ${partition}`)
    return found
  }
  const scan: MemoryFeedScan = {
    state: 'there',
    push(partition, batches) {
      return (of(partition).push([...batches]) - 1) as Offset
    },
    trim(partition, before) {
      oldest[partition] = before
    },
    async ends() {
      if (scan.state === 'away') throw new FeedUnavailableError('a look at its ends')
      return new Map(records.map((each, partition) => [partition, each.length as Offset]))
    },
    async read(ranges, onRecord) {
      if (scan.state === 'away') throw new FeedUnavailableError('a look at its records')
      for (const { partition, from, through } of ranges) {
        const first = Math.max(from, oldest[partition] ?? 0)
        for (let offset = first; offset < through; offset += 1) {
          for (const { payload, origin } of of(partition)[offset] ?? []) {
            onRecord(partition, { offset: offset as Offset, payload, origin })
          }
        }
      }
    },
  }
  return scan
}
