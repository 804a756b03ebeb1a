/** Which of some ids are hits of a merchant. Columns: `ids`, a JSON array of the one id. */
import type { KnownIdsQuestion } from '../../../core/ports/query-engine.ts'
import { and, anyOf, column, compare, instant, type Select, text } from './ast.ts'

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
  const of = (name: string) => column(name, 'stored')
  const { merchant, range } = question
  return {
    distinct: 'distinct',
    columns: [{ expression: { kind: 'texts', of: [of('id')] }, as: 'ids' }],
    from: { relation: { kind: 'table', table: 'hits', columns: ['merchant', 'time', 'id'] }, as: 'stored' },
    where: and(
      compare(of('merchant'), '=', text(merchant)),
      compare(of('time'), '>=', instant(range.start)),
      compare(of('time'), '<', instant(range.end)),
      anyOf(of('id'), ids),
    ),
  }
}
