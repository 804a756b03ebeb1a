/**
 * Hits out of a history topic, as they were accepted, each with its original source and position. Repeats are known by that:
 * a partition holds an emission in its order, of which some stretches may be there again (`feed-target.ts`), so what does not
 * come after all that was read is a repeat, and one place per partition is all that has to be remembered.
 */
import { FeedUnavailableError, PoisonRecordError } from '../../../core/errors.ts'
import type { Offset } from '../../../core/ids.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { Feed } from '../../../core/ports/feed.ts'
import { decodeHistoryBatch, type HistoryBatch, type HistoryEntry } from '../../../schemas/avro/history.ts'
import { historyReadMaxBytes, historyStallMs, historyWaitMs } from './limits.ts'
import { compareKeys, type HistoryKey, historyKey } from './order.ts'

export interface HistoryPlace {
  /** Of the record to be read next. */
  readonly next: Offset
  /** The last hit that was taken; null: none was. */
  readonly last: HistoryKey | null
}

/** A record that was read. */
export interface HistoryRecord {
  /** Hits of the emission that were not there before, in order. */
  readonly entries: readonly HistoryEntry[]
  /** Hits of the emission that were. */
  readonly repeats: number
  /** `other`: of another emission. `poison`: no batch of history. */
  readonly kind: 'history' | 'other' | 'poison'
  /** After it. */
  readonly place: HistoryPlace
}

export interface HistoryFeed {
  readonly source: string
  readonly partitions: readonly number[]
  /** Up to what is there when it begins. @throws FeedUnavailableError where that does not come; the signal's reason */
  read(partition: number, from: HistoryPlace, signal: AbortSignal): AsyncGenerator<HistoryRecord>
}

export interface HistoryFeedOptions {
  readonly feed: Feed
  /** Its records alone are taken. */
  readonly emission: string
  readonly clock: Pick<Clock, 'monotonic'>
}

export function historyFeed({ feed, emission, clock }: HistoryFeedOptions): HistoryFeed {
  return {
    source: feed.source,
    partitions: feed.partitions,
    async *read(partition, from, signal) {
      const end = await feed.end(partition)
      if (from.next >= end) return
      const reader = await feed.read(partition, from.next)
      let place = from
      let heardAt = clock.monotonic()
      try {
        while (place.next < end) {
          signal.throwIfAborted()
          const records = await reader.next({ maxBytes: historyReadMaxBytes, waitMs: historyWaitMs })
          if (records.length > 0) heardAt = clock.monotonic()
          else if (clock.monotonic() - heardAt >= historyStallMs) {
            throw new FeedUnavailableError(`a read of partition ${partition} from ${place.next} on`)
          }
          for (const { offset, payload } of records) {
            const record = taken(payload, emission, { next: (offset + 1) as Offset, last: place.last })
            place = record.place
            yield record
          }
        }
      } finally {
        await reader.close()
      }
    },
  }
}

function taken(payload: Buffer, emission: string, place: HistoryPlace): HistoryRecord {
  let batch: HistoryBatch
  try {
    batch = decodeHistoryBatch(payload)
  } catch (error) {
    if (!(error instanceof PoisonRecordError)) throw error
    return { kind: 'poison', entries: [], repeats: 0, place }
  }
  if (batch.emission !== emission) return { kind: 'other', entries: [], repeats: 0, place }
  let { last } = place
  const entries: HistoryEntry[] = []
  for (const entry of batch.entries) {
    const key = historyKey(entry.hour, entry.hit)
    if (last !== null && compareKeys(key, last) <= 0) continue
    entries.push(entry)
    last = key
  }
  const repeats = batch.entries.length - entries.length
  return { kind: 'history', entries, repeats, place: { next: place.next, last } }
}
