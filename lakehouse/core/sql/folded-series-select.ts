/**
 * The query of a `SeriesQuestion` in one scan: every group carries its visitors' hashes as one list. The same columns and
 * rows as `seriesSelect`, for engines that compute a named relation anew wherever it is named, as Trino does: there the
 * other form reads the table four times. It holds all lists in memory at once, which `seriesSelect` does not.
 */
import type { SeriesQuestion } from '../../../core/ports/query-engine.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { column, type Select, type Source } from './ast.ts'
import { bucket, checkBuckets, rollupRows, rollupSumColumns, rollupSums, visitSums, visitsOf } from './series-parts.ts'

const named = (name: string): Source => ({ relation: { kind: 'named', name }, as: name })

/** @throws RangeError where the buckets are none, too many, empty, or not rising and disjoint */
export function foldedSeriesSelect(question: SeriesQuestion): Select {
  checkBuckets(question.buckets)
  const list = column('hashes', 'folded')
  return {
    with: question.from === 'rollup' ? foldedRollup(question) : foldedHits(question),
    columns: [
      ...['bucket', 'hits', 'pageviews', 'orders', 'revenue'].map((name) => ({
        expression: column(name, 'folded'),
        as: name,
      })),
      { expression: { kind: 'countOfSmallest', list, limit: totalSketchSize }, as: 'kept' },
      { expression: { kind: 'largestOfSmallest', list, limit: totalSketchSize }, as: 'largest' },
    ],
    from: named('folded'),
    orderBy: [column('bucket', 'folded')],
  }
}

function foldedRollup(question: SeriesQuestion): NonNullable<Select['with']> {
  const union = { expression: { kind: 'unionOf', lists: column('visitors', 'rows') }, as: 'hashes' } as const
  const rows = rollupRows(question, [...rollupSumColumns, 'visitors'])
  return [{ name: 'folded', select: { columns: [...rollupSums, union], ...rows, groupBy: [bucket] } }]
}

function foldedHits(question: SeriesQuestion): NonNullable<Select['with']> {
  // A visitor has one row a bucket, so the list names each once.
  const list = { expression: { kind: 'listOf', of: column('hash') }, as: 'hashes' } as const
  const folded: Select = { columns: [...visitSums, list], from: named('visits'), groupBy: [column('bucket')] }
  return [
    { name: 'visits', select: visitsOf(question) },
    { name: 'folded', select: folded },
  ]
}
