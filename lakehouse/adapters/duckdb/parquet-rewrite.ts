/**
 * Makes one Parquet file of all rows of a partition: superseded ones left out, long breakdowns cut, partial rows of one key
 * folded, in the table's order. Memory is bounded as in `parquet-merge.ts`: a large partition is cut into ranges of its
 * keys, each sorted by itself; how large, follows from the memory that DuckDB was given (`slice-rows.ts`).
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { TableDefinition } from '../../../core/tables.ts'
import { unitColumns } from '../../core/superseded.ts'
import { type ParquetFile, readFiles } from './deleted-rows.ts'
import { keyRanges } from './key-ranges.ts'
import { copyToParquet, type FileFacts } from './parquet.ts'
import { cutValues } from './parquet-cut.ts'
import { foldedRows } from './parquet-fold.ts'
import { quoteName, readParquet, rowWeight, tableOrder } from './parquet-sql.ts'
import type { Slices } from './slice-rows.ts'

export interface RewriteOptions extends Slices {
  readonly connection: DuckDBConnection
  readonly definition: TableDefinition
  /** The partition's files. */
  readonly files: readonly ParquetFile[]
  /** Values that a breakdown keeps. */
  readonly maxValues: number
  readonly scratchFile: () => string
  readonly removeFile: (path: string) => Promise<void>
}

export interface RewrittenPartition {
  readonly path: string
  readonly facts: FileFacts
  /** Merchants of whom a breakdown was cut. */
  readonly truncated: readonly string[]
}

/** Undefined where the partition is one file that can stay as it is. The caller removes the file. */
export async function rewritePartition(options: RewriteOptions): Promise<RewrittenPartition | undefined> {
  const { connection, definition, files, scratchFile, sliceMaxRows, rowGroupMaxRows } = options
  const { rows, truncated } = await cutValues(connection, definition, heldRows(definition, files), options.maxValues)
  // Publications and rewrites write files in order and folded.
  if (files.length === 1 && !files[0]?.deletes?.length && truncated.length === 0) return undefined
  const from = `(${rows}) WHERE true`
  const [[weight] = [0]] = (
    await connection.runAndReadAll(`SELECT coalesce(sum(${rowWeight(definition)}), 0) FROM ${from}`)
  ).getRows()
  const ranges = Number(weight) <= sliceMaxRows ? ['true'] : await keyRanges(connection, definition, from, sliceMaxRows)
  const path = scratchFile()
  const write = { use: 'data file', rowGroupMaxRows } as const
  const sorted = (range: string) => inOrder(definition, `SELECT * FROM ${from} AND ${range}`)
  if (ranges.length === 1) {
    const facts = await copyToParquet(connection, sorted('true'), definition.columns, path, write)
    return { path, facts, truncated }
  }
  const parts: string[] = []
  try {
    for (const range of ranges) {
      const part = scratchFile()
      parts.push(part)
      await copyToParquet(connection, sorted(range), definition.columns, part, {
        use: 'part',
        rowGroupMaxRows,
      })
    }
    // Without ORDER BY: DuckDB keeps the order of files and rows, and streams.
    const all = `SELECT * FROM ${readParquet(definition.columns, parts)}`
    return { path, facts: await copyToParquet(connection, all, definition.columns, path, write), truncated }
  } finally {
    for (const part of parts) await options.removeFile(part)
  }
}

function heldRows(definition: TableDefinition, files: readonly ParquetFile[]): string {
  const rows = `SELECT * FROM ${readFiles(definition.columns, files)}`
  const unit = unitColumns(definition)?.map(quoteName).join(', ')
  if (unit === undefined) return rows
  return `${rows} WHERE (${unit}, "_publish") IN (SELECT (${unit}, max("_publish")) FROM (${rows}) GROUP BY ${unit})`
}

// By publication and row at last: rows of derived tables may share their position.
function inOrder(definition: TableDefinition, rows: string): string {
  const names = definition.columns.map(({ name }) => quoteName(name)).join(', ')
  return `SELECT ${names} FROM (${foldedRows(definition, rows, definition.columns)})
ORDER BY ${tableOrder(definition)}, "_publish", "_row"`
}
