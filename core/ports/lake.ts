/**
 * The lake as pipelines and the gateway see it. Staging writes rows where nobody looks; publication moves staged files
 * into a table as one snapshot; reading names a snapshot and the committed files that are not published yet.
 */
import type { GenerationMap } from '../generations.ts'
import type { LakeRow, TableName } from '../tables.ts'
import type { VisitsRule } from '../visits.ts'
import type { ErasedHits } from './erasure-store.ts'
import type { PartitionChange } from './lake-history.ts'
import type { LakeRemoval } from './lake-removal.ts'
import type { DerivedTable, DerivedUnit, SnapshotPin } from './maintenance-store.ts'

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
  /** Rows of these generations only. Which of them answers a row's place is the caller's to say. */
  readonly generations?: readonly number[]
  /** Hits (rows of `hits` and `failed_hits`) that are left out; other tables ignore it. */
  readonly erased?: readonly ErasedHits[]
}

export interface LakeReader {
  /** The one that the table is at, then the others, newest first: after a rollback later ones may follow it. */
  snapshots(table: TableName): Promise<readonly SnapshotInfo[]>
  /** The one that the table is at, without a look at the others; null where there is none. */
  currentSnapshot(table: TableName): Promise<string | null>
  /**
   * Every row of the view that passes the filter, in batches. Rows of pending files have no `_publish` and `_row`.
   * @throws SnapshotNotFoundError
   */
  scan(view: TableView, filter?: ScanFilter): AsyncIterable<readonly LakeRow[]>
}

/** What a derivation writes. */
export interface DeriveWork {
  readonly table: DerivedTable
  /** `_publish` of the rows. */
  readonly id: number
  /** Rows of the base table that answer by it are read; a unit's rows are of the generation that answers where it begins. */
  readonly generations: GenerationMap
  /** Of the base table. */
  readonly view: TableView
  readonly units: readonly DerivedUnit[]
  /** Hits that belong to no visit; as of the same moment as `view`. */
  readonly erased: readonly ErasedHits[]
  /** For `sessions`. */
  readonly rule: VisitsRule
}

/** One day (or month) partition of a table and generation; null where the table has none. */
export interface LakePartition {
  readonly generation: number | null
  /** UTC days since 1970, or months since 1970-01, as the table is partitioned. */
  readonly period: number
}

export interface PartitionFiles extends LakePartition {
  /** Data files, and those in which other engines keep which of their rows are deleted. */
  readonly files: number
  /** In data files; deleted ones are counted too. */
  readonly rows: number
  readonly bytes: number
}

/** What an expiry or the removal of orphans took, or in a dry run would take. */
export interface Removal {
  /** Ids. */
  readonly snapshots: readonly string[]
  readonly files: number
  readonly bytes: number
}

export type RemovalMode = 'remove' | 'dry run'

export interface OrphanLimits {
  /** Files last written at this moment, ms, or later stay: they may be part of a commit under way. */
  readonly before: number
  /** Files of publications and derivations with a larger id stay, however old: a repeat of theirs may write them again. */
  readonly through: number
}

export type CompactMode = 'rewrite' | 'dry run'

/** Which snapshots go, and when, is not decided here: `lakehouse/core/maintenance`. */
export interface LakeExpiry {
  /**
   * `each`: any snapshots can go. `oldest`: only those before a moment; `expire` then has to be given the oldest of the
   * table, without a gap.
   */
  readonly expires: 'each' | 'oldest'
  /**
   * Takes the snapshots out of the table in one commit, and only then removes the files that no other snapshot names. Ids
   * that the table lacks are passed over, and so are, even now, the newest snapshot and those a tag or branch names. Cut off
   * after the commit, what is left over are orphans.
   * @throws CommitConflictError
   */
  expire(table: TableName, snapshots: readonly string[], mode: RemovalMode): Promise<Removal>
  /** Removes files of the table's folder that nothing names: leftovers of what was cut off. Nothing else is touched. */
  removeOrphans(table: TableName, limits: OrphanLimits, mode: RemovalMode): Promise<Removal>
}

