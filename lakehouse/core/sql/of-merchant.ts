/** The tenant predicate, here and nowhere else: no row of another merchant enters any answer, and none that does not answer. */
import type { BucketRange, Question } from '../../../core/ports/query-engine.ts'
import type { TableName } from '../../../core/tables.ts'
import { and, column, compare, type Expression, instant, text } from './ast.ts'
import { answerTime, ofGenerations, sinkOfTable } from './of-generations.ts'

/**
 * Rows of the table, as `as`, that are the merchant's, answer, and have their time in the range. Where pieces say the time
 * more exactly, the range repeats it all the same: engines skip files and row groups by it.
 */
export function ofMerchant(
  { merchant, generations }: Pick<Question, 'merchant' | 'generations'>,
  table: Exclude<TableName, 'failed_hits'>,
  as: string,
  range: BucketRange,
): Expression {
  const time = answerTime(table)
  return and(
    compare(column('merchant', as), '=', text(merchant)),
    ofGenerations(generations[sinkOfTable[table]], as, time, range),
    compare(column(time, as), '>=', instant(range.start)),
    compare(column(time, as), '<', instant(range.end)),
  )
}
