/**
 * The embedded feed: the files of the segment log, read in whatever thread the pipeline runs in, as partition 0. Every
 * durable record in order, as often as asked, until it is trimmed. Holds one open file and one chunk per reader.
 */
import type { DurableSource } from '../../../core/log/durable-source.ts'
import { openLogReader } from '../../../core/log/log-reader.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { Disk } from '../../../core/ports/disk.ts'
import type { Feed } from '../../../core/ports/feed.ts'
import { waitingReader } from './waiting-reader.ts'

export interface LogFeedOptions {
  /** The log's id: the feed incarnation. */
  readonly source: string
  readonly disk: Disk
  readonly folder: string
  /** In another thread than the log's, fed by messages. */
  readonly durable: DurableSource
  readonly timers: Timers
}

/** The feed of the log in `folder`. Partitions other than 0 are refused with RangeError. */
export function logFeed({ source, disk, folder, durable, timers }: LogFeedOptions): Feed {
  function checkPartition(partition: number): void {
    if (partition !== 0) throw new RangeError(`a log has partition 0 only, not ${partition}`)
  }
  return {
    source,
    partitions: [0],
    async read(partition, from) {
      checkPartition(partition)
      const reader = await openLogReader({ disk, folder, id: source, from, durable: () => durable.current() })
      return waitingReader({ reader, durable, timers })
    },
    async end(partition) {
      checkPartition(partition)
      return durable.current()
    },
  }
}
