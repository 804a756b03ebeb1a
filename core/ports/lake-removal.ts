/**
 * Taking rows out of tables for good: erasure and retention. Part of `LakeMaintainer`, with its adapters and contract.
 */
import type { MerchantId } from '../ids.ts'
import type { TableName } from '../tables.ts'
import type { ErasedHits } from './erasure-store.ts'
import type { LakePartition, TableView } from './lake.ts'

/** Rows that go: erased hits, or all of a merchant whose time (of the partition column) lies before a moment, ms. */
export type RemovedRows = ErasedHits | { readonly merchant: MerchantId; readonly before: number }

/** A (merchant, UTC day) of `hourly` that is computed again, and what it is computed from. */
export interface RecomputedDay {
  readonly merchant: MerchantId
  readonly day: number
}

export interface LakeRemoval {
  /** Partitions of the newest snapshot that hold such rows. */
  partitionsWith(table: TableName, rows: readonly RemovedRows[]): Promise<readonly LakePartition[]>
  /**
   * Takes the rows out of one partition: one snapshot (operation `overwrite`; `delete` where nothing is left of it). Rows that
   * stay keep `_publish` and `_row`. Null where it holds none of them.
   * @throws CommitConflictError
   */
  removeRows(
    table: TableName,
    partition: LakePartition,
    rows: readonly RemovedRows[],
  ): Promise<{ readonly snapshot: string; readonly removed: number } | null>
  /**
   * Replaces all rows of `hourly` of these merchants and days (of one day partition) by rows computed from `hits` less what is
   * erased: one snapshot, operation `overwrite`. The rows are those the plan `hits` makes of these hits as a stream, folded.
   * `hits` and the newest snapshot of `hourly` must hold the same hits of these days: the caller sees to it.
   * @throws CommitConflictError
   */
  recomputeHourly(work: {
    readonly generation: number
    readonly days: readonly RecomputedDay[]
    readonly hits: TableView
    readonly erased: readonly ErasedHits[]
    /** `_publish` of the new rows: that of the newest publication of `hourly`. */
    readonly publish: number
  }): Promise<{ readonly snapshot: string }>
}
