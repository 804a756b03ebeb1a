/** Aggregates of the closed set as data, and panes: one emission of one window and key, the values by aggregate. */
import type { Weighted } from '../../core/aggregates/top.ts'
import type { Histogram } from '../../core/sketch/quantiles.ts'

export type AggregateNode =
  | { readonly kind: 'count' }
  /** `is` left out: where the column is true. */
  | { readonly kind: 'countIf'; readonly column: string; readonly is?: Literal }
  | ColumnNode<'sum'>
  | ColumnNode<'min'>
  | ColumnNode<'max'>
  | ColumnNode<'avg'>
  | ColumnNode<'quantiles'>
  | ColumnNode<'first'>
  | ColumnNode<'last'>
  /** `k` where a set has no columns, `ofValues` where it is one of values. */
  | { readonly kind: 'countDistinct'; readonly column: string; readonly k: number; readonly ofValues: number }
  | { readonly kind: 'top'; readonly column: string; readonly weight: string }

interface ColumnNode<K extends string> {
  readonly kind: K
  readonly column: string
}

/** What a declared predicate compares a column with. */
export type Literal = string | number | boolean

/**
 * What an aggregate gives: a number of rows, an exact sum, the hashes of a sketch, a histogram and exact weights (null
 * where there are none), an average, or a value of the column.
 */
export type AggregateValue<A> = A extends { readonly kind: 'count' | 'countIf' }
  ? number
  : A extends { readonly kind: 'sum' }
    ? bigint
    : A extends { readonly kind: 'countDistinct' }
      ? readonly bigint[]
      : A extends { readonly kind: 'quantiles' }
        ? Histogram | null
        : A extends { readonly kind: 'top' }
          ? readonly Weighted[] | null
          : A extends { readonly kind: 'avg' }
            ? number | null
            : A extends { readonly kind: 'min' | 'max' | 'first' | 'last' }
              ? string | number | bigint | null
              : never

/** One emission of one window and key. `value` is the set's value, empty for a set without columns and for no value. */
export interface Pane<A> {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly set: string
  readonly value: string
  readonly values: { readonly [K in keyof A]: AggregateValue<A[K]> }
  /** First and last record that counted in it. */
  readonly firstOffset: number
  readonly lastOffset: number
}

export type AnyPane = Pane<Readonly<Record<string, AggregateNode>>>
