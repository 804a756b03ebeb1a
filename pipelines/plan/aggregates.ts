/**
 * The closed set of aggregates: each merges, in any order and grouping, to the same value (core/aggregates/). Closed, so
 * that a plan can run as a stream, bounded, or as SQL with equal numbers. A column of a wrong name or type does not
 * compile.
 */
import type { Is } from './predicates.ts'

/** An aggregate of one column. */
export interface ColumnAggregate<N extends string, K extends string> {
  readonly kind: N
  readonly column: K
}
export interface CountOf {
  readonly kind: 'count'
}
export interface CountDistinctOf<K extends string> extends ColumnAggregate<'countDistinct', K> {
  readonly k: number
  readonly ofValues: number
}
export interface TopOf<K extends string, W extends string> extends ColumnAggregate<'top', K> {
  readonly weight: W
}
export interface CountIfOf<K extends string> extends ColumnAggregate<'countIf', K> {
  readonly is?: undefined
}
export interface CountIfIs<K extends string, V> extends ColumnAggregate<'countIf', K> {
  readonly is: V
}

/** How many rows. */
export const count = (): CountOf => ({ kind: 'count' })

/** How many rows with true in a boolean column, or for which a predicate holds. */
export function countIf<const K extends string>(column: K): CountIfOf<K>
export function countIf<const K extends string, const V>(predicate: Is<K, V>): CountIfIs<K, V>
export function countIf(of: string | Is<string, unknown>): ColumnAggregate<'countIf', string> {
  return typeof of === 'string' ? { kind: 'countIf', column: of } : { kind: 'countIf', ...of }
}

/** Exact sum of a column of integers; nulls add nothing. */
export const sum = <const K extends string>(column: K) => of('sum', column)
/** The smallest value of a column; strings by code point; nulls are left out. */
export const min = <const K extends string>(column: K) => of('min', column)
/** The largest value of a column; strings by code point; nulls are left out. */
export const max = <const K extends string>(column: K) => of('max', column)
/** Average of a column of integers, made of an exact sum and count; nulls are left out. */
export const avg = <const K extends string>(column: K) => of('avg', column)
/** Histogram of a column of bucket numbers (core/sketch/quantiles.ts); nulls are left out. */
export const quantiles = <const K extends string>(column: K) => of('quantiles', column)
/** The value of the first row, by event time, then position; null where that row has none. */
export const first = <const K extends string>(column: K) => of('first', column)
/** The value of the last row, by event time, then position; null where that row has none. */
export const last = <const K extends string>(column: K) => of('last', column)

/**
 * KMV sketch of a column of 63-bit hashes (core/sketch/kmv.ts): the `k` smallest distinct ones, rising; `ofValues` of
 * them (default: as many) in sets that group by a column.
 */
export const countDistinct = <const K extends string>(
  column: K,
  sketch: { readonly k: number; readonly ofValues?: number },
): CountDistinctOf<K> => ({ kind: 'countDistinct', column, k: sketch.k, ofValues: sketch.ofValues ?? sketch.k })

/** Exact sums of `weight`, an integer column, by value of a text column, all of them; nulls are left out. */
export const top = <const K extends string, const W extends string>(
  column: K,
  by: { readonly weight: W },
): TopOf<K, W> => ({ kind: 'top', column, weight: by.weight })

function of<N extends string, K extends string>(kind: N, column: K): ColumnAggregate<N, K> {
  return { kind, column }
}

/** Keys of `R` whose values are `V`. */
export type ColumnsOf<R, V> = { [K in keyof R & string]: R[K] extends V ? K : never }[keyof R & string]

type IntegerColumns<R> = ColumnsOf<R, bigint | number | null>
type OrderedColumns<R> = ColumnsOf<R, string | bigint | number | null>

export type AggregatesOver<R> = Readonly<
  Record<
    string,
    | CountOf
    | CountIfOf<ColumnsOf<R, boolean>>
    | { [K in keyof R & string]: CountIfIs<K, NonNullable<R[K]>> }[keyof R & string]
    | ColumnAggregate<'sum' | 'avg', IntegerColumns<R>>
    | ColumnAggregate<'min' | 'max' | 'first' | 'last', OrderedColumns<R>>
    | ColumnAggregate<'quantiles', ColumnsOf<R, number | null>>
    | CountDistinctOf<ColumnsOf<R, bigint>>
    | TopOf<ColumnsOf<R, string | null>, ColumnsOf<R, bigint>>
  >
>
