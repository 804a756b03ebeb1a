/** How a table's snapshots differ, and the way back to an earlier one. Part of `LakeMaintainer`, with its adapters and contract. */
import type { TableName } from '../tables.ts'
import type { LakePartition } from './lake.ts'

/** Files, and the rows that came or went with them. */
export interface FilesChanged {
  readonly files: number
  readonly rows: number
}

/**
 * What differs in one partition; null: in files that are not partitioned as ours are. A rewrite removes rows with one file
 * and adds them with another, so both are counted. Delete files remove the rows that they name.
 */
export interface PartitionChange {
  readonly partition: LakePartition | null
  readonly added: FilesChanged
  readonly removed: FilesChanged
}

/** A merchant's UTC day (since 1970) of which a table has rows. */
export interface MerchantDay {
  readonly merchant: string
  readonly day: number
}

/** Where a table is and where it shall be; both are snapshots it has. */
export interface RollbackStep {
  readonly from: string
  readonly to: string
}

export interface LakeHistory {
  /** By generation and period, null first. None where the snapshots hold the same files. @throws SnapshotNotFoundError */
  changes(table: TableName, from: string, to: string): Promise<readonly PartitionChange[]>
  /**
   * Whose days have rows in those partitions in any of the snapshots, each once: all days that may differ between them.
   * @throws SnapshotNotFoundError
   */
  daysOf(
    table: TableName,
    snapshots: readonly string[],
    partitions: readonly PartitionChange['partition'][],
  ): Promise<readonly MerchantDay[]>
  /**
   * Publications and derivations (`_publish`) that one of the snapshots `since` brought into a table that was at `snapshot`,
   * rising. `since`: all from there on, each the child of the one before. @throws SnapshotNotFoundError
   */
  publishedSince(table: TableName, snapshot: string, since: readonly string[]): Promise<readonly number[]>
  /**
   * Makes `to` what the table is at: no new snapshot, and none goes. Done where it is already. From then on `snapshots` has
   * it first.
   * @throws CommitConflictError where the table is at another snapshot than `from`
   */
  rollback(table: TableName, step: RollbackStep): Promise<void>
}
