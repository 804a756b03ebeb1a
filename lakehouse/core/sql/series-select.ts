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
      { name: 'counted', select: keptAndLargest('hashes') },
      { name: 'placed', select: placedWhereFull },
      { name: 'cut', select: keptAndLargest('placed', compare(column('place'), '<=', whole(totalSketchSize))) },
    ],
    columns: [
      ...['bucket', 'hits', 'pageviews', 'orders', 'revenue'].map((name) => ({
        expression: column(name, 'sums'),
        as: name,
      })),
      { expression: firstOf(column('kept', 'cut'), column('kept', 'counted'), whole(0)), as: 'kept' },
      { expression: firstOf(column('largest', 'cut'), column('largest', 'counted')), as: 'largest' },
    ],
    from: leftJoin(leftJoin(named('sums'), 'sums', named('counted')), 'sums', named('cut')),
    orderBy: [column('bucket', 'sums')],
  }
}

/** How many hashes a bucket has, and the largest. */
function keptAndLargest(relation: string, where?: Expression): Select {
  return {
    columns: [
      { expression: column('bucket'), as: 'bucket' },
      { expression: { kind: 'count' }, as: 'kept' },
      { expression: { kind: 'max', of: column('hash') }, as: 'largest' },
    ],
    from: named(relation),
    ...(where && { where }),
    groupBy: [column('bucket')],
  }
}

/**
 * The hashes of buckets that have more than a sketch holds, in order. Only of those: a window over thousands of buckets
 * takes more memory than all the rest of the query, and nearly no bucket needs it.
 */
const placedWhereFull: Select = {
  columns: [
    { expression: column('bucket', 'hashes'), as: 'bucket' },
    { expression: column('hash', 'hashes'), as: 'hash' },
    {
      expression: { kind: 'place', partitionBy: [column('bucket', 'hashes')], by: column('hash', 'hashes') },
      as: 'place',
    },
  ],
  from: {
    relation: {
      kind: 'join',
      how: 'inner',
      left: named('hashes'),
      right: named('counted'),
      on: compare(column('bucket', 'hashes'), '=', column('bucket', 'counted')),
    },
    as: 'joined',
  },
  where: compare(column('kept', 'counted'), '>', whole(totalSketchSize)),
}

function named(name: string): Source {
  return { relation: { kind: 'named', name }, as: name }
}

/** Every row of `left`, whose bucket is in its part `by`, with the row of that bucket on the right where there is one. */
function leftJoin(left: Source, by: string, right: Source): Source {
  const on = compare(column('bucket', by), '=', column('bucket', right.as))
  return { relation: { kind: 'join', how: 'left', left, right, on }, as: 'joined' }
}

function firstOf(of: Expression, ...others: readonly Expression[]): Expression {
  const [next, ...rest] = others
  return next === undefined ? of : { kind: 'orElse', of, otherwise: firstOf(next, ...rest) }
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
