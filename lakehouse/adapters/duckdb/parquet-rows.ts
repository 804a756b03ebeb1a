/**
 * Rows of JavaScript values, in their order, into one Parquet file. DuckDB handles up to 2,048 rows at once and holds each
 * such lot several times over, so rows much wider than usual are written in pieces of few rows and the pieces then streamed
 * into the file.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Column, LakeRow } from '../../../core/tables.ts'
import { constantColumns } from './constant-columns.ts'
import { copyToParquet, type FileFacts, loadRows, rowGroupRowsFor } from './parquet.ts'
import { quoteName, readParquet } from './parquet-sql.ts'

/** Rows above this mean width are written in pieces. */
export const wideRowBytes = 4_096

export interface RowsToWrite {
  readonly connection: DuckDBConnection
  readonly columns: readonly Column[]
  readonly rows: readonly LakeRow[]
  readonly path: string
  readonly scratchFile: () => string
  readonly removeFile: (path: string) => Promise<void>
}

export async function writeRows(given: RowsToWrite): Promise<FileFacts> {
  const { connection, columns, rows, path } = given
  const rowBytes = meanRowBytes(columns, rows)
  const rowGroupMaxRows = rowGroupRowsFor(rowBytes)
  if (rowBytes <= wideRowBytes) return writeAtOnce(given, rows, path, rowGroupMaxRows)
  const pieces: string[] = []
  try {
    for (let from = 0; from < rows.length; from += rowGroupMaxRows) {
      const piece = given.scratchFile()
      pieces.push(piece)
      await writeAtOnce(given, rows.slice(from, from + rowGroupMaxRows), piece, rowGroupMaxRows)
    }
    const all = `SELECT * FROM ${readParquet(columns, pieces)}`
    return await copyToParquet(connection, all, columns, path, { use: 'staged', rowGroupMaxRows })
  } finally {
    for (const piece of pieces) await given.removeFile(piece)
  }
}

async function writeAtOnce(
  { connection, columns }: RowsToWrite,
  rows: readonly LakeRow[],
  path: string,
  rowGroupMaxRows: number,
): Promise<FileFacts> {
  const constants = constantColumns(columns, rows)
  const copied = columns.filter(({ name }) => !constants.has(name))
  const selected = columns.map(({ name }) => {
    const literal = constants.get(name)
    return literal === undefined ? quoteName(name) : `${literal} AS ${quoteName(name)}`
  })
  await loadRows(connection, 'staging', copied, rows)
  try {
    return await copyToParquet(connection, `SELECT ${selected.join(', ')} FROM temp.staging`, columns, path, {
      use: 'staged',
      rowGroupMaxRows,
    })
  } finally {
    await connection.run('DROP TABLE temp.staging')
  }
}

// Strings make rows wide; all else is small beside them.
function meanRowBytes(columns: readonly Column[], rows: readonly LakeRow[]): number {
  let bytes = rows.length * columns.length * 8
  const names = columns.filter((column) => column.type === 'string').map((column) => column.name)
  for (const row of rows) {
    for (const name of names) {
      const value = row[name]
      if (typeof value === 'string') bytes += value.length
    }
  }
  return bytes / Math.max(1, rows.length)
}
