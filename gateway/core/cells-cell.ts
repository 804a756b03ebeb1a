/** One cell: the finished numbers of a bucket, group by group, and what they are right for. */
import type { HitsGroup, HitsPart, VisitsGroup } from '../../core/ports/query-engine.ts'
import { kmvEstimate } from '../../core/sketch/kmv.ts'
import { quantileOf } from '../../core/sketch/quantiles.ts'
import { firstGeneration } from '../../schemas/tables.ts'

export interface HitsNumbers {
  readonly hits: bigint
  readonly pageviews: bigint
  readonly orders: bigint
  readonly revenueMicros: bigint
  readonly visitors?: VisitorsEstimate
  /** Load times, ms; null of none. */
  readonly load?: LoadQuantiles
  /** Revenue in other currencies than the merchant's, rising by code. */
  readonly otherRevenue?: readonly { readonly currency: string; readonly micros: bigint }[]
}

export interface VisitorsEstimate {
  readonly count: number
  /** Relative; 0 where exact. */
  readonly standardError: number
}

export const loadPercents = [50, 75, 95, 99] as const
export type LoadQuantiles = Readonly<Record<(typeof loadPercents)[number], number | null>>

export interface VisitsNumbers {
  readonly sessions: bigint
  readonly bounces: bigint
  readonly durationMs: bigint
  readonly pageviews: bigint
}

/** Numbers of one combination of values; '' where there is no value. `other`: of all values that were not kept. */
export interface CellGroup<Numbers> {
  readonly values: readonly string[]
  readonly other: boolean
  readonly numbers: Numbers
}

/** Which rows numbers were computed of. A bucket with any stretch of a derived table stands under that table. */
export type CellOrigin = 'rollup' | 'daily' | 'sessions' | 'raw'

export interface Cell<Numbers> {
  /** Of the days of the bucket, when the numbers were asked for. */
  readonly version: number
  /** Every hit received before it is in the numbers. */
  readonly asOf: number
  /** Which parts the numbers have, as bits (`partBits`); 0 for visits. */
  readonly parts: number
  readonly origin: CellOrigin
  /** The highest that answers in the bucket. */
  readonly generation: number
  /** What nothing fell into has no group. */
  readonly groups: readonly CellGroup<Numbers>[]
}

/** Whether the cell has at least these parts. */
export function has(cell: Pick<Cell<unknown>, 'parts'>, parts: number): boolean {
  return (cell.parts & parts) === parts
}

/** The highest generation of any; the first where there is none. */
export function highestOf(cells: readonly Pick<Cell<unknown>, 'generation'>[]): number {
  return cells.reduce((most, { generation }) => Math.max(most, generation), firstGeneration)
}

const bits: Readonly<Record<HitsPart, number>> = { visitors: 1, load: 2, otherRevenue: 4 }
const partNames = Object.keys(bits) as readonly HitsPart[]

export function partBits(parts: readonly HitsPart[]): number {
  return parts.reduce((sum, part) => sum | bits[part], 0)
}

export function partsOfBits(mask: number): readonly HitsPart[] {
  return partNames.filter((part) => (mask & bits[part]) !== 0)
}

export function hitsCellGroup(group: HitsGroup, sketchSize: number): CellGroup<HitsNumbers> {
  const { values, other, hits, pageviews, orders, revenueMicros, visitors, load, otherRevenue } = group
  const estimate = visitors && kmvEstimate(visitors.kept, visitors.largest, sketchSize)
  return {
    values,
    other,
    numbers: {
      hits,
      pageviews,
      orders,
      revenueMicros,
      ...(estimate && { visitors: { count: estimate.count, standardError: estimate.standardError } }),
      ...(load && {
        load: {
          50: quantileOf(load, 0.5),
          75: quantileOf(load, 0.75),
          95: quantileOf(load, 0.95),
          99: quantileOf(load, 0.99),
        },
      }),
      ...(otherRevenue && { otherRevenue }),
    },
  }
}

export function visitsCellGroup(group: VisitsGroup): CellGroup<VisitsNumbers> {
  const { values, other, sessions, bounces, durationMs, pageviews } = group
  return { values, other, numbers: { sessions, bounces, durationMs, pageviews } }
}

/**
 * Bytes of heap that a cached cell takes, measured on Node 20 and rounded up: the object, its boxed numbers and the cache's
 * own entry, besides the text of the key; and each group with its texts (two bytes a character at most).
 */
export function cellBytes(cell: Cell<HitsNumbers | VisitsNumbers>, key: string): number {
  let bytes = 300 + key.length
  for (const { values, numbers } of cell.groups) {
    bytes += groupBytes
    for (const value of values) bytes += 24 + 2 * value.length
    if ('otherRevenue' in numbers) bytes += 96 * (numbers.otherRevenue?.length ?? 0)
  }
  return bytes
}

const groupBytes = 480
