/** Aggregates of the closed set as data, and panes: one emission of one window and key, the values by aggregate. */

export type AggregateNode =
  | { readonly kind: 'count' }
  | { readonly kind: 'countIf'; readonly column: string }
  | { readonly kind: 'sum'; readonly column: string }
  | { readonly kind: 'countDistinct'; readonly column: string; readonly k: number }

/** What an aggregate gives: a number of rows, an exact sum, or the hashes of a sketch. */
export type AggregateValue<A> = A extends { readonly kind: 'count' | 'countIf' }
  ? number
  : A extends { readonly kind: 'sum' }
    ? bigint
    : A extends { readonly kind: 'countDistinct' }
      ? readonly bigint[]
      : never

/** One emission of one window and key. `value` is the set's value, empty for a set without columns. */
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
