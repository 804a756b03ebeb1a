/**
 * What the gateway asks an engine (DuckDB embedded, Trino in a cluster): groups of finished numbers per bucket, from
 * rollup rows, from hits, or of visits. The planner (gateway/core) decides what to ask; an engine only computes, so two
 * engines can be held equal.
 */
import type { MerchantGenerations } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { VisitsRule } from '../visits.ts'
import type { ErasedHits } from './erasure-store.ts'
import type { TableView } from './lake.ts'

/** Dimensions that the rollups hold a breakdown of. */
export const breakdowns = ['name', 'page', 'source', 'country', 'device', 'browser', 'campaign'] as const
export type Breakdown = (typeof breakdowns)[number]

/** Dimensions that only hits know. `bot`: 'true' or 'false'. */
export const rawDimensions = ['os', 'bot', 'language', 'medium', 'term', 'content'] as const
export type RawDimension = (typeof rawDimensions)[number]

/** `props.<key>`: a custom property; its value as text (`true`, `12.5`). */
export type PropDimension = `props.${string}`

export type Dimension = Breakdown | RawDimension | PropDimension

/**
 * A condition on dimensions. Every dimension of every hit has a text, '' where it has no value: so each condition is true
 * or false, never unknown. `is`: one of; `contains`: has one of these as a part, case-sensitive.
 */
export type Filter =
  | {
      readonly op: 'is' | 'is_not' | 'contains' | 'contains_not'
      readonly dimension: Dimension
      /** At least one. */
      readonly values: readonly string[]
    }
  | { readonly op: 'and' | 'or'; readonly filters: readonly Filter[] }
  | { readonly op: 'not'; readonly filter: Filter }

/** Half-open, ms since 1970. */
export interface BucketRange {
  readonly start: number
  readonly end: number
}

/**
 * A stretch of a bucket and where its rows are. `stored` null: in the base table (`hourly`; hits). Else in the derived
 * table (`daily`; `sessions`), in rows of this `_publish` whose time lies in the stretch, which are all of it.
 */
export interface Piece extends BucketRange {
  /** Number of the bucket it is part of. */
  readonly bucket: number
  readonly stored: number | null
}

interface QuestionBase {
  readonly merchant: MerchantId
  /** Rows of other generations count nowhere; those of derived tables are of what answers where their unit begins. */
  readonly generations: MerchantGenerations
  /** Rising and disjoint, not necessarily touching; at most 20,000. A row belongs to the piece that holds its time. */
  readonly pieces: readonly Piece[]
  /** Grouped by, beside the bucket; none: one group a bucket. */
  readonly dimensions: readonly Dimension[]
  readonly filter: Filter | null
  /** Most groups of an answer; beyond it TooManyGroupsError, never a part. */
  readonly maxGroups: number
}

/** Which numbers of hits are asked; the sums always are. */
export type HitsPart = 'visitors' | 'load' | 'otherRevenue'

interface HitsQuestionBase extends QuestionBase {
  readonly parts: readonly HitsPart[]
  /** Size k of the sketch of visitors. */
  readonly sketchSize: number
}

/** Folds partial rows of one breakdown; dimensions and filter speak of no other dimension than that breakdown. */
export interface RollupQuestion extends HitsQuestionBase {
  readonly from: 'rollup'
  readonly breakdown: 'total' | Breakdown
  readonly hourly: TableView
  readonly daily: TableView
}

/** Counts hits. Bots are left out unless the filter or a dimension speaks of `bot`. */
export interface RawQuestion extends HitsQuestionBase {
  readonly from: 'raw'
  readonly hits: TableView
  /** Hits that count nowhere: the merchant's open erasures, as of a moment before `hits` was read. */
  readonly erased: readonly ErasedHits[]
  /** The most rows that may be scanned; beyond it RawBudgetError, never a part. */
  readonly rawRowBudget: number
}

/**
 * Counts visits by the time they start. Dimensions and filter speak of the visit's first hit (`page`: entry page); bots'
 * visits are left out unless they speak of `bot`. Stored visits know breakdowns only: with any other dimension every
 * piece has `stored` null.
 */
export interface VisitsQuestion extends QuestionBase {
  readonly from: 'visits'
  readonly rule: VisitsRule
  readonly hits: TableView
  /**
   * Hits that belong to no visit, as of a `RawQuestion`. Stored visits are taken as they are: those of days with erased hits
   * are right no more until they were derived without them.
   */
  readonly erased: readonly ErasedHits[]
  readonly sessions: TableView
  readonly rawRowBudget: number
}

export type HitsQuestion = RollupQuestion | RawQuestion
export type Question = HitsQuestion | VisitsQuestion

interface GroupBase {
  readonly bucket: number
  /** Of the question's dimensions, in order; '' where there is no value. */
  readonly values: readonly string[]
  /** Of a truncated breakdown: this group holds all values that were not kept; its `values` are ''. */
  readonly other: boolean
}

/** Numbers of the hits of one bucket and one combination of values; what no row fell into has no group. */
export interface HitsGroup extends GroupBase {
  readonly hits: bigint
  readonly pageviews: bigint
  readonly orders: bigint
  readonly revenueMicros: bigint
  /** Distinct visitor hashes kept (at most k) and the largest of them; `core/sketch/kmv.ts` makes the estimate. */
  readonly visitors?: { readonly kept: number; readonly largest: bigint | null }
  /** Histogram of load times, rising by bucket number; `core/sketch/quantiles.ts` makes quantiles of it. */
  readonly load?: readonly { readonly bucket: number; readonly n: bigint }[]
  /** Revenue in currencies other than the merchant's, rising by code. */
  readonly otherRevenue?: readonly { readonly currency: string; readonly micros: bigint }[]
}

export interface VisitsGroup extends GroupBase {
  readonly sessions: bigint
  /** Visits of one hit. */
  readonly bounces: bigint
  /** Sum of last − first hit. */
  readonly durationMs: bigint
  readonly pageviews: bigint
}

/** Of whichever generation: what one stored was accepted. */
export interface KnownIdsQuestion {
  readonly merchant: MerchantId
  readonly hits: TableView
  readonly range: BucketRange
  /** At most 10,000. */
  readonly ids: readonly string[]
}

/** On which days an erasure takes something away, of whichever generation: each may answer one day. */
export interface ErasedDaysQuestion {
  readonly merchant: MerchantId
  readonly hits: TableView
  readonly erased: ErasedHits
}

export interface QueryEngine {
  /**
   * One engine query for all of a question. `signal` cancels it. Groups come in no stated order.
   * @throws RawBudgetError, TooManyGroupsError, EngineUnavailableError
   */
  hits(question: HitsQuestion, options: { readonly signal?: AbortSignal }): Promise<readonly HitsGroup[]>
  visits(question: VisitsQuestion, options: { readonly signal?: AbortSignal }): Promise<readonly VisitsGroup[]>
  /**
   * Which of these ids (at most 10,000) are hits of the merchant with an event time in the range: for imports that go on
   * after the time that repeats are known for.
   */
  knownIds(question: KnownIdsQuestion, options: { readonly signal?: AbortSignal }): Promise<readonly string[]>
  /** UTC days, rising, on which the merchant's hits hold some that are erased, bots' among them. */
  erasedDays(question: ErasedDaysQuestion, options: { readonly signal?: AbortSignal }): Promise<readonly number[]>
}
