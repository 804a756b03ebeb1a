/** Which of some ids are hits of a merchant. Columns: `ids`, a JSON array of the one id. */
import type { KnownIdsQuestion } from '../../../core/ports/query-engine.ts'
import { and, anyOf, column, type Select } from './ast.ts'
import { ofMerchant } from './of-merchant.ts'

/** Most ids of one question (core/ports/query-engine.ts). */
export const maxKnownIds = 10_000

/** @throws RangeError where there are too many, or the range is empty */
export function checkKnownIds({ ids, range }: KnownIdsQuestion): void {
  if (ids.length > maxKnownIds)
    throw new RangeError(`a question has at most ${maxKnownIds} ids, asked for ${ids.length}`)
  if (range.end <= range.start) throw new RangeError('the range is empty')
}

/** Ids that may be stored: half a surrogate pair is in no stored text, and no engine could be told of it. */
export function storableIds(ids: readonly string[]): readonly string[] {
  return [...new Set(ids)].filter((id) => !/\p{Surrogate}/u.test(id))
}

/** `ids`: at least one, storable. */
export function knownIdsSelect(question: KnownIdsQuestion, ids: readonly string[]): Select {
  const id = column('id', 'stored')
  return {
    distinct: 'distinct',
    columns: [{ expression: { kind: 'texts', of: [id] }, as: 'ids' }],
    from: { relation: { kind: 'table', table: 'hits', columns: ['merchant', '_gen', 'time', 'id'] }, as: 'stored' },
    where: and(ofMerchant(question, 'stored', 'time', question.range), anyOf(id, ids)),
  }
}
