/**
 * The frozen plan: plain JSON, what one reads, diffs, tests and stores. The builder (`../builder.ts`) makes it,
 * `../check.ts` refuses it early, `../explain.ts` says it in words. Functions are not in it, only hashes of their source.
 */
import type { TableName } from '../../../core/tables.ts'
import type { AggregateNode, Literal } from '../../core/pane.ts'

/** Raised when a plan of an older form can no longer be read as it is. */
export const planFormat = 1

export type RowType = 'string' | 'boolean' | 'int' | 'long' | 'double' | 'instant' | 'bigint' | 'object' | 'unknown'

/** Columns as far as they are declared; `null` where a step made rows without saying which. */
export type RowTypes = Readonly<Record<string, RowType>> | null

interface StepBase {
  /** The step's identity across versions of the plan. */
  readonly name: string
  /** Name of the step above, `split.branch` for a branch; null for a read. */
  readonly after: string | null
  readonly columns: RowTypes
}

export interface ReadStep extends StepBase {
  readonly kind: 'read'
  readonly feed: string
  /** The column by which the feed is partitioned: its rows are in order and its state is local. */
  readonly partitionKey: string
  readonly watermarkDelayMs: number
  readonly code: { readonly eventTime: string; readonly watermarkFrom: string }
}

/** A table of the lake, bounded by whoever runs the plan. Rows are ordered by event time, then position. */
export interface ReadTableStep extends StepBase {
  readonly kind: 'readTable'
  readonly table: TableName
  readonly eventTime: string
  readonly position: readonly string[]
}

/** Keeps the rows whose column holds a value. */
export interface WhereStep extends StepBase {
  readonly kind: 'where'
  readonly where: { readonly column: string; readonly is: Literal }
}

export interface DedupeStep extends StepBase {
  readonly kind: 'dedupe'
  readonly key: readonly string[]
  readonly withinMs: number
}

/** A lambda per row: pure and synchronous. `uses` names the side inputs it reads, frozen for an epoch. */
export interface RowStep extends StepBase {
  readonly kind: 'map' | 'filter'
  readonly uses: readonly string[]
  readonly code: string
}

export interface SplitStep extends StepBase {
  readonly kind: 'split'
  readonly to: readonly string[]
  readonly uses: readonly string[]
  readonly code: string
}

export interface WindowStep extends StepBase {
  readonly kind: 'window'
  readonly assign: { readonly kind: 'calendar'; readonly unit: CalendarUnit }
  readonly lateness: 'unbounded'
  /** Of the lambda that names the zone. */
  readonly code: string
}
export type CalendarUnit = 'hour' | 'day' | 'week' | 'month'

export interface GroupStep extends StepBase {
  readonly kind: 'group'
  /** Set name to its columns; every set is also grouped by the feed's partition key. */
  readonly sets: Readonly<Record<string, readonly string[]>>
}

/** Groups the rows of a table, before its windows. */
export interface GroupByStep extends StepBase {
  readonly kind: 'groupBy'
  readonly by: readonly string[]
}

/** Windows by pauses within a group (core/visits.ts). */
export interface SessionWindowStep extends StepBase {
  readonly kind: 'sessionWindow'
  readonly assign: {
    readonly kind: 'session'
    readonly gapMs: number
    /** Of rows whose column has a value. */
    readonly named: { readonly column: string; readonly gapMs: number }
    readonly atMostMs: number
  }
}

export interface AggregateStep extends StepBase {
  readonly kind: 'aggregate'
  readonly aggregates: Readonly<Record<string, AggregateNode>>
}

/** Columns made of a window's aggregates. */
export interface DeriveStep extends StepBase {
  readonly kind: 'derive'
  readonly derived: Readonly<Record<string, DerivedColumn>>
}
/** Whether an aggregate holds a value, or one less another. */
export type DerivedColumn =
  | { readonly column: string; readonly is: Literal }
  | { readonly column: string; readonly less: string }

export interface EmitStep extends StepBase {
  readonly kind: 'emit'
  readonly every: 'epoch' | 'close'
  readonly panes: 'discarding' | 'accumulating'
}

export interface WriteStep extends StepBase {
  readonly kind: 'write'
  readonly table: TableName
  /** In which column of the books a hit written here counts. */
  readonly counts: 'stored' | 'failed' | 'derived'
  /** Of the mapping; null: none, rows have the table's columns (`columns` of this step) by name. */
  readonly code: string | null
}

export type PlanStep =
  | ReadStep
  | ReadTableStep
  | WhereStep
  | DedupeStep
  | RowStep
  | SplitStep
  | WindowStep
  | GroupStep
  | GroupByStep
  | SessionWindowStep
  | AggregateStep
  | DeriveStep
  | EmitStep
  | WriteStep

export interface Plan {
  readonly format: typeof planFormat
  readonly name: string
  /** Every step after the one it reads. */
  readonly steps: readonly PlanStep[]
  /**
   * Which sinks run together, by job; a job re-executes the steps above its sinks. Embedded runs all as one. Empty where
   * the plan reads a table: it runs bounded.
   */
  readonly jobs: Readonly<Record<string, readonly TableName[]>>
}
