/**
 * The hits that a question's statement reads, with nothing done to them: an engine that tells from a plan how many rows it
 * reads plans this in a fraction of the time that the statement itself takes to plan.
 */
import type { RawQuestion, VisitsQuestion } from '../../../core/ports/query-engine.ts'
import { and, column, type Select, whole } from './ast.ts'
import { ofMerchant } from './of-merchant.ts'
import { spanOf } from './pieces.ts'
import { visitsHitRanges } from './visits-select.ts'
import { inRanges } from './visits-select-lines.ts'

/** Of pieces that are computed from hits; where a question's filter would leave out files, those are in it all the same. */
export function hitsReadSelect(question: RawQuestion | VisitsQuestion): Select {
  const ranges = question.from === 'visits' ? visitsHitRanges(question) : [spanOf(question.pieces)]
  return {
    columns: [{ expression: whole(1), as: 'hit' }],
    from: { relation: { kind: 'table', table: 'hits', columns: ['merchant', '_gen', 'time'] }, as: 'rows' },
    where: and(ofMerchant(question, 'hits', 'rows', spanOf(ranges)), inRanges(column('time', 'rows'), ranges)),
  }
}
