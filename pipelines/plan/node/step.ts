/**
 * The frozen plan: plain JSON, what one reads, diffs, tests and stores. The builder (`../builder.ts`) makes it,
 * `../check.ts` refuses it early, `../explain.ts` says it in words. Functions are not in it, only hashes of their source.
 */
import type { TableName } from '../../../core/tables.ts'
import type { AggregateNode, Literal } from '../../core/pane.ts'
import type { Weekday } from '../../core/window/calendar.ts'

/** Raised when a plan of an older form can no longer be read as it is. */
export const planFormat = 1

export type RowType = 'string' | 'boolean' | 'int' | 'long' | 'double' | 'instant' | 'bigint' | 'object' | 'unknown'

/** Columns as far as they are declared; `null` where a step made rows without saying which. */
export type RowTypes = Readonly<Record<string, RowType>> | null

interface StepBase {
  /** The step's identity across versions of the plan. */
  readonly name: string
  /** Name of the step above, `split.branch` for a branch; null for a read, and for a failed sink that no branch leads to. */
  readonly after: string | null
  readonly columns: RowTypes
  /** Earlier names of the step, newest first: where one of them has state, this step goes on with it. */
  readonly was?: readonly string[]
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

/**
 * A lambda per row: pure and synchronous. `uses` names the side inputs it reads, frozen for an epoch. What it makes of a
 * row keeps the row's event time and position.
 */
export interface RowStep extends StepBase {
  readonly kind: 'map' | 'filter' | 'flatMap'
  readonly uses: readonly string[]
  readonly code: string
}

export interface SplitStep extends StepBase {
  readonly kind: 'split'
  readonly to: readonly string[]
  readonly uses: readonly string[]
  readonly code: string
}

/** A validator by the Standard Schema interface: rows that pass become what it gives, others leave by `refused`. */
export interface ValidateStep extends StepBase {
  readonly kind: 'validate'
  readonly to: readonly ['passed', 'refused']
  readonly vendor: string
  /** The author's version of the schema, which has no source to be hashed. */
  readonly version: string
}

/** All rows of several outputs as one; the step reads `after` and each of `also`. Its watermark is the least of theirs. */
export interface UnionStep extends StepBase {
  readonly kind: 'union'
  readonly also: readonly string[]
}

/** Rows that are too late leave by the branch `<name>.tooLate`; where nothing reads it they are dropped and counted. */
export interface WindowStep extends StepBase {
  readonly kind: 'window'
  readonly assign: WindowAssign
  /** How long behind the watermark a window still takes rows, in ms. */
  readonly lateness: 'unbounded' | number
  /** Of the lambda that names the zone; null where the windows need none. */
  readonly code: string | null
}

/** Half-open windows, [start, end). */
export type WindowAssign =
  | { readonly kind: 'fixed'; readonly sizeMs: number; readonly offsetMs: number }
  | { readonly kind: 'hopping'; readonly sizeMs: number; readonly everyMs: number; readonly offsetMs: number }
  | { readonly kind: 'session'; readonly gapMs: number; readonly atMostMs: number }
  /** `weekStart` left out: Monday. */
  | { readonly kind: 'calendar'; readonly unit: CalendarUnit; readonly weekStart?: Weekday }
export type CalendarUnit = 'hour' | 'day' | 'week' | 'month'

export interface GroupStep extends StepBase {
  readonly kind: 'group'
  /** Set name to its columns; every set is also grouped by the feed's partition key. */
  readonly sets: Readonly<Record<string, readonly string[]>>
}

/** Rows equal in all of `by` go together; stands before or behind the window. */
export interface GroupByStep extends StepBase {
  readonly kind: 'groupBy'
  readonly by: readonly string[]
}

/** Windows over a table, by pauses within a group (core/visits.ts). */
export interface SessionWindowStep extends StepBase {
  readonly kind: 'sessionWindow'
  readonly assign: {
    readonly kind: 'session'
    readonly gapMs: number
    /** Of rows whose column has a value. Left out: all rows have the one gap. */
    readonly named?: { readonly column: string; readonly gapMs: number }
    readonly atMostMs: number
  }
}

/** Windows over a table that a row's time alone decides, and its zone. They have no lateness: all rows are there. */
export interface TableWindowStep extends StepBase {
  readonly kind: 'tableWindow'
  readonly assign: TableWindowAssign
}

/** Half-open windows, [start, end). */
export type TableWindowAssign =
  | Extract<WindowAssign, { readonly kind: 'fixed' | 'hopping' }>
  /** `zone` is the column that names it; `weekStart` left out: Monday. */
  | {
      readonly kind: 'calendar'
      readonly unit: CalendarUnit
      readonly zone: string
      readonly weekStart?: Weekday
    }

export interface AggregateStep extends StepBase {
  readonly kind: 'aggregate'
  readonly aggregates: Readonly<Record<string, AggregateNode>>
}

/** Columns made of a row's own, before it is grouped, or of a window's aggregates. */
export interface DeriveStep extends StepBase {
  readonly kind: 'derive'
  readonly derived: Readonly<Record<string, DerivedColumn>>
}
/**
 * Whether a column holds a value, or one less another (null where either is); before grouping also the hash of a text to
 * count distinct ones by (core/sketch/distinct-of.ts), behind it a bound of the window.
 */
export type DerivedColumn =
  | { readonly column: string; readonly is: Literal }
  | { readonly column: string; readonly less: string }
  | { readonly column: string; readonly hash: 'distinct' }
  | { readonly window: 'start' | 'end' }

/** Each epoch gives what came in it; no window state outlives it. */
export interface EpochEmitStep extends StepBase {
  readonly kind: 'emit'
  readonly every: 'epoch'
  readonly panes: 'discarding'
}

/** Panes of a window when the watermark passes its end, and as the rule says before and after. */
export interface CloseEmitStep extends StepBase {
  readonly kind: 'emit'
  readonly on: 'close'
  readonly panes: 'discarding' | 'accumulating'
  /** By processing time since the first row that no pane has, or by rows. */
  readonly early: { readonly everyMs: number } | { readonly afterRows: number } | null
  readonly late: { readonly afterRows: number } | null
  /** Whether a window closes with a pane also where nothing came since the last early one. */
  readonly onClose: 'always' | 'where something came'
}
export type EmitStep = EpochEmitStep | CloseEmitStep

/** What a sink does with what it gets: add partial panes, or replace by key and window. */
export type TakesPanes = 'partials' | 'upserts'

export interface WriteStep extends StepBase {
  readonly kind: 'write'
  readonly table: TableName
  /** In which column of the books a hit written here counts. */
  readonly counts: 'stored' | 'failed' | 'derived'
  /** Left out of rows, and of panes where it is `partials`. */
  readonly takes?: 'upserts'
  /** Of the mapping; null: none, rows have the table's columns (`columns` of this step) by name. */
  readonly code: string | null
}

/** Hands what comes to whoever runs the plan, under a name: tests, benches, programs. Never part of a server's job. */
export interface CollectStep extends StepBase {
  readonly kind: 'collect'
  readonly output: string
  readonly takes: 'rows' | 'refused' | TakesPanes
}

export type PlanStep =
  | ReadStep
  | ReadTableStep
  | WhereStep
  | DedupeStep
  | RowStep
  | SplitStep
  | ValidateStep
  | UnionStep
  | WindowStep
  | GroupStep
  | GroupByStep
  | SessionWindowStep
  | TableWindowStep
  | AggregateStep
  | DeriveStep
  | EmitStep
  | WriteStep
  | CollectStep

export interface Plan {
  readonly format: typeof planFormat
  readonly name: string
  /** Every step after the one it reads. */
  readonly steps: readonly PlanStep[]
  /**
   * Which sinks run together, by job; a job re-executes the steps above its sinks. Embedded runs all as one. Empty where
   * the plan reads a table (it runs bounded) or hands rows to outputs (it runs where somebody takes them).
   */
  readonly jobs: Readonly<Record<string, readonly TableName[]>>
  /** Bytes of window state in a partition, at most; a runner stops reading there. Left out where no step keeps any. */
  readonly stateMaxBytes?: number
}

/** All outputs that a step reads. */
export function inputsOf(step: PlanStep): readonly string[] {
  if (step.after === null) return []
  return step.kind === 'union' ? [step.after, ...step.also] : [step.after]
}

/** All outputs that a step gives, as `after` names them. */
export function outputsOf(step: PlanStep): readonly string[] {
  switch (step.kind) {
    case 'split':
    case 'validate':
      return step.to.map((branch) => `${step.name}.${branch}`)
    case 'window':
      return [step.name, `${step.name}.tooLate`]
    default:
      return [step.name]
  }
}
