/**
 * The lake as pipelines and the gateway see it. Staging writes rows where nobody looks; publication moves staged files
 * into a table as one snapshot; reading names a snapshot and the committed files that are not published yet.
 */
import type { LakeRow, TableName } from '../tables.ts'

/** Rows of one sink and one epoch, durable, in a place where only the control store's commit makes them count. */
export interface StagedFile {
  /** Object name, below `staged/`. */
  readonly name: string
  readonly table: TableName
  readonly rows: number
  readonly bytes: number
  /** First and last UTC day (days since 1970) of the partition column. */
  readonly firstDay: number
  readonly lastDay: number
}

export interface LakeWriter {
  /**
   * Writes `rows` (at least one) sorted as the table says. Durable when it resolves. The name must be new; a second
   * call with a name replaces the first file (a repeated epoch that never committed).
   */
  stage(table: TableName, name: string, rows: readonly LakeRow[]): Promise<StagedFile>
  /** Removes a staged file's bytes. Nothing happens where they are gone. */
  discard(name: string): Promise<void>
  /** Names of all staged files that exist, committed or not. */
  stagedNames(): Promise<readonly string[]>
  /**
   * Publishes: one new snapshot of the table that adds the rows of `files`, one data file per partition, rows of one
   * fold key folded to one, `_publish` = `id`, `_row` counting from 0 in the table's order. Does it once: where the
   * history of the table names `id`, that snapshot is returned and nothing is written. `id` rises per table.
   * @throws CommitConflictError where another writer moved the table (bounded retries are made inside first).
   */
  publish(table: TableName, id: number, files: readonly StagedFile[]): Promise<{ readonly snapshot: string }>
}

export interface SnapshotInfo {
  /** Decimal; below 2^53 where we made it. */
  readonly id: string
  readonly parent: string | null
  readonly at: number
  readonly operation: string
  /** `_publish` of the publication that made it, where one did. */
  readonly publish: number | null
  readonly addedRows: number
  readonly totalRows: number
}

/** What a reader of a table reads: one snapshot (none yet: null) and the committed files not in it. */
export interface TableView {
  readonly table: TableName
  readonly snapshot: string | null
  readonly pending: readonly StagedFile[]
}

export interface ScanFilter {
  readonly merchant?: string
  /** UTC days since 1970 of the partition column, both inclusive. */
  readonly firstDay?: number
  readonly lastDay?: number
  /** Rows of this generation only; tables without generations ignore it. */
  readonly generation?: number
}

export interface LakeReader {
  /** Newest first. */
  snapshots(table: TableName): Promise<readonly SnapshotInfo[]>
  /**
   * Every row of the view that passes the filter, in batches. Rows of pending files have no `_publish` and `_row`.
   * @throws SnapshotNotFoundError
   */
  scan(view: TableView, filter?: ScanFilter): AsyncIterable<readonly LakeRow[]>
}
