/**
 * Looking through what the feed holds beyond some positions, without being a reader that others know of: for the books,
 * which count what is in flight. Delivery: every record of a range once, each partition in order; records that retention
 * has removed are passed over, so what they held is missing from the count, as it is from the feed.
 */
import type { Offset } from '../../core/ids.ts'
import type { FeedRecord } from '../../core/ports/feed.ts'

/** Offsets, half-open. */
export interface FeedRange {
  readonly partition: number
  readonly from: Offset
  readonly through: Offset
}

export interface FeedScan {
  /** By partition, one past its last record now: at least all that was acknowledged before this call. */
  ends(): Promise<ReadonlyMap<number, Offset>>
  /**
   * Calls back for every batch of the records in the ranges (at most one range a partition); batches of one record come
   * together, one offset. Ranges reach no further than `ends` has said.
   * @throws FeedUnavailableError; ProblemError 503 `overloaded` where it takes longer than the adapter's limit of time, or
   * too many wait for their turn
   */
  read(ranges: readonly FeedRange[], onRecord: (partition: number, record: FeedRecord) => void): Promise<void>
}
