/**
 * The hits that a question's statement reads, with nothing done to them: an engine that tells from a plan how many rows it
 * reads plans this in a fraction of the time that the statement itself takes to plan.
 */
import type { RawQuestion, VisitsQuestion } from '../../../core/ports/query-engine.ts'
import { and, type Select, whole } from './ast.ts'
import { ofMerchant } from './of-merchant.ts'
import { spanOf } from './pieces.ts'
import { visitsHitConditions, visitsHitRanges } from './visits-select.ts'

/** Of pieces that are computed from hits; where a question's filter would leave out files, those are in it all the same. */
export function hitsReadSelect(question: RawQuestion | VisitsQuestion): Select {
  return {
    columns: [{ expression: whole(1), as: 'hit' }],
    from: { relation: { kind: 'table', table: 'hits', columns: ['merchant', '_gen', 'time'] }, as: 'rows' },
    where:
      question.from === 'visits'
        ? and(...visitsHitConditions(question, visitsHitRanges(question), 'rows'))
        : ofMerchant(question, 'hits', 'rows', spanOf(question.pieces)),
  }
}
