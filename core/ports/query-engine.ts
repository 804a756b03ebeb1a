/**
 * What the gateway asks an engine (DuckDB embedded, Trino in a cluster): finished numbers per bucket, from rollup rows or
 * from hits. The planner (gateway/core) decides what to ask; an engine only computes, so two engines can be held equal.
 */
import type { MerchantId } from '../ids.ts'
import type { TableView } from './lake.ts'

export type Metric = 'hits' | 'pageviews' | 'visitors' | 'orders' | 'revenue'

/** Half-open, ms since 1970. */
export interface BucketRange {
  readonly start: number
  readonly end: number
}

export interface SeriesQuestion {
  /** `rollup`: fold partial rows of `hourly`; `raw`: count over `hits`, bots left out. */
  readonly from: 'rollup' | 'raw'
  readonly generation: number
  readonly merchant: MerchantId
  readonly breakdown: 'total'
  /** Rising and disjoint, not necessarily touching; at most 10,000. A row belongs to the range that holds its time. */
  readonly buckets: readonly BucketRange[]
  /** The view of `hourly` or of `hits`, as `from` says. */
  readonly view: TableView
  /** `raw` only: the most rows that may be scanned; beyond it RawBudgetError, never a part. */
  readonly rawRowBudget: number
}

export interface SeriesRow {
  /** Index into `buckets`; a bucket without rows has no SeriesRow. */
  readonly bucket: number
  readonly hits: bigint
  readonly pageviews: bigint
  readonly orders: bigint
  readonly revenueMicros: bigint
  /** Distinct visitor hashes kept (at most k) and the largest of them; `core/sketch/kmv.ts` makes the estimate of it. */
  readonly visitors: { readonly kept: number; readonly largest: bigint | null }
}

export interface QueryEngine {
  /**
   * One engine query for all buckets. `signal` cancels it.
   * @throws RawBudgetError, EngineUnavailableError
   */
  series(question: SeriesQuestion, options: { readonly signal?: AbortSignal }): Promise<readonly SeriesRow[]>
}
