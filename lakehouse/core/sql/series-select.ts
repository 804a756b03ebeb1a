/**
 * The one query of a `SeriesQuestion`: for every bucket its sums, and of its visitors how many hashes a KMV sketch of
 * their union keeps and the largest of those. Columns: bucket, hits, pageviews, orders, revenue, kept, largest.
 *
 * Rollup: partial rows of `hourly` are summed, their sketches unnested, made distinct and cut to k. Raw: hits are first
 * grouped by bucket and visitor, so that sums and sketch come of one scan and its memory follows visitors, not hits.
 */
import type { BucketRange, SeriesQuestion } from '../../../core/ports/query-engine.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
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

const bucket = column('index', 'buckets')

/**
 * @throws RangeError where the buckets are none, too many, empty, or not rising and disjoint
 */
export function seriesSelect(question: SeriesQuestion): Select {
  checkBuckets(question.buckets)
  const { sums, hashes } = question.from === 'rollup' ? rollup(question) : raw(question)
  return {
    with: [
      ...sums,
      { name: 'hashes', select: hashes },
      {
        name: 'placed',
        select: {
          columns: [
            { expression: column('bucket'), as: 'bucket' },
            { expression: column('hash'), as: 'hash' },
            { expression: { kind: 'place', partitionBy: [column('bucket')], by: column('hash') }, as: 'place' },
          ],
          from: { relation: { kind: 'named', name: 'hashes' }, as: 'hashes' },
        },
      },
      {
        name: 'sketches',
        select: {
          columns: [
            { expression: column('bucket'), as: 'bucket' },
            { expression: { kind: 'count' }, as: 'kept' },
            { expression: { kind: 'max', of: column('hash') }, as: 'largest' },
          ],
          from: { relation: { kind: 'named', name: 'placed' }, as: 'placed' },
          where: compare(column('place'), '<=', whole(totalSketchSize)),
          groupBy: [column('bucket')],
        },
      },
    ],
    columns: [
      ...['bucket', 'hits', 'pageviews', 'orders', 'revenue'].map((name) => ({
        expression: column(name, 'sums'),
        as: name,
      })),
      { expression: { kind: 'orElse', of: column('kept', 'sketches'), otherwise: whole(0) }, as: 'kept' },
      { expression: column('largest', 'sketches'), as: 'largest' },
    ],
    from: {
      relation: {
        kind: 'join',
        how: 'left',
        left: { relation: { kind: 'named', name: 'sums' }, as: 'sums' },
        right: { relation: { kind: 'named', name: 'sketches' }, as: 'sketches' },
        on: compare(column('bucket', 'sums'), '=', column('bucket', 'sketches')),
      },
      as: 'joined',
    },
    orderBy: [column('bucket', 'sums')],
  }
}

interface Parts {
  /** The last is named `sums`. */
  readonly sums: readonly { readonly name: string; readonly select: Select }[]
  /** Columns bucket and hash, each pair once. */
  readonly hashes: Select
}

function rollup(question: SeriesQuestion): Parts {
  const rows = (names: readonly string[]) => rowsInBuckets(question, 'bucket', ['breakdown', ...names])
  const where = and(ofQuestion(question, 'bucket'), compare(column('breakdown', 'rows'), '=', text(question.breakdown)))
  const sums: Select = {
    columns: [
      { expression: bucket, as: 'bucket' },
      { expression: sumOrZero(column('hits', 'rows')), as: 'hits' },
      { expression: sumOrZero(column('pageviews', 'rows')), as: 'pageviews' },
      { expression: sumOrZero(column('orders', 'rows')), as: 'orders' },
      { expression: sumOrZero(column('revenue_micros', 'rows')), as: 'revenue' },
    ],
    from: rows(['hits', 'pageviews', 'orders', 'revenue_micros']),
    where,
    groupBy: [bucket],
  }
  const hashes: Select = {
    distinct: 'distinct',
    columns: [
      { expression: bucket, as: 'bucket' },
      { expression: column('hash', 'visitor'), as: 'hash' },
    ],
    from: {
      relation: {
        kind: 'unnest',
        left: rows(['visitors']),
        list: column('visitors', 'rows'),
        as: 'visitor',
        element: 'hash',
      },
      as: 'unnested',
    },
    where,
  }
  return { sums: [{ name: 'sums', select: sums }], hashes }
}

function raw(question: SeriesQuestion): Parts {
  const named = (name: string): Expression => ({
    kind: 'count',
    where: compare(column('name', 'rows'), '=', text(name)),
  })
  const visits: Select = {
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
  const from: Source = { relation: { kind: 'named', name: 'visits' }, as: 'visits' }
  const sums: Select = {
    columns: [
      { expression: column('bucket'), as: 'bucket' },
      ...['hits', 'pageviews', 'orders', 'revenue'].map((name) => ({ expression: sumOrZero(column(name)), as: name })),
    ],
    from,
    groupBy: [column('bucket')],
  }
  const hashes: Select = {
    columns: [
      { expression: column('bucket'), as: 'bucket' },
      { expression: column('hash'), as: 'hash' },
    ],
    from,
    where: { kind: 'notNull', of: column('hash') },
  }
  return {
    sums: [
      { name: 'visits', select: visits },
      { name: 'sums', select: sums },
    ],
    hashes,
  }
}

/** The question's rows joined with the bucket their time lies in. */
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
      ranges: {
        relation: {
          kind: 'values',
          columns: [
            { name: 'index', type: 'whole' },
            { name: 'start', type: 'instant' },
            { name: 'end', type: 'instant' },
          ],
          rows: question.buckets.map(({ start, end }, index) => [
            { type: 'whole', value: index },
            { type: 'instant', value: start },
            { type: 'instant', value: end },
          ]),
        },
        as: 'buckets',
      },
      start: column('start', 'buckets'),
      end: column('end', 'buckets'),
    },
    as: 'bucketed',
  }
}

/**
 * The tenant predicate, here and nowhere else: no row of another merchant or generation enters any question. The range
 * of time repeats what the buckets say, for engines skip row groups by it.
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
