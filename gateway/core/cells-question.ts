/** What is asked of cells, and answered. */
import type { MerchantId } from '../../core/ids.ts'
import type { BucketRange, Dimension, Filter, HitsPart } from '../../core/ports/query-engine.ts'
import type { Cell, CellOrigin } from './cells-cell.ts'
import type { HitsSource } from './planner.ts'

export interface CellsQuestion {
  readonly merchant: MerchantId
  /** Rising and disjoint. */
  readonly buckets: readonly BucketRange[]
  readonly dimensions: readonly Dimension[]
  readonly filter: Filter | null
  /** Freshness read before this call: what the cells found now hold at least. */
  readonly asOf: number
}

export interface HitsCellsQuestion extends CellsQuestion {
  readonly source: HitsSource
  readonly parts: readonly HitsPart[]
}

export interface CellsAnswer<Numbers> {
  /** One for each bucket asked. */
  readonly cells: readonly Cell<Numbers>[]
  /** By bucket: where its cell came from. */
  readonly served: readonly ('cache' | CellOrigin)[]
  /** The highest that any cell is of; the first where there is none. */
  readonly generation: number
  /** What all the cells hold at least: that of the question, less where cells are stale. */
  readonly asOf: number
  readonly stale: boolean
}
