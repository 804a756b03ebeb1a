/** How snapshots of the embedded lake differ, and the way back: from manifests, and of the rows only merchants and days. */
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakePartition } from '../../../core/ports/lake.ts'
import type { LakeHistory, MerchantDay } from '../../../core/ports/lake-history.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition, TableName } from '../../../core/tables.ts'
import { partitionChanges } from '../../core/iceberg/changes.ts'
import { snapshotInfo } from '../../core/iceberg/metadata.ts'
import { rollback } from '../../core/iceberg/refs.ts'
import { columnOf } from '../../core/iceberg/schema.ts'
import { partitionTime, periodDays } from '../../core/partition.ts'
import type { TableFile, TableFiles } from '../../core/table-files.ts'
import { readFiles } from '../duckdb/deleted-rows.ts'
import { withConnection } from '../duckdb/parquet.ts'
import { partitionDay } from '../duckdb/parquet-sql.ts'
import type { LocalTable } from './rewrites.ts'

export interface HistoryOptions {
  readonly objects: ObjectStore
  readonly instance: DuckDBInstance
  readonly random: Random
  readonly clock: Clock
  readonly table: (name: TableName) => LocalTable
  readonly files: TableFiles
}

export function createHistory(options: HistoryOptions): LakeHistory {
  const { instance, files } = options

  return {
    async changes(name, from, to) {
      const table = options.table(name)
      const { metadata, snapshot } = await table.reader.metadataOf(from)
      // Both of one reading, so that they name one location.
      const other = metadata.snapshots?.find((one) => String(one['snapshot-id']) === to)
      if (other !== undefined) return partitionChanges(table, metadata, { from: snapshot, to: other })
      const later = await table.reader.metadataOf(to)
      return partitionChanges(table, later.metadata, { from: snapshot, to: later.snapshot })
    },

    async daysOf(name, snapshots, partitions) {
      const { definition } = options.table(name)
      const found = new Map<string, TableFile>()
      for (const snapshot of snapshots) {
        const view = { table: name, snapshot, pending: [] }
        for (const partition of partitions) {
          for (const file of await files.files(view, filterOf(definition, partition))) found.set(file.localPath, file)
        }
      }
      return daysIn(instance, definition, [...found.values()])
    },

    async publishedSince(name, snapshot, since) {
      const { metadata } = await options.table(name).reader.metadataOf(snapshot)
      const wanted = new Set(since)
      return (metadata.snapshots ?? [])
        .map(snapshotInfo)
        .flatMap(({ id, publish }) => (publish !== null && wanted.has(id) ? [publish] : []))
        .sort((a, b) => a - b)
    },

    rollback: (name, { from, to }) => rollback({ ...options, ...options.table(name) }, to, from),
  }
}

function filterOf(definition: TableDefinition, partition: LakePartition | null) {
  if (partition === null) return {}
  const { first, end } = periodDays(partitionTime(definition), partition.period)
  const { generation } = partition
  return { firstDay: first, lastDay: end - 1, ...(generation === null ? {} : { generation }) }
}

async function daysIn(
  instance: DuckDBInstance,
  definition: TableDefinition,
  files: readonly TableFile[],
): Promise<readonly MerchantDay[]> {
  if (files.length === 0) return []
  const columns = ['merchant', partitionTime(definition).column].map((name) => columnOf(definition, name))
  return withConnection(instance, async (connection) => {
    const result = await connection.runAndReadAll(
      `SELECT DISTINCT merchant, ${partitionDay(definition)} AS day FROM ${readFiles(columns, files)}
       WHERE merchant IS NOT NULL ORDER BY ALL`,
    )
    return result.getRows().map(([merchant, day]) => ({ merchant: String(merchant), day: Number(day) }))
  })
}
