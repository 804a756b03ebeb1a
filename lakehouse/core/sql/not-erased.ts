/**
 * What erasures leave of `hits`, as a condition that is never null. Up to which moment a merchant's, visitor's or user's hits
 * are erased is looked up, not compared one by one: a thousand conditions are more than Trino compiles.
 */
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import { boolean, column, compare, type Expression, type LookedUp, orElse } from './ast.ts'

/** Columns that the condition reads, beside `merchant`. */
export const erasedColumns = ['received', 'visitor', 'user'] as const

/** Of a question without erasures no column more is read. */
export function columnsFor(erased: readonly ErasedHits[]): readonly string[] {
  return erased.length === 0 ? [] : erasedColumns
}

/** Rows of `as` that are left: all conditions hold. None: all are. `moment`: the column that says when a row came. */
export function notErased(erased: readonly ErasedHits[], as: string, moment = 'received'): readonly Expression[] {
  const later = (keys: readonly string[], entries: readonly LookedUp[]): readonly Expression[] => {
    if (entries.length === 0) return []
    const through: Expression = { kind: 'lookUp', keys: keys.map((key) => column(key, as)), entries }
    const at: Expression = { kind: 'epochMs', of: column(moment, as) }
    return [orElse(compare(at, '>', through), boolean(true))]
  }
  return [
    ...later(['merchant'], throughs(erased, 'merchant')),
    ...later(['merchant', 'visitor'], throughs(erased, 'visitor')),
    ...later(['merchant', 'user'], throughs(erased, 'user')),
  ]
}

/** Of each path the latest. */
function throughs(erased: readonly ErasedHits[], kind: 'merchant' | 'visitor' | 'user'): readonly LookedUp[] {
  const found = new Map<string, LookedUp>()
  for (const { merchant, subject, through } of erased) {
    if (subject.kind !== kind) continue
    const path = subject.kind === 'merchant' ? [merchant] : [merchant, subject.value]
    // Half a surrogate pair is in no stored text, and no engine could be told of it.
    if (path.some((text) => /\p{Surrogate}/u.test(text))) continue
    const key = JSON.stringify(path)
    found.set(key, { path, value: Math.max(through, found.get(key)?.value ?? through) })
  }
  return [...found.values()]
}
