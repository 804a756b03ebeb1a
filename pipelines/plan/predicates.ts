/** Declared conditions on a row: data, not code, so that a step that uses one can run as SQL as well. */

/** The column holds this value; null never does. */
export interface Is<K extends string, V> {
  readonly column: K
  readonly is: V
}

/** True where the column holds the value. */
export const is = <const K extends string, const V extends string | number | boolean>(
  column: K,
  value: V,
): Is<K, V> => ({
  column,
  is: value,
})

/** Predicates over rows `R`: each names a column and a value of its type. */
export type PredicateOver<R> = { [K in keyof R & string]: Is<K, NonNullable<R[K]>> }[keyof R & string]
