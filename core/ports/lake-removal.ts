/**
 * Taking rows out of tables for good: erasure and retention. Part of `LakeMaintainer`, with its adapters and contract
 * (lakehouse/core/lake-removal.contract.ts).
 */
import type { GenerationMap } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { TableName } from '../tables.ts'
import type { ErasedHits } from './erasure-store.ts'
import type { LakePartition, TableView } from './lake.ts'

/** Rows of a derived table in a stretch of time, half-open, ms, that derivations below this one brought. */
export interface DeadRows {
  readonly merchant: MerchantId
  readonly start: number
  readonly end: number
  readonly publishBelow: number
}

/** All rows of these generations, whosever. */
export interface DeadGenerations {
  readonly generations: readonly number[]
}

/**
 * Rows that go: erased hits (of `hits` and `failed_hits`), or all of a merchant whose time (of the partition column) lies
 * before a moment, ms, or rows of a derived table that were superseded, or of generations that nobody needs.
 */
export type RemovedRows =
  | ErasedHits
  | { readonly merchant: MerchantId; readonly before: number }
  | DeadRows
  | DeadGenerations

/** What one call may name: each is a condition of one statement. */
export const removedRowsMax = 2_000

/** A (merchant, UTC day) of `hourly`: the rows whose bucket starts in it. */
export interface RecomputedDay {
  readonly merchant: MerchantId
  readonly day: number
}

/** A day of `hourly` that hits of an erasure are, or may be, counted in, and how many. */
export interface CountedDay extends RecomputedDay {
  /** One of those asked about. */
  readonly erased: ErasedHits
  readonly hits: number
}

/** Days of one recomputation. */
export const recomputedDaysMax = 1_000

export interface RecomputeWork {
  /** Of the rows of `hourly`. */
  readonly generation: number
  /** Which rows of `hits` they are made of: the map as it is where this generation answers. */
  readonly hitGenerations: GenerationMap
  /** 1 to `recomputedDaysMax`, all of one UTC day. */
  readonly days: readonly RecomputedDay[]
  readonly hits: TableView
  /** The snapshot of `hourly` that holds the same hits of these days; its rows of them are replaced. */
  readonly hourly: string
  readonly erased: readonly ErasedHits[]
  /** `_publish` of the new rows: that of the newest publication of `hourly`. */
  readonly publish: number
  /**
   * Where the jobs that write `hits` and `hourly` stand apart: by partition the place up to which both have come. Where either
   * table holds hits of these days from there on, nothing is done.
   */
  readonly both?: readonly { readonly partition: number; readonly next: number }[]
}

export interface LakeRemoval {
  /** Partitions of the newest snapshot that hold such rows. @throws RangeError */
  partitionsWith(table: TableName, rows: readonly RemovedRows[]): Promise<readonly LakePartition[]>
  /**
   * Takes the rows out of one partition: one snapshot (operation `overwrite`; `delete` where whole files go and nothing takes
   * their place), or in a cluster several, of which the last has none of them. Rows that stay keep `_publish` and `_row`. Null
   * where it holds none of them. @throws CommitConflictError, RangeError
   */
  removeRows(
    table: TableName,
    partition: LakePartition,
    rows: readonly RemovedRows[],
  ): Promise<{ readonly snapshot: string; readonly removed: number } | null>
  /**
   * Takes all files of these generations out of a table that is partitioned by them, in one snapshot (operation `delete`), and
   * reads none of them. Null where there are none. @throws CommitConflictError, RangeError
   */
  removeGenerations(
    table: TableName,
    generations: readonly number[],
  ): Promise<{ readonly snapshot: string; readonly removed: number } | null>
  /**
   * The days of `hourly` that these hits, of the view and as the map has it, are counted in, in the order of the erasures, then by day;
   * bots count nowhere. A day too many may be among them, where an hour of UTC is cut by midnight of a bucket, and a hit too
   * many, of the subject but received later, where another of the erasures names it. Asked again of the same it says the same.
   */
  countedDays(
    hits: TableView,
    generations: GenerationMap,
    erased: readonly ErasedHits[],
  ): Promise<readonly CountedDay[]>
  /**
   * Replaces all rows of `hourly` of these merchants and days by rows computed from `hits` less what is erased: one snapshot,
   * operation `overwrite`. The rows are those the plan `hits` makes of these hits as a stream, folded. Again it gives the
   * same rows. The views must hold the same hits of these days: the caller sees to it. What is published since stays as it is.
   * Null, and nothing done, where `both` says that they do not, or `hourly` has moved on. @throws CommitConflictError, RangeError
   */
  recomputeHourly(work: RecomputeWork): Promise<{ readonly snapshot: string } | null>
}
