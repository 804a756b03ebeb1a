/**
 * What erasures leave of `hits`, as a condition that is never null. Values of one moment are one list, and where there are
 * several moments all values come first as one: engines look a list up at once, whatever its length, and only rows of an
 * erased subject go through the moments one by one.
 */
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import { and, anyOf, column, compare, type Expression, instant, not, or, text } from './ast.ts'

/** Columns that the condition reads, beside `merchant`. */
export const erasedColumns = ['received', 'visitor', 'user'] as const

/** Of a question without erasures no column more is read. */
export function columnsFor(erased: readonly ErasedHits[]): readonly string[] {
  return erased.length === 0 ? [] : erasedColumns
}

/** Rows of `as` that are left, all of one merchant: these erasures are its own. Empty: all are. */
export function notErased(erased: readonly ErasedHits[], as: string): readonly Expression[] {
  const later = (through: number) => compare(column('received', as), '>', instant(through))
  const whole = erased.filter(({ subject }) => subject.kind === 'merchant').map(({ through }) => through)
  return [
    ...(whole.length === 0 ? [] : [later(Math.max(...whole))]),
    ...leftOf('visitor', erased, as, later),
    ...leftOf('user', erased, as, later),
  ]
}

/** Rows of `as` that are left, of any merchants. */
export function notErasedOfMany(erased: readonly ErasedHits[], as: string): readonly Expression[] {
  return [...new Set(erased.map(({ merchant }) => merchant))].map((merchant) => {
    const own = erased.filter((each) => each.merchant === merchant)
    return or(compare(column('merchant', as), '<>', text(merchant)), and(...notErasedOrAll(own, as)))
  })
}

function notErasedOrAll(own: readonly ErasedHits[], as: string): readonly Expression[] {
  const left = notErased(own, as)
  // Of values that no stored text can have, nothing is erased.
  return left.length === 0 ? [compare(text(''), '=', text(''))] : left
}

function leftOf(
  kind: 'visitor' | 'user',
  erased: readonly ErasedHits[],
  as: string,
  later: (through: number) => Expression,
): readonly Expression[] {
  const moments = new Map<number, string[]>()
  for (const { subject, through } of erased) {
    if (subject.kind !== kind) continue
    // Half a surrogate pair is in no stored text, and no engine could be told of it.
    if (/\p{Surrogate}/u.test(subject.value)) continue
    const values = moments.get(through)
    if (values === undefined) moments.set(through, [subject.value])
    else values.push(subject.value)
  }
  if (moments.size === 0) return []
  const held = column(kind, as)
  const others = (values: readonly string[]) => not(anyOf(held, values))
  const byMoment = [...moments].map(([through, values]) => or(others(values), later(through)))
  const [only] = byMoment
  const detail = byMoment.length === 1 && only !== undefined ? only : and(...byMoment)
  const all = moments.size === 1 ? [] : [others([...moments.values()].flat())]
  return [or({ kind: 'isNull', of: held }, ...all, detail)]
}
