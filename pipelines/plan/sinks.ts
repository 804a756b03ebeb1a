/**
 * Where rows leave a pipeline: tables of the lake. A mapping is one function with one object literal, so that every row
 * of a table has one hidden class; the runner checks the columns of the first row of each sink against the table.
 */
import type { LakeRow, TableDefinition } from '../../core/tables.ts'
import type { AnyPane } from '../core/pane.ts'

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

export interface PaneSink<A> {
  readonly kind: 'panes'
  readonly table: TableDefinition
  readonly toRow: (pane: A, run: RunFacts) => LakeRow
}

/** A table of rows; at least once staged, exactly once committed. */
export function table<R>(definition: TableDefinition, toRow: (row: R, run: RunFacts) => LakeRow): RowSink<R> {
  return { kind: 'rows', table: definition, counts: 'stored', toRow }
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
