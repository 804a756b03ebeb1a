/**
 * Finished answers, before they become JSON, NDJSON, CSV or Arrow: every number is final here, only its spelling is the
 * format's. Texts are as they came from hits; a format that gives text a meaning (CSV formulas) has to defuse it.
 */
import type { CalendarUnit } from '../../../core/time/calendar.ts'
import type { Metric } from '../metrics.ts'
import type { Count } from '../numbers.ts'

/**
 * `count`: null only in an `other` row, where it was not computed (distinct visitors of very many values). `money`: exact
 * decimal text in major units. `ratio`, `seconds`, `ms`: null of nothing.
 */
export type MetricValue =
  | { readonly kind: 'count'; readonly value: Count | null }
  | { readonly kind: 'money'; readonly text: string }
  | { readonly kind: 'ratio' | 'seconds' | 'ms'; readonly value: number | null }

/** `time:day` as asked, or a dimension's name. */
export type DimensionName = string

export interface AnswerRow {
  /**
   * In the order asked. Of time: the bucket's start as ISO text with offset. Else the value, null where hits have none.
   * Of the `other` row: nulls.
   */
  readonly dimensions: readonly (string | null)[]
  /** True: everything that is beyond the cut, in one row, the last one; the form shows the label `(other)`. */
  readonly other?: true
  /** In the order asked. */
  readonly metrics: readonly MetricValue[]
  /** The same row of the time compared with. */
  readonly compare?: readonly MetricValue[]
}

/** The label that stands in the first place of an `other` row. */
export const otherLabel = '(other)'

export interface AnswerMeta {
  /** Every hit received before it is in the numbers; ISO text in UTC. */
  readonly asOf: string
  /** True when every hit received before the range's end is in them. */
  readonly complete: boolean
  /** Buckets; one that needs hits and visits may stand under both their sources, under `cache` only when all of it was. */
  readonly servedFrom: ServedFrom
  /** Relative, one standard error, of the worst row; empty where all is exact. */
  readonly approximate: { readonly visitors?: number }
  /** True where a breakdown had so many values that the smallest were folded into one. */
  readonly truncated: boolean
  readonly generation: number
  readonly timeZone: string
  readonly currency: string
  /** What was answered: the range asked, widened to full hours. ISO text with offset; absent where it has no bucket. */
  readonly from?: string
  readonly to?: string
  readonly compareFrom?: string
  readonly compareTo?: string
  /** Where revenue is asked: what was taken in other currencies over all of the range, decimal text by ISO code. */
  readonly otherCurrencies?: Readonly<Record<string, string>>
  /** True where the engine or the control store is away and these are the last known numbers. */
  readonly stale?: true
  /** Asks for the rows after these; absent on the last page. */
  readonly nextCursor?: string
}

export interface ServedFrom {
  readonly cache: number
  readonly rollup: number
  readonly daily: number
  readonly sessions: number
  readonly raw: number
}

/** A question as it was understood, every default filled in. JSON as it is. */
export interface UnderstoodQuery {
  readonly merchant: string
  readonly metrics: readonly Metric[]
  /** Two instants with offset, half-open: as asked, not widened. */
  readonly dateRange: readonly [string, string]
  readonly dimensions: readonly DimensionName[]
  readonly filters: readonly unknown[]
  readonly timeZone: string
  readonly orderBy: readonly (readonly [string, 'asc' | 'desc'])[]
  readonly limit: number
  readonly compare?: readonly [string, string]
}

export interface QueryAnswer {
  readonly columns: { readonly dimensions: readonly DimensionName[]; readonly metrics: readonly Metric[] }
  readonly rows: readonly AnswerRow[]
  readonly meta: AnswerMeta
  readonly query: UnderstoodQuery
}

export interface SeriesBucket {
  /** ISO text with offset; `end` is the next bucket's start. */
  readonly start: string
  readonly end: string
  readonly metrics: readonly MetricValue[]
}

/** Every bucket of the range is in it, the empty ones with zeros and nulls. */
export interface SeriesAnswer {
  readonly merchant: string
  readonly interval: CalendarUnit
  readonly timeZone: string
  readonly currency: string
  readonly metrics: readonly Metric[]
  readonly buckets: readonly SeriesBucket[]
  readonly meta: AnswerMeta
}