export interface LakeMaintainer extends LakeExpiry, LakeRemoval {
  /**
   * Computes the units' rows from the view and appends them as one snapshot, `_row` counting from 0 in the table's order.
   * Does it once, as `publish` does: where the history names `id`, that snapshot is returned. Null where the units have no
   * rows and the table no snapshot.
   */
  derive(work: DeriveWork): Promise<{ readonly snapshot: string | null; readonly rows: number }>
  /** The largest `_publish` that any snapshot of the table names; 0 for none. */
  lastPublish(table: TableName): Promise<number>
  /** Partitions of the newest snapshot. */
  partitions(table: TableName): Promise<readonly PartitionFiles[]>
  /**
   * Replaces all files of one partition by one, rows in the table's order; of tables that fold, rows of one key become
   * one, and of breakdowns with more than `foldMaxValues` values a day the rest becomes the row `other`. Of derived tables
   * rows superseded by a newer `_publish` of their unit are left out. One snapshot (operation `replace`; `overwrite` where
   * something was truncated). `_publish` and `_row` of rows that stay whole are kept; of folded ones they are the largest.
   * Null where there is nothing to do: one file already, in order, of which no row is deleted.
   * @throws CommitConflictError
   */
  rewrite(
    table: TableName,
    partition: LakePartition,
  ): Promise<{
    readonly snapshot: string
    readonly truncated: readonly { readonly merchant: string; readonly day: number }[]
  } | null>
}

/** Of what the table is at. */
export interface ManifestFacts {
  readonly manifests: number
  /** The most that may hold files of one period: so many a query of that period has to open. */
  readonly perPeriod: number
}

export interface LakeManifests {
  manifests(table: TableName): Promise<ManifestFacts>
  /**
   * Writes the small ones anew, few, in the order of partitions: one snapshot (`replace`), no file and no row changes. Null
   * where there would be no fewer.
   * @throws CommitConflictError
   */
  mergeManifests(table: TableName): Promise<{ readonly snapshot: string } | null>
}

/** Of a lake that can: pins as tags of its tables, for whoever opens them past us. The control store's are those that hold. */
export interface LakePins {
  /** These and no others, in one commit; what the table does not have is passed over. @throws CommitConflictError */
  showPins(table: TableName, pins: readonly SnapshotPin[]): Promise<void>
}

/** What a rollback undid, or in a dry run would. */
export interface Rollback {
  readonly from: string
  readonly to: string
  /** Snapshots that the table left, newest first. They can be read by id until they expire. */
  readonly undone: readonly string[]
  /** Merchants' UTC days whose rows may differ. */
  readonly days: number
}

export type RollbackMode = 'roll back' | 'dry run'

/** What administration asks of the process that does a lake's maintenance. Null: not at the moment, ask again later. */
export interface LakeUpkeep {
  partitions(table: TableName): Promise<readonly PartitionFiles[]>
  /** @throws SnapshotNotFoundError */
  changes(table: TableName, from: string, to: string): Promise<readonly PartitionChange[]>
  /** As the next round would. */
  expire(table: TableName, mode: RemovalMode): Promise<Removal | null>
  removeOrphans(table: TableName, mode: RemovalMode): Promise<Removal | null>
  /** Rewrites the partitions that are worth it: which, as they were before. */
  compact(table: TableName, mode: CompactMode): Promise<readonly PartitionFiles[] | null>
  /** @throws SnapshotNotFoundError, RollbackRefusedError, CommitConflictError */
  rollback(table: TableName, snapshot: string, mode: RollbackMode): Promise<Rollback | null>
  /** The table's pins were changed. */
  pinned(table: TableName): Promise<void>
  /** What is wrong with the newest metadata and what it names; empty: nothing. Reads, changes nothing. */
  verify(table: TableName): Promise<readonly TableFault[]>
}

export interface TableFault {
  /** Object name, or what of the metadata it is about. */
  readonly at: string
  readonly says: string
  readonly mend: string
}
