/**
 * What every lake does with rows before its tables know of them: stages them as Parquet, and merges staged files into the
 * data files of a publication. Both by DuckDB, into the ObjectStore, by way of a scratch folder of this machine.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { utcDay } from '../../../core/event-time.ts'
import type { Random } from '../../../core/ports/clock.ts'
import type { LakeWriter, StagedFile } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { LakeRow, TableDefinition } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import type { AppendFile } from '../../core/iceberg/append.ts'
import type { TableLayout } from '../../core/iceberg/layout.ts'
import { partitionTime } from '../../core/partition.ts'
import { rowOrder } from '../../core/row-order.ts'
import { stagedFolder, stagedName } from '../../core/staged-name.ts'
import { withConnection } from '../duckdb/parquet.ts'
import { mergeStaged } from '../duckdb/parquet-merge.ts'
import { writeRows } from '../duckdb/parquet-rows.ts'
import { stagedColumns } from '../duckdb/parquet-sql.ts'
import { inSlices } from '../duckdb/slice-rows.ts'

export interface StagingOptions {
  readonly objects: ObjectStore
  /** Its memory limit and temporary folder bound what a merge takes. */
  readonly instance: DuckDBInstance
  /** Where rows are staged, if apart: an epoch must not wait for memory that a merge or a question has taken. */
  readonly stagingInstance?: DuckDBInstance
  /** A folder of this machine for files on their way into the store; emptied by whoever starts the process. */
  readonly scratch: string
  readonly random: Random
  /** Rows that are sorted at once; by the memory of `instance` where absent. */
  readonly sliceMaxRows?: number
}

export interface Staging extends Pick<LakeWriter, 'stage' | 'discard' | 'stagedNames'> {
  /**
   * One data file per partition of the staged files' rows, durable, under the names `layout` gives; rows numbered over all
   * of them. The same files give the same bytes under the same names. No files: none.
   */
  merge(
    target: { readonly definition: TableDefinition; readonly layout: TableLayout },
    publish: number,
    files: readonly StagedFile[],
  ): Promise<readonly AppendFile[]>
  /** The same of files in the scratch folder, which stay there. */
  mergeLocal(
    target: { readonly definition: TableDefinition; readonly layout: TableLayout },
    publish: number,
    paths: readonly string[],
  ): Promise<readonly AppendFile[]>
}

export function createStaging(options: StagingOptions): Staging {
  const { objects, instance, stagingInstance = instance, random } = options
  const scratchFile = () => join(options.scratch, `${Buffer.from(random.bytes(12)).toString('hex')}.parquet`)
  const removeFile = (path: string) => rm(path, { force: true })

  function mergedFiles(
    { definition, layout }: { readonly definition: TableDefinition; readonly layout: TableLayout },
    id: number,
    paths: readonly string[],
  ): Promise<AppendFile[]> {
    return inSlices(instance, options.sliceMaxRows, async (connection, slices) => {
      const merged: AppendFile[] = []
      const merge = { connection, definition, publish: id, paths, scratchFile, removeFile, ...slices }
      for await (const { partition, path, facts } of mergeStaged(merge)) {
        try {
          const name = layout.dataFile(id, partition, await hashOf(path))
          await objects.put(name, fileBytes(path))
          const period = [partition.period]
          const values = definition.partition.generation ? [partition.generation, ...period] : period
          merged.push({ name, partition: values, ...facts })
        } finally {
          await removeFile(path)
        }
      }
      return merged
    })
  }

  return {
    async stage(table, name, rows) {
      const definition = tables[table]
      const days = dayRange(definition, rows)
      const columns = stagedColumns(definition)
      await mkdir(options.scratch, { recursive: true })
      const path = scratchFile()
      try {
        const facts = await withConnection(stagingInstance, (connection) =>
          // Sorted here, not by DuckDB, whose sort holds all strings in memory: an epoch may be larger than its limit.
          writeRows({ connection, columns, rows: rows.toSorted(rowOrder(definition)), path, scratchFile, removeFile }),
        )
        const object = stagedName(name)
        await objects.put(object, fileBytes(path))
        return { name: object, table, rows: facts.rows, bytes: facts.bytes, ...days }
      } finally {
        await removeFile(path)
      }
    },

    discard: (name) => objects.remove(stagedName(name)),

    stagedNames: () => objects.list(stagedFolder),

    async merge(target, publish, files) {
      if (files.length === 0) return []
      await mkdir(options.scratch, { recursive: true })
      const paths = await Promise.all(files.map((file) => objects.localPath(file.name)))
      return mergedFiles(target, publish, paths)
    },

    mergeLocal: mergedFiles,
  }
}

/** @throws TypeError where a row has no place in a partition: it could never be published */
function dayRange(definition: TableDefinition, rows: readonly LakeRow[]): Pick<StagedFile, 'firstDay' | 'lastDay'> {
  let firstMs = Number.POSITIVE_INFINITY
  let lastMs = Number.NEGATIVE_INFINITY
  const { column } = partitionTime(definition)
  for (const row of rows) {
    const time = row[column]
    if (typeof time !== 'number') throw new TypeError(`a row of ${definition.name} has no ${column}`)
    if (definition.partition.generation && typeof row._gen !== 'number') {
      throw new TypeError(`a row of ${definition.name} has no _gen`)
    }
    if (typeof row.merchant !== 'string') throw new TypeError(`a row of ${definition.name} has no merchant`)
    if (time < firstMs) firstMs = time
    if (time > lastMs) lastMs = time
  }
  if (rows.length === 0) throw new TypeError(`nothing to stage for ${definition.name}`)
  return { firstDay: utcDay(firstMs), lastDay: utcDay(lastMs) }
}

// 64 bits of SHA-256: two different files of one publication and partition never meet.
export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of fileBytes(path)) hash.update(part)
  return hash.digest('hex').slice(0, 16)
}

/** Bytes of a scratch file read at once. */
const readChunkBytes = 256 * 1_024

// Not a read stream: that opens its file on its own, and fails on its own too where a store gave up before it read.
export async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path)
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(readChunkBytes)
      const { bytesRead } = await file.read(chunk)
      if (bytesRead === 0) return
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
