/**
 * Where rows leave a pipeline: tables of the lake. A mapping is one function with one object literal, so that every row
 * of a table has one hidden class; the runner checks the columns of the first row of each sink against the table.
 */
import type { LakeRow, TableDefinition } from '../../core/tables.ts'
import type { AnyPane } from '../core/pane.ts'
import type { TakesPanes } from './node/step.ts'

/** Facts of the run that rows carry beside their own. */
export interface RunFacts {
  /** Hash of the plan and its data sets. */
  readonly plan: string
  /** Canonical JSON of the versions of the data sets. */
  readonly dataSets: string
  readonly source: string
  readonly partition: number
  readonly generation: number
}

/** A row that a step refused, on its way to a sink that counts as failed. */
export interface Refused<R> {
  readonly step: string
  /** Stable code. */
  readonly reason: string
  readonly row: R
}

/** What a failed sink takes: a refused row, or a record that no decoder understands. */
export type Failed<R> =
  | ({ readonly kind: 'refused' } & Refused<R>)
  | {
      readonly kind: 'undecodable'
      readonly step: string
      readonly reason: string
      readonly payload: Uint8Array
      /** `received` of the record before it: its own cannot be read. */
      readonly received: number
      readonly offset: number
      /** Of its first hit in the record. */
      readonly index: number
    }

/** `counts: 'stored'`: rows as accepted, in the books; `'derived'`: made of them, in no book. */
export interface RowSink<R> {
  readonly kind: 'rows'
  readonly table: TableDefinition
  readonly counts: 'stored' | 'derived'
  readonly toRow: (row: R, run: RunFacts) => LakeRow
}

export interface FailedSink<R> {
  readonly kind: 'failed'
  readonly table: TableDefinition
  readonly toRow: (failed: Failed<R>, run: RunFacts) => LakeRow
}

/** Adds: takes partial panes. */
export interface PaneSink<A> {
  readonly kind: 'panes'
  readonly table: TableDefinition
  readonly toRow: (pane: A, run: RunFacts) => LakeRow
}

/** Replaces by key and window: takes accumulating panes, retractions included. */
export interface UpsertSink<A> {
  readonly kind: 'upserts'
  readonly table: TableDefinition
  readonly toRow: (pane: A, run: RunFacts) => LakeRow
}

/** No table, but whoever runs the plan takes what comes, by the output's name. `T` is what comes. */
export interface OutputSink<N extends 'rows' | 'refused' | TakesPanes, T> {
  readonly kind: 'output'
  readonly output: string
  readonly takes: N
  /** For the compiler only. */
  readonly of?: (taken: T) => void
}

/**
 * A table of rows; at least once staged, exactly once committed. `toRow` is called for every row: let it return one literal
 * with all columns: one of 47 columns that was spread and then filled cost the making and everything behind it four times
 * as much (docs/reference/pipelines.md).
 */
export function table<R>(definition: TableDefinition, toRow: (row: R, run: RunFacts) => LakeRow): RowSink<R> {
  return { kind: 'rows', table: definition, counts: 'stored', toRow }
}

/** A table of rows made of accepted ones beside their own, which no book counts: too late ones, copies, parts. */
export function derivedTable<R>(definition: TableDefinition, toRow: (row: R, run: RunFacts) => LakeRow): RowSink<R> {
  return { kind: 'rows', table: definition, counts: 'derived', toRow }
}

/** The table of what was accepted and then refused; also takes what the runner itself cannot process. */
export function failedTable<R>(
  definition: TableDefinition,
  toRow: (failed: Failed<R>, run: RunFacts) => LakeRow,
): FailedSink<R> {
  return { kind: 'failed', table: definition, toRow }
}

/** A table of partial rows that fold. */
export function paneTable<A = AnyPane>(
  definition: TableDefinition,
  toRow: (pane: A, run: RunFacts) => LakeRow,
): PaneSink<A> {
  return { kind: 'panes', table: definition, toRow }
}

/** A table whose rows are replaced by key and window, and go where a pane is a retraction. */
export function upsertTable<A>(definition: TableDefinition, toRow: (pane: A, run: RunFacts) => LakeRow): UpsertSink<A> {
  return { kind: 'upserts', table: definition, toRow }
}

/** Rows for whoever runs the plan. */
export const rowOutput = <R>(output: string): OutputSink<'rows', R> => ({ kind: 'output', output, takes: 'rows' })
/** Refused rows for whoever runs the plan; also takes what the runner itself cannot process. */
export const refusedOutput = <R>(output: string): OutputSink<'refused', Failed<R>> => ({
  kind: 'output',
  output,
  takes: 'refused',
})
/** Panes that add, for whoever runs the plan. */
export const paneOutput = <A>(output: string): OutputSink<'partials', A> => ({
  kind: 'output',
  output,
  takes: 'partials',
})
/** Panes that replace, for whoever runs the plan. */
export const upsertOutput = <A>(output: string): OutputSink<'upserts', A> => ({
  kind: 'output',
  output,
  takes: 'upserts',
})
