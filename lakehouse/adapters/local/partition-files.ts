/** The files of a table's newest snapshot, partition by partition, with the delete files that speak of them: for rewriting. */
import type { LakePartition } from '../../../core/ports/lake.ts'
import { currentSnapshot, specFor } from '../../core/iceberg/metadata.ts'
import { planScan, type ScanFile, wholeTable } from '../../core/iceberg/read-scan.ts'
import type { ParquetFile } from '../duckdb/deleted-rows.ts'
import type { LocalTable } from './rewrites.ts'
import { droppedColumns, type FileChecks } from './table-files.ts'

export interface LiveFile extends ScanFile {
  readonly partition: LakePartition
  /** Object name of the data file. */
  readonly object: string
  /** What DuckDB reads of it: its rows that are not deleted. @throws CorruptTableError, UnsupportedTableError */
  open(): Promise<ParquetFile>
}

/** Of files partitioned as ours are. @throws CorruptTableError, UnsupportedTableError */
export async function liveFiles(table: LocalTable, checks: FileChecks): Promise<readonly LiveFile[]> {
  const { definition, reader } = table
  const loaded = await reader.load()
  const snapshot = loaded && currentSnapshot(loaded.metadata)
  if (loaded === undefined || snapshot === undefined) return []
  const { metadata } = loaded
  const spec = specFor(metadata, definition)?.['spec-id']
  const dropped = droppedColumns(definition, metadata, snapshot)
  const found: LiveFile[] = []
  for (const { file, specId, deletes } of await planScan(reader, metadata, snapshot, { pruner: wholeTable })) {
    const period = file.partition.at(-1)
    if (specId !== spec || typeof period !== 'number') continue
    const generation = definition.partition.generation ? (file.partition[0] ?? null) : null
    found.push({
      partition: { generation, period },
      file,
      specId,
      deletes,
      object: reader.nameOf(metadata, file.uri),
      open: async () => ({ ...(await checks.localFile(reader, metadata, { file, deletes })), dropped }),
    })
  }
  return found
}
