/**
 * The query of a `SeriesQuestion` in one scan, for engines that compute a named relation anew wherever it is named, as
 * Trino does: the hashes of a bucket go on beside its sums as one list. The same columns and rows as `seriesSelect`, which
 * would read the table four times there. All sketches of a question are in memory at once: 32 KB for each that is full.
 */
import type { SeriesQuestion } from '../../../core/ports/query-engine.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { column, type Expression, type Select } from './ast.ts'
import { bucket, checkBuckets, rollupRows, rollupSumColumns, rollupSums, visitSums, visitsOf } from './series-parts.ts'
import { named } from './series-select.ts'

/** @throws RangeError where the buckets are none, too many, empty, or not rising and disjoint */
export function seriesSelectByLists(question: SeriesQuestion): Select {
  checkBuckets(question.buckets)
  const list = column('hashes', 'sums')
  return {
    with: question.from === 'rollup' ? rollup(question) : raw(question),
    columns: [
      ...['bucket', 'hits', 'pageviews', 'orders', 'revenue'].map((name) => ({
        expression: column(name, 'sums'),
        as: name,
      })),
      { expression: { kind: 'countOfSmallest', list, limit: totalSketchSize }, as: 'kept' },
      { expression: { kind: 'largestOfSmallest', list, limit: totalSketchSize }, as: 'largest' },
    ],
    from: named('sums'),
    orderBy: [column('bucket', 'sums')],
  }
}

type Relations = NonNullable<Select['with']>

function rollup(question: SeriesQuestion): Relations {
  const hashes: Expression = { kind: 'unionOf', lists: column('visitors', 'rows') }
  const sums: Select = {
    columns: [...rollupSums, { expression: hashes, as: 'hashes' }],
    ...rollupRows(question, [...rollupSumColumns, 'visitors']),
    groupBy: [bucket],
  }
  return [{ name: 'sums', select: sums }]
}

function raw(question: SeriesQuestion): Relations {
  // A visitor has one row a bucket, so the list names each once.
  const hashes: Expression = { kind: 'listOf', of: column('hash') }
  const sums: Select = {
    columns: [...visitSums, { expression: hashes, as: 'hashes' }],
    from: named('visits'),
    groupBy: [column('bucket')],
  }
  return [
    { name: 'visits', select: visitsOf(question) },
    { name: 'sums', select: sums },
  ]
}
