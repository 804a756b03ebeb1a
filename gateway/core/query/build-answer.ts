/** The finished rows and facts of an answer. */
import type { Merchant } from '../../../core/ports/control-store.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import { isoWithOffset } from '../../../core/time/calendar.ts'
import type { Metric } from '../metrics.ts'
import { decimalText, minorDigitsOf } from '../numbers.ts'
import { bucketName } from '../planner.ts'
import type { AnswerMeta, AnswerRow, ServedFrom } from './answer.ts'
import type { NumbersRow } from './ask-numbers.ts'
import { addOtherRevenue, metricValue, type RowNumbers } from './metric-values.ts'
import type { ParsedQuery } from './parse-query.ts'

export function answerRow(
  row: NumbersRow,
  before: RowNumbers | undefined,
  facts: {
    readonly query: Pick<ParsedQuery, 'dimensions' | 'metrics' | 'unit' | 'zone'>
    readonly minorDigits: number
    readonly buckets: readonly BucketRange[]
  },
): AnswerRow {
  const { query, minorDigits, buckets } = facts
  const metrics = (of: RowNumbers) => query.metrics.map((metric) => metricValue(metric, of, minorDigits))
  let value = 0
  return {
    dimensions: query.dimensions.map(({ kind }) => {
      const bucket = buckets[row.bucket]
      if (kind === 'time' && query.unit !== null && bucket) return bucketName(query.unit, query.zone, bucket)
      return row.values[value++] || null
    }),
    ...(row.other ? { other: true as const } : {}),
    metrics: metrics(row),
    ...(before && { compare: metrics(before) }),
  }
}

export function answerMeta(facts: {
  readonly merchant: Merchant
  readonly zone: string
  readonly metrics: readonly Metric[]
  readonly generation: number
  readonly buckets: readonly BucketRange[]
  readonly compareBuckets?: readonly BucketRange[] | undefined
  readonly served: ServedFrom
  /** Whose visitors are shown. */
  readonly rows: readonly RowNumbers[]
  /** Of the whole range, cut or not. */
  readonly allRows: readonly NumbersRow[]
  /** End of the range. */
  readonly end: number
  readonly asOf: number
  readonly stale: boolean
  readonly nextCursor?: string | undefined
}): AnswerMeta {
  const { merchant, zone, metrics, buckets, compareBuckets, allRows, asOf, end } = facts
  const [first, last] = [buckets[0], buckets.at(-1)]
  const [compareFirst, compareLast] = [compareBuckets?.[0], compareBuckets?.at(-1)]
  return {
    asOf: new Date(asOf).toISOString(),
    complete: asOf >= end,
    servedFrom: facts.served,
    approximate: metrics.includes('visitors') ? worstVisitors(facts.rows) : {},
    truncated: allRows.some(({ other }) => other),
    generation: facts.generation,
    timeZone: zone,
    currency: merchant.currency,
    ...(first && last ? { from: isoWithOffset(zone, first.start), to: isoWithOffset(zone, last.end) } : {}),
    ...(compareFirst && compareLast
      ? { compareFrom: isoWithOffset(zone, compareFirst.start), compareTo: isoWithOffset(zone, compareLast.end) }
      : {}),
    ...(metrics.includes('revenue') ? { otherCurrencies: otherCurrencies(allRows) } : {}),
    ...(facts.stale ? { stale: true as const } : {}),
    ...(facts.nextCursor === undefined ? {} : { nextCursor: facts.nextCursor }),
  }
}

/** Relative, one standard error, of the worst row; the others are at least as good. */
function worstVisitors(rows: readonly RowNumbers[]): AnswerMeta['approximate'] {
  const error = rows.reduce((most, { hits }) => Math.max(most, hits?.visitors?.standardError ?? 0), 0)
  return error === 0 ? {} : { visitors: Number(error.toFixed(4)) }
}

function otherCurrencies(rows: readonly NumbersRow[]): Readonly<Record<string, string>> {
  let sums: ReturnType<typeof addOtherRevenue>
  for (const { hits } of rows) sums = addOtherRevenue(sums, hits?.otherRevenue)
  return Object.fromEntries(
    (sums ?? []).map(({ currency, micros }) => [currency, decimalText(micros, minorDigitsOf(currency))]),
  )
}
