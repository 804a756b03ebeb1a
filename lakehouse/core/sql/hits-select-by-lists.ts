/**
 * The query of a `HitsQuestion` for engines that compute a named relation anew wherever it is named, as Trino does: the
 * hashes of a group go on beside its sums as one list, in one scan. The same columns and rows as `hitsSelect`, which would
 * read the table four times there. All sketches of a question are in memory at once: 32 KB for each that is full.
 */
import type { HitsQuestion } from '../../../core/ports/query-engine.ts'
import { column, type Expression, type Select } from './ast.ts'
import { hasPart } from './hits-rows.ts'
import { answerColumns, answerSource, loadsOf, sumsOf } from './hits-sums.ts'

/** @throws RangeError where there are no pieces, or a rollup is asked for what its breakdown does not hold */
export function hitsSelectByLists(question: HitsQuestion): Select {
  // Of hits a visitor has one row a group, so the list names each once.
  const hashes: Expression =
    question.from === 'rollup'
      ? { kind: 'unionOf', lists: column('visitors', 'rows') }
      : { kind: 'listOf', of: column('hash', 'rows') }
  const list = column('hashes', 'sums')
  const limit = question.sketchSize
  return {
    with: [
      ...sumsOf(question, hasPart(question, 'visitors') ? [{ expression: hashes, as: 'hashes' }] : []),
      ...loadsOf(question),
    ],
    columns: answerColumns(question, [
      { expression: { kind: 'countOfSmallest', list, limit }, as: 'kept' },
      { expression: { kind: 'largestOfSmallest', list, limit }, as: 'largest' },
    ]),
    from: answerSource(question),
    limit: question.maxGroups + 1,
  }
}
