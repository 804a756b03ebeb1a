/**
 * The embedded lake: Parquet by DuckDB, Iceberg tables by our own commits, everything in one ObjectStore.
 *
 * Staging and publication are durable when they resolve and may be repeated at any time: a publication that landed is
 * found in the table's history, one that did not leaves files nobody names. Several writers of one table are safe (one
 * commit after the other), several publications of one id are not meant to run at once: the publisher's lease sees to it.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { utcDay } from '../../../core/event-time.ts'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { LakeReader, LakeWriter, ScanFilter, StagedFile } from '../../../core/ports/lake.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import type { LakeRow, TableDefinition, TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { type AppendFile, appendFiles, publishedSnapshot } from '../../core/iceberg/append.ts'
import { TableLayout } from '../../core/iceberg/layout.ts'
import { snapshotInfo } from '../../core/iceberg/metadata.ts'
import { TableReader } from '../../core/iceberg/table-reader.ts'
import { rowOrder } from '../../core/row-order.ts'
import { stagedFolder, stagedName } from '../../core/staged-name.ts'
import type { TableFiles } from '../../core/table-files.ts'
import { withConnection } from '../duckdb/parquet.ts'
import { chunkRows } from '../duckdb/parquet-columns.ts'
import { isOutOfMemory, mergeStaged, sliceMaxRows, sliceMinRows } from '../duckdb/parquet-merge.ts'
import { writeRows } from '../duckdb/parquet-rows.ts'
import { partitionDay, quoteName, readParquet, stagedColumns } from '../duckdb/parquet-sql.ts'
import { createTableFiles } from './table-files.ts'

export interface LocalLakeOptions {
  readonly objects: ObjectStore
  /** The process's one DuckDB; its memory limit and temporary folder bound what a merge takes. */
  readonly instance: DuckDBInstance
  /** A folder of this machine for files on their way into the store; emptied by whoever starts the process. */
  readonly scratch: string
  readonly random: Random
  readonly clock: Clock
  /** URI of the folder `lake/` as metadata names it: `file:///var/hitlake/lake`. */
  readonly location: string
  readonly sliceMaxRows?: number
  readonly smallManifestsMax?: number
}

export type LocalLake = LakeWriter & LakeReader & TableFiles

interface LocalTable {
  readonly definition: TableDefinition
  readonly layout: TableLayout
  readonly reader: TableReader
}

