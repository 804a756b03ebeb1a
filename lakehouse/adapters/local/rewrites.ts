/**
 * Maintenance of the embedded lake's tables: which files a partition has, and one file instead of many. A rewrite that fails
 * or dies leaves files nobody names; it may be repeated at any time.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeMaintainer, PartitionFiles } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { TableDefinition, TableName } from '../../../core/tables.ts'
import { foldMaxValues } from '../../../schemas/tables.ts'
import type { TableLayout } from '../../core/iceberg/layout.ts'
import { snapshotInfo } from '../../core/iceberg/metadata.ts'
import { replaceFiles } from '../../core/iceberg/replace.ts'
import type { TableReader } from '../../core/iceberg/table-reader.ts'
import { partitionTime, periodDays } from '../../core/partition.ts'
import type { ParquetFile } from '../duckdb/deleted-rows.ts'
import { type RewrittenPartition, rewritePartition } from '../duckdb/parquet-rewrite.ts'
import { inSlices } from '../duckdb/slice-rows.ts'
import { liveFiles } from './partition-files.ts'
import { fileBytes, hashOf } from './staging.ts'
import { createFileChecks } from './table-files.ts'

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
  const checks = createFileChecks(objects)

  function rewritten(
    definition: TableDefinition,
    files: readonly ParquetFile[],
  ): Promise<RewrittenPartition | undefined> {
    const maxValues = options.foldMaxValues ?? foldMaxValues
    return inSlices(instance, options.sliceMaxRows, (connection, slices) =>
      rewritePartition({ connection, definition, files, maxValues, scratchFile, removeFile, ...slices }),
    )
  }

  return {
    async lastPublish(name) {
      const loaded = await options.table(name).reader.load()
      return Math.max(0, ...(loaded?.metadata.snapshots ?? []).map((snapshot) => snapshotInfo(snapshot).publish ?? 0))
    },

    async partitions(name) {
      const found = new Map<string, PartitionFiles>()
      const counted = new Set<string>()
      for (const { partition, file, deletes } of await liveFiles(options.table(name), checks)) {
        const key = `${partition.generation}/${partition.period}`
        const { files, rows, bytes } = found.get(key) ?? { files: 0, rows: 0, bytes: 0 }
        // A delete file that speaks of several data files is one.
        const more = deletes.filter(({ uri }) => !counted.has(uri))
        for (const { uri } of more) counted.add(uri)
        found.set(key, {
          ...partition,
          files: files + 1 + more.length,
          rows: rows + file.rows,
          bytes: more.reduce((sum, one) => sum + one.bytes, bytes + file.bytes),
        })
      }
      return [...found.values()].sort((a, b) => (a.generation ?? 0) - (b.generation ?? 0) || a.period - b.period)
    },

    async rewrite(name, { generation, period }) {
      const { definition, layout, reader } = options.table(name)
      const partition = { generation, period }
      const own = (await liveFiles(options.table(name), checks)).filter(
        ({ partition: other }) => other.generation === generation && other.period === period,
      )
      if (own.length === 0) return null
      await mkdir(options.scratch, { recursive: true })
      const result = await rewritten(definition, await Promise.all(own.map((file) => file.open())))
      if (result === undefined) return null
      const { path, facts, truncated } = result
      try {
        const object = layout.rewrittenFile(partition, await hashOf(path))
        // The same bytes as a file there is: that one stays, and the others go.
        const isThere = own.some((file) => file.object === object)
        const isNew = !isThere && facts.rows > 0
        if (isNew) await objects.put(object, fileBytes(path))
        const values = generation === null ? [period] : [generation, period]
        const snapshot = await replaceFiles(
          { ...options, definition, layout, reader },
          {
            removed: own.filter((file) => file.object !== object).map(({ file }) => file),
            settled: own.filter((file) => file.object === object).map(({ file }) => file),
            applied: own.flatMap(({ deletes }) => deletes.map(({ uri }) => uri)),
            added: !isNew ? [] : [{ name: object, partition: values, ...facts }],
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
