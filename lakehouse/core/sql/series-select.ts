/**
 * The one query of a `SeriesQuestion`: for every bucket its sums, and of its visitors how many hashes a KMV sketch of
 * their union keeps and the largest of those. Columns: bucket, hits, pageviews, orders, revenue, kept, largest.
 *
 * Rollup: partial rows of `hourly` are summed, their sketches unnested, made distinct and cut to k. Raw: hits are first
 * grouped by bucket and visitor, so that sums and sketch come of one scan and its memory follows visitors, not hits.
 */
import type { SeriesQuestion } from '../../../core/ports/query-engine.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { column, compare, type Expression, type Select, type Source, whole } from './ast.ts'
import { bucket, checkBuckets, rollupRows, rollupSumColumns, rollupSums, visitSums, visitsOf } from './series-parts.ts'

export { checkBuckets, maxSeriesBuckets, orderName, pageViewName } from './series-parts.ts'

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

export function named(name: string): Source {
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
  const sums: Select = { columns: rollupSums, ...rollupRows(question, rollupSumColumns), groupBy: [bucket] }
  return { sums: [{ name: 'sums', select: sums }], hashes: rollupHashes(question) }
}

/** Every hash of the bucket's sketches once: bucket, hash. */
function rollupHashes(question: SeriesQuestion): Select {
  const { from, where } = rollupRows(question, ['visitors'])
  return {
    distinct: 'distinct',
    columns: [
      { expression: bucket, as: 'bucket' },
      { expression: column('hash', 'visitor'), as: 'hash' },
    ],
    from: {
      relation: { kind: 'unnest', left: from, list: column('visitors', 'rows'), as: 'visitor', element: 'hash' },
      as: 'unnested',
    },
    where,
  }
}

function raw(question: SeriesQuestion): Parts {
  const sums: Select = { columns: visitSums, from: named('visits'), groupBy: [column('bucket')] }
  const hashes: Select = {
    columns: [
      { expression: column('bucket'), as: 'bucket' },
      { expression: column('hash'), as: 'hash' },
    ],
    from: named('visits'),
    where: { kind: 'notNull', of: column('hash') },
  }
  return {
    sums: [
      { name: 'visits', select: visitsOf(question) },
      { name: 'sums', select: sums },
    ],
    hashes,
  }
}