export function createLocalLake(options: LocalLakeOptions): LocalLake {
  const { objects, instance, random } = options
  const local = Object.fromEntries(
    Object.values(tables).map((definition) => {
      const layout = new TableLayout(definition, options.location)
      return [definition.name, { definition, layout, reader: new TableReader({ objects, definition, layout }) }]
    }),
  ) as Record<TableName, LocalTable>
  const tableFiles = createTableFiles({ objects, reader: (table) => local[table].reader })
  const scratchFile = () => join(options.scratch, `${Buffer.from(random.bytes(12)).toString('hex')}.parquet`)

  const removeFile = (path: string) => rm(path, { force: true })

  /** Data files of the publication, durable, not yet in the table. Smaller slices where memory runs out. */
  async function mergedFiles(
    { definition, layout }: Pick<LocalTable, 'definition' | 'layout'>,
    id: number,
    paths: readonly string[],
    maxRows = options.sliceMaxRows ?? sliceMaxRows,
  ): Promise<AppendFile[]> {
    try {
      return await withConnection(instance, async (connection) => {
        const merged: AppendFile[] = []
        const merge = { connection, definition, publish: id, paths, scratchFile, removeFile, sliceMaxRows: maxRows }
        for await (const { partition, path, facts } of mergeStaged(merge)) {
          try {
            const name = layout.dataFile(id, partition, await hashOf(path))
            await objects.put(name, fileBytes(path))
            const day = [partition.day]
            const values = definition.partition.generation ? [partition.generation, ...day] : day
            merged.push({ name, partition: values, ...facts })
          } finally {
            await removeFile(path)
          }
        }
        return merged
      })
    } catch (error) {
      if (!isOutOfMemory(error) || maxRows <= sliceMinRows) throw error
      return mergedFiles({ definition, layout }, id, paths, Math.max(sliceMinRows, Math.floor(maxRows / 4)))
    }
  }

  return {
    files: tableFiles.files,

    async stage(table, name, rows) {
      const { definition } = local[table]
      const days = dayRange(definition, rows)
      const columns = stagedColumns(definition)
      await mkdir(options.scratch, { recursive: true })
      const path = scratchFile()
      try {
        const facts = await withConnection(instance, (connection) =>
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

    async publish(table, id, files) {
      const { definition, layout, reader } = local[table]
      const done = await publishedSnapshot(reader, id)
      if (done !== undefined) return { snapshot: done }
      await mkdir(options.scratch, { recursive: true })
      const paths = await Promise.all(files.map((file) => objects.localPath(file.name)))
      const merged = paths.length === 0 ? [] : await mergedFiles(local[table], id, paths)
      return { snapshot: await appendFiles({ ...options, definition, layout, reader }, id, merged) }
    },

    async snapshots(table) {
      const loaded = await local[table].reader.load()
      return (loaded?.metadata.snapshots ?? []).map(snapshotInfo).reverse()
    },

    async *scan(view, filter = {}) {
      const { definition } = local[view.table]
      const found = await tableFiles.files(view, filter)
      for (const published of [true, false]) {
        const paths = found.filter((file) => file.published === published).map((file) => file.localPath)
        if (paths.length > 0) yield* scanFiles(instance, definition, paths, filter, published)
      }
    },
  }
}

async function* scanFiles(
  instance: DuckDBInstance,
  definition: TableDefinition,
  paths: readonly string[],
  filter: ScanFilter,
  published: boolean,
): AsyncGenerator<readonly LakeRow[]> {
  const columns = published ? definition.columns : stagedColumns(definition)
  const names = columns.map((column) => quoteName(column.name)).join(', ')
  const { where, values } = filterSql(definition, filter)
  const connection = await instance.connect()
  try {
    await connection.run(`SET TimeZone = 'UTC'`)
    const result = await connection.stream(`SELECT ${names} FROM ${readParquet(columns, paths)} ${where}`, values)
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) return
      yield chunkRows(chunk, columns)
    }
  } finally {
    connection.closeSync()
  }
}

function filterSql(definition: TableDefinition, filter: ScanFilter): { where: string; values: (string | number)[] } {
  const day = partitionDay(definition)
  const terms: [string, string | number | undefined][] = [
    ['"merchant" =', filter.merchant],
    [`${day} >=`, filter.firstDay],
    [`${day} <=`, filter.lastDay],
    ['"_gen" =', definition.partition.generation ? filter.generation : undefined],
  ]
  const values: (string | number)[] = []
  const parts: string[] = []
  for (const [term, value] of terms) if (value !== undefined) parts.push(`${term} $${values.push(value)}`)
  return { where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`, values }
}

/** @throws TypeError where a row has no place in a partition: it could never be published */
function dayRange(definition: TableDefinition, rows: readonly LakeRow[]): Pick<StagedFile, 'firstDay' | 'lastDay'> {
  let firstMs = Number.POSITIVE_INFINITY
  let lastMs = Number.NEGATIVE_INFINITY
  for (const row of rows) {
    const time = row[definition.partition.day]
    if (typeof time !== 'number') throw new TypeError(`a row of ${definition.name} has no ${definition.partition.day}`)
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

// 64 bits of SHA-256: two different files of one publication and day never meet.
async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of fileBytes(path)) hash.update(part)
  return hash.digest('hex').slice(0, 16)
}

/** Bytes of a scratch file read at once. */
const readChunkBytes = 256 * 1_024

// Not a read stream: that opens its file on its own, and fails on its own too where a store gave up before it read.
async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
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
