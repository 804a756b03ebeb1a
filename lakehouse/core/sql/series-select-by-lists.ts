/**
 * The query of a `SeriesQuestion` for engines that compute a named relation anew wherever it is named, as Trino does:
 * every relation is named once, for the hashes of a bucket go on as one list. The same columns and rows as
 * `seriesSelect`, which would read the table four times there; but it holds all those lists in memory at once.
 */
import type { SeriesQuestion } from '../../../core/ports/query-engine.ts'
import { totalSketchSize } from '../../../schemas/tables.ts'
import { column, type Select } from './ast.ts'
import { checkBuckets, rollupHashes, rollupSums, visitSums, visitsOf } from './series-parts.ts'
import { leftJoin, named } from './series-select.ts'

const listOfHashes: Select['columns'][number] = { expression: { kind: 'listOf', of: column('hash') }, as: 'hashes' }

/** @throws RangeError where the buckets are none, too many, empty, or not rising and disjoint */
export function seriesSelectByLists(question: SeriesQuestion): Select {
  checkBuckets(question.buckets)
  return question.from === 'rollup' ? fromRollup(question) : fromHits(question)
}

/** Two scans: sums, and sketches. Sums beside every hash of every sketch would take far more memory than the second scan. */
function fromRollup(question: SeriesQuestion): Select {
  const lists: Select = {
    columns: [{ expression: column('bucket'), as: 'bucket' }, listOfHashes],
    from: named('hashes'),
    groupBy: [column('bucket')],
  }
  return {
    with: [
      { name: 'sums', select: rollupSums(question) },
      { name: 'hashes', select: rollupHashes(question) },
      { name: 'lists', select: lists },
    ],
    columns: answerColumns('sums', 'lists'),
    from: leftJoin(named('sums'), 'sums', named('lists')),
    orderBy: [column('bucket', 'sums')],
  }
}

/** One scan. A visitor has one row a bucket, so the list names each once. */
function fromHits(question: SeriesQuestion): Select {
  const sums: Select = {
    columns: [...visitSums, listOfHashes],
    from: named('visits'),
    groupBy: [column('bucket')],
  }
  return {
    with: [
      { name: 'visits', select: visitsOf(question) },
      { name: 'sums', select: sums },
    ],
    columns: answerColumns('sums', 'sums'),
    from: named('sums'),
    orderBy: [column('bucket', 'sums')],
  }
}

function answerColumns(sums: string, lists: string): Select['columns'] {
  const list = column('hashes', lists)
  return [
    ...['bucket', 'hits', 'pageviews', 'orders', 'revenue'].map((name) => ({
      expression: column(name, sums),
      as: name,
    })),
    { expression: { kind: 'countOfSmallest', list, limit: totalSketchSize }, as: 'kept' },
    { expression: { kind: 'largestOfSmallest', list, limit: totalSketchSize }, as: 'largest' },
  ]
}
