/** One cell: the finished numbers of a bucket, and what they are right for. */
import type { SeriesRow } from '../../core/ports/query-engine.ts'
import { kmvEstimate } from '../../core/sketch/kmv.ts'
import { totalSketchSize } from '../../schemas/tables.ts'
import { type Count, toCount } from './numbers.ts'

export interface Cell {
  /** Of the days of the bucket, when the numbers were asked for. */
  readonly version: number
  /** Every hit received before it is in the numbers. */
  readonly asOf: number
  readonly hits: Count
  readonly pageviews: Count
  readonly orders: Count
  readonly visitors: number
  /** Relative standard error of `visitors`; 0 where exact. */
  readonly visitorsError: number
  readonly revenueMicros: bigint
}

/** The cell of an engine's row; of a bucket without rows, all zero. */
export function toCell(row: SeriesRow | undefined, version: number, asOf: number): Cell {
  if (row === undefined) {
    return { version, asOf, hits: 0, pageviews: 0, orders: 0, visitors: 0, visitorsError: 0, revenueMicros: 0n }
  }
  const visitors = kmvEstimate(row.visitors.kept, row.visitors.largest, totalSketchSize)
  return {
    version,
    asOf,
    hits: toCount(row.hits),
    pageviews: toCount(row.pageviews),
    orders: toCount(row.orders),
    visitors: visitors.count,
    visitorsError: visitors.standardError,
    revenueMicros: row.revenueMicros,
  }
}

/**
 * Bytes of heap that a cached cell takes, measured on Node 20 and rounded up: the object, its boxed numbers and the cache's
 * own entry, besides the text of the key.
 */
export function cellBytes(_cell: Cell, key: string): number {
  return 300 + key.length
}
