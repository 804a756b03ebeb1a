/** Columns that a plan over a table makes of others: declared, so that they run as SQL as well. */
import type { DerivedColumn, RowType } from './node/step.ts'
import type { Is, PredicateOver } from './predicates.ts'

/** Null where either is. */
interface Difference<K extends string> {
  readonly column: K
  readonly less: K
}
interface HashOf<K extends string> {
  readonly column: K
  readonly hash: 'distinct'
}
interface WindowBound {
  readonly window: 'start' | 'end'
}

/** One column less another, both of integers or instants. */
export const difference = <const K extends string>(column: K, less: K): Difference<K> => ({ column, less })
/** The hash of a column of texts, for `countDistinct`: `distinctOf` of each (core/sketch/distinct-of.ts); null of none. */
export const hashOf = <const K extends string>(column: K): HashOf<K> => ({ column, hash: 'distinct' })
/** When the window begins: an instant. */
export const windowStart = (): WindowBound => ({ window: 'start' })
/**
 * When the window ends: an instant, the first behind it. Of a session a gap after its last row, or where its longest length
 * cut it.
 */
export const windowEnd = (): WindowBound => ({ window: 'end' })

type ColumnsWith<R, V> = { [K in keyof R & string]: R[K] extends V ? K : never }[keyof R & string]

/** What can be made of rows `R`. */
export type DerivedRowsOver<R> = Readonly<
  Record<
    string,
    PredicateOver<R> | Difference<ColumnsWith<R, number | bigint | null>> | HashOf<ColumnsWith<R, string | null>>
  >
>

/** The columns that are added. */
export type DerivedRow<D> = {
  readonly [N in keyof D]: D[N] extends HashOf<string>
    ? bigint | null
    : D[N] extends Difference<string>
      ? number | bigint | null
      : boolean
}

/** What can be made of a window's aggregates `A`. */
export type DerivedOver<A> = Readonly<
  Record<string, Difference<keyof A & string> | Is<keyof A & string, string | number | boolean> | WindowBound>
>

export function derivedType(derived: DerivedColumn): RowType {
  if ('window' in derived) return 'instant'
  if ('is' in derived) return 'boolean'
  return 'hash' in derived ? 'bigint' : 'long'
}

export function derivedTypes(derived: Readonly<Record<string, DerivedColumn>>): Readonly<Record<string, RowType>> {
  return Object.fromEntries(Object.entries(derived).map(([name, of]) => [name, derivedType(of)]))
}
