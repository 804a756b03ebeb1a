/**
 * What every form of a series' query is made of: which rows belong to the question, the bucket of each, and the sums.
 * The forms differ only in how they come by the sketch of visitors (series-select.ts, series-select-by-lists.ts).
 */
import type { BucketRange, SeriesQuestion } from '../../../core/ports/query-engine.ts'
import {
  and,
  boolean,
  column,
  compare,
  type Expression,
  instant,
  type Select,
  type Source,
  sumOrZero,
  text,
  whole,
} from './ast.ts'

/** What a hit must be named to count as a page view, and as an order. */
export const pageViewName = 'page_view'
export const orderName = 'purchase'

/** Most buckets of one question (api.md, `dateRange`). */
export const maxSeriesBuckets = 10_000

/** Number of the bucket, where the question's rows are read. */
export const bucket = column('index', 'buckets')

type Rows = Required<Pick<Select, 'from' | 'where'>>

/** Partial rows of `hourly`, as `rows`. */
export function rollupRows(question: SeriesQuestion, columns: readonly string[]): Rows {
  return {
    from: rowsInBuckets(question, 'bucket', ['breakdown', ...columns]),
    where: and(ofQuestion(question, 'bucket'), compare(column('breakdown', 'rows'), '=', text(question.breakdown))),
  }
}

export const rollupSumColumns = ['hits', 'pageviews', 'orders', 'revenue_micros']

/** Of `rollupRows` grouped by `bucket`: bucket, hits, pageviews, orders, revenue. */
export const rollupSums: Select['columns'] = [
  { expression: bucket, as: 'bucket' },
  { expression: sumOrZero(column('hits', 'rows')), as: 'hits' },
  { expression: sumOrZero(column('pageviews', 'rows')), as: 'pageviews' },
  { expression: sumOrZero(column('orders', 'rows')), as: 'orders' },
  { expression: sumOrZero(column('revenue_micros', 'rows')), as: 'revenue' },
]

/** Hits grouped by bucket and visitor: bucket, hash, hits, pageviews, orders, revenue. Hits without a visitor have no hash. */
export function visitsOf(question: SeriesQuestion): Select {
  const named = (name: string): Expression => ({
    kind: 'count',
    where: compare(column('name', 'rows'), '=', text(name)),
  })
  return {
    columns: [
      { expression: bucket, as: 'bucket' },
      { expression: column('visitor_hash', 'rows'), as: 'hash' },
      { expression: { kind: 'count' }, as: 'hits' },
      { expression: named(pageViewName), as: 'pageviews' },
      { expression: named(orderName), as: 'orders' },
      { expression: { kind: 'sum', of: column('revenue_home_micros', 'rows') }, as: 'revenue' },
    ],
    from: rowsInBuckets(question, 'time', ['bot', 'name', 'revenue_home_micros', 'visitor_hash']),
    where: and(ofQuestion(question, 'time'), compare(column('bot', 'rows'), '=', boolean(false))),
    groupBy: [bucket, column('visitor_hash', 'rows')],
  }
}

/** Of `visitsOf` grouped by bucket: bucket, hits, pageviews, orders, revenue. */
export const visitSums: Select['columns'] = [
  { expression: column('bucket'), as: 'bucket' },
  ...['hits', 'pageviews', 'orders', 'revenue'].map((name) => ({ expression: sumOrZero(column(name)), as: name })),
]

/** The question's rows, as `rows`, with the bucket their time lies in. */
function rowsInBuckets(question: SeriesQuestion, time: string, columns: readonly string[]): Source {
  return {
    relation: {
      kind: 'within',
      left: {
        relation: {
          kind: 'table',
          table: question.view.table,
          columns: ['merchant', '_gen', time, ...columns],
        },
        as: 'rows',
      },
      point: column(time, 'rows'),
      ranges: question.buckets,
      as: 'buckets',
      index: 'index',
    },
    as: 'bucketed',
  }
}

/**
 * The tenant predicate, here and nowhere else: no row of another merchant or generation enters any question. The range
 * of time repeats what the buckets say, for engines skip files and row groups by it.
 */
function ofQuestion({ merchant, generation, buckets }: SeriesQuestion, time: string): Expression {
  const first = buckets[0]
  const last = buckets.at(-1)
  return and(
    compare(column('merchant', 'rows'), '=', text(merchant)),
    compare(column('_gen', 'rows'), '=', whole(generation)),
    compare(column(time, 'rows'), '>=', instant(first?.start ?? 0)),
    compare(column(time, 'rows'), '<', instant(last?.end ?? 0)),
  )
}

/** @throws RangeError where the buckets are none, too many, empty, or not rising and disjoint */
export function checkBuckets(buckets: readonly BucketRange[]): void {
  if (buckets.length === 0 || buckets.length > maxSeriesBuckets) {
    throw new RangeError(`a series has 1 to ${maxSeriesBuckets} buckets, asked for ${buckets.length}`)
  }
  let end = Number.NEGATIVE_INFINITY
  for (const range of buckets) {
    if (range.start < end || range.end <= range.start)
      throw new RangeError('buckets must rise, be disjoint and not be empty')
    end = range.end
  }
}
