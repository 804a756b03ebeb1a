/** Aggregates over rows of a table, where integers of 64 bits are numbers where they are safe, else bigints. */
import type { AggregatesOver, ColumnsOf, CountDistinctOf, TopOf } from './aggregates.ts'

/** Integers, or nothing, which no aggregate counts. */
type StoredInteger = number | bigint | null

export type TableAggregatesOver<R> = Readonly<
  Record<
    string,
    | AggregatesOver<R>[string]
    | CountDistinctOf<ColumnsOf<R, StoredInteger>>
    | TopOf<ColumnsOf<R, string | null>, ColumnsOf<R, StoredInteger>>
  >
>
