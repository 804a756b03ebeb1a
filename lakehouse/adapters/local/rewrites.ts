/**
 * Maintenance of the embedded lake's tables: which files a partition has, and one file instead of many. A rewrite that fails
 * or dies leaves files nobody names; it may be repeated at any time.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeMaintainer, LakePartition, PartitionFiles } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition, TableName } from '../../../core/tables.ts'
import { foldMaxValues } from '../../../schemas/tables.ts'
import type { TableLayout } from '../../core/iceberg/layout.ts'
import type { DataFile } from '../../core/iceberg/manifest.ts'
import { currentSnapshot, snapshotInfo, specFor } from '../../core/iceberg/metadata.ts'
import { replaceFiles } from '../../core/iceberg/replace.ts'
import type { LoadedTable, TableReader } from '../../core/iceberg/table-reader.ts'
import { partitionTime, periodDays } from '../../core/partition.ts'
import { withConnection } from '../duckdb/parquet.ts'
import { isOutOfMemory, sliceMaxRows, sliceMinRows } from '../duckdb/parquet-merge.ts'
import { type RewrittenPartition, rewritePartition } from '../duckdb/parquet-rewrite.ts'
import { fileBytes, hashOf } from './staging.ts'

export interface LocalTable {
  readonly definition: TableDefinition
  readonly layout: TableLayout
  readonly reader: TableReader
}

export interface RewritesOptions {
  readonly objects: ObjectStore
  readonly instance: DuckDBInstance
  readonly scratch: string
  readonly random: Random
  readonly clock: Clock
  readonly sliceMaxRows?: number
  readonly smallManifestsMax?: number
  /** Values that a merchant, breakdown and day keeps; `foldMaxValues` where absent. */
  readonly foldMaxValues?: number
  readonly table: (name: TableName) => LocalTable
}

export function createRewrites(
  options: RewritesOptions,
): Pick<LakeMaintainer, 'lastPublish' | 'partitions' | 'rewrite'> {
  const { objects, instance, random } = options
  const scratchFile = () => join(options.scratch, `${Buffer.from(random.bytes(12)).toString('hex')}.parquet`)
  const removeFile = (path: string) => rm(path, { force: true })

  /** Smaller slices where memory runs out. */
  async function rewritten(
    definition: TableDefinition,
    paths: readonly string[],
    maxRows = options.sliceMaxRows ?? sliceMaxRows,
  ): Promise<RewrittenPartition | undefined> {
    const maxValues = options.foldMaxValues ?? foldMaxValues
    try {
      return await withConnection(instance, (connection) =>
        rewritePartition({ connection, definition, paths, maxValues, scratchFile, removeFile, sliceMaxRows: maxRows }),
      )
    } catch (error) {
      if (!isOutOfMemory(error) || maxRows <= sliceMinRows) throw error
      return rewritten(definition, paths, Math.max(sliceMinRows, Math.floor(maxRows / 4)))
    }
  }

  return {
    async lastPublish(name) {
      const loaded = await options.table(name).reader.load()
      return Math.max(0, ...(loaded?.metadata.snapshots ?? []).map((snapshot) => snapshotInfo(snapshot).publish ?? 0))
    },

    async partitions(name) {
      const found = new Map<string, PartitionFiles>()
      for (const { partition, file } of await liveFiles(options.table(name))) {
        const key = `${partition.generation}/${partition.period}`
        const { files, rows, bytes } = found.get(key) ?? { files: 0, rows: 0, bytes: 0 }
        found.set(key, { ...partition, files: files + 1, rows: rows + file.rows, bytes: bytes + file.bytes })
      }
      return [...found.values()].sort((a, b) => (a.generation ?? 0) - (b.generation ?? 0) || a.period - b.period)
    },

    async rewrite(name, { generation, period }) {
      const { definition, layout, reader } = options.table(name)
      const partition = { generation, period }
      const own = (await liveFiles(options.table(name))).filter(
        ({ partition: other }) => other.generation === generation && other.period === period,
      )
      if (own.length === 0) return null
      await mkdir(options.scratch, { recursive: true })
      const paths = await Promise.all(own.map(({ object }) => objects.localPath(object)))
      const result = await rewritten(definition, paths)
      if (result === undefined) return null
      const { path, facts, truncated } = result
      try {
        const object = layout.rewrittenFile(partition, await hashOf(path))
        // The same bytes as a file there is: that one stays, and the others go.
        const isThere = own.some((file) => file.object === object)
        if (!isThere) await objects.put(object, fileBytes(path))
        const values = generation === null ? [period] : [generation, period]
        const snapshot = await replaceFiles(
          { ...options, definition, layout, reader },
          {
            removed: own.filter((file) => file.object !== object).map(({ file }) => file),
            added: isThere ? [] : [{ name: object, partition: values, ...facts }],
            operation: truncated.length > 0 ? 'overwrite' : 'replace',
            partition: layout.partitionFolder(partition),
          },
        )
        const day = periodDays(partitionTime(definition), period).first
        return { snapshot, truncated: truncated.map((merchant) => ({ merchant, day })) }
      } finally {
        await removeFile(path)
      }
    },
  }
}

interface LiveFile {
  readonly partition: LakePartition
  readonly file: DataFile
  /** Object name. */
  readonly object: string
}

/** Of the newest snapshot, partitioned as ours are. */
async function liveFiles({ definition, reader }: LocalTable): Promise<readonly LiveFile[]> {
  const loaded: LoadedTable | undefined = await reader.load()
  const snapshot = loaded && currentSnapshot(loaded.metadata)
  if (loaded === undefined || snapshot === undefined) return []
  const { metadata } = loaded
  const spec = specFor(metadata, definition)?.['spec-id']
  const found: LiveFile[] = []
  for await (const { file, specId } of reader.liveFiles(metadata, snapshot, () => true)) {
    const period = file.partition.at(-1)
    if (specId !== spec || typeof period !== 'number') continue
    const generation = definition.partition.generation ? (file.partition[0] ?? null) : null
    found.push({ partition: { generation, period }, file, object: reader.nameOf(metadata, file.uri) })
  }
  return found
}
