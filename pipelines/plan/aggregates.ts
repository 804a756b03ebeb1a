/**
 * The closed set of aggregates: each merges, in any order and grouping, to the same value. Closed, so that a plan can run
 * as a stream, bounded, or as SQL with equal numbers. A column of a wrong name or type does not compile.
 */
export interface CountOf {
  readonly kind: 'count'
}
export interface CountIfOf<K extends string> {
  readonly kind: 'countIf'
  readonly column: K
}
export interface SumOf<K extends string> {
  readonly kind: 'sum'
  readonly column: K
}
export interface CountDistinctOf<K extends string> {
  readonly kind: 'countDistinct'
  readonly column: K
  readonly k: number
}

/** How many rows. */
export const count = (): CountOf => ({ kind: 'count' })
/** How many rows with true in a boolean column. */
export const countIf = <const K extends string>(column: K): CountIfOf<K> => ({ kind: 'countIf', column })
/** Exact sum of a bigint column. */
export const sum = <const K extends string>(column: K): SumOf<K> => ({ kind: 'sum', column })
/** KMV sketch of a column of 63-bit hashes: the `k` smallest distinct ones, rising (core/sketch/kmv.ts). */
export const countDistinct = <const K extends string>(
  column: K,
  sketch: { readonly k: number },
): CountDistinctOf<K> => ({ kind: 'countDistinct', column, k: sketch.k })

/** Keys of `R` whose values are `V`. */
export type ColumnsOf<R, V> = { [K in keyof R & string]: R[K] extends V ? K : never }[keyof R & string]

export type AggregatesOver<R> = Readonly<
  Record<
    string,
    CountOf | CountIfOf<ColumnsOf<R, boolean>> | SumOf<ColumnsOf<R, bigint>> | CountDistinctOf<ColumnsOf<R, bigint>>
  >
>
