/**
 * Which Parquet files a reader of a table must open: those of its view that may hold rows passing the filter, on this
 * machine's disk. Files are left out by partition (generation, day) and by the bounds of `merchant`; rows of the files
 * given are still to be filtered.
 */
import type { ScanFilter, TableView } from '../../core/ports/lake.ts'

export interface TableFile {
  readonly localPath: string
  readonly rows: number
  readonly bytes: number
  /** False for staged files: committed, not yet in Iceberg; they have no `_publish` and `_row`. */
  readonly published: boolean
  /**
   * Position delete files that may name rows of it, and what they call it; those rows are not the table's. Without any:
   * none are deleted. `rows` counts them all the same, for they are read.
   */
  readonly deletes?: readonly { readonly localPath: string; readonly uri: string }[]
  /** Ids of columns of ours that the table's schema has no more: they read as null, whatever the file has. */
  readonly dropped?: readonly number[]
}

export interface TableFiles {
  /** @throws SnapshotNotFoundError, CorruptTableError */
  files(view: TableView, filter?: ScanFilter): Promise<readonly TableFile[]>
}
